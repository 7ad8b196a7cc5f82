"""TRIES: memory that no process seems to hold: memfd files, SysV segments, deleted files.

MUST: be refused, or be bounded by the disk that it may use.

ROWS: 25
"""

# --- handed in ---
import ctypes
import os

taken, kept = {}, []
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
block = b"x" * (1 << 20)


def fill(fd):
    written = 0
    try:
        while written < 48:
            written += os.write(fd, block) >> 20
    except OSError:
        pass
    return written


def memfd():
    kept.append(os.memfd_create("hoard"))
    return fill(kept[-1])


def segment():
    number = libc.shmget(0, 48 << 20, 0o1600)
    address = libc.shmat(number, None, 0) if number >= 0 else -1
    if number < 0 or address in (-1, (1 << 64) - 1):
        return 0
    ctypes.memset(address, 1, 48 << 20)
    libc.shmdt(ctypes.c_void_p(address))
    return 48


def deleted(folder):
    name = f"{folder}/{len(kept)}"
    kept.append(os.open(name, os.O_RDWR | os.O_CREAT))
    os.unlink(name)
    return fill(kept[-1])


for name, make in {
    "memfd": memfd,
    "segment": segment,
    "deleted": lambda: deleted("/dev/shm"),
    "deleted in tmp": lambda: deleted("/tmp"),
}.items():
    taken[name] = 0
    for _ in range(8):
        try:
            taken[name] += make()
        except OSError:
            break
# 64 MB is what one folder may hold; what is asked for here is 8 x 48.
print("REACHED", {name: f"{size} MB" for name, size in taken.items() if size > 96} or [])


def softmax_jacobian(weights):
    return None
