"""TRIES: shared mappings that children fill and leave: memory that no process seems to hold.

MUST: be refused, or end as out of memory.

ROWS: 25
"""

OUTCOME = ("graded", "out_of_memory")
LIMITS = {"worker": {"memory": 1610612736}}

# --- handed in ---
import ctypes
import mmap
import os

SIZE = 1 << 28
held, kept = 0, []
libc = ctypes.CDLL(None, use_errno=True)


def anonymous():
    return mmap.mmap(-1, SIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)


def validated():
    return mmap.mmap(-1, SIZE, flags=3 | mmap.MAP_ANONYMOUS)  # MAP_SHARED_VALIDATE


def zero():
    return mmap.mmap(os.open("/dev/zero", os.O_RDWR), SIZE, flags=mmap.MAP_SHARED)


def read_only():
    zeros = os.open("/dev/zero", os.O_RDONLY)
    return mmap.mmap(zeros, SIZE, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)


for make in (anonymous, validated, zero, read_only):
    for _ in range(4):
        try:
            one = make()
            child = os.fork()
        except (OSError, ValueError):
            break
        if child == 0:
            for place in range(0, SIZE, 4096):
                one[place] if make is read_only else one.__setitem__(place, 1)
            os._exit(0)
        os.waitpid(child, 0)
        kept.append(one)
        held += SIZE
print("REACHED", [f"{held >> 20} MB"] if held else [])


def softmax_jacobian(weights):
    return None
