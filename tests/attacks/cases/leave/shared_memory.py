"""TRIES: to leave shared memory, semaphores and message queues for its second submission.

MUST: find none of them the second time.

ROWS: 16
"""

TWICE = True

# --- handed in ---
import ctypes
from multiprocessing import shared_memory

found = []
libc = ctypes.CDLL(None, use_errno=True)
for name, make in {"shm": libc.shmget, "sem": libc.semget, "msg": libc.msgget}.items():
    arguments = {"shm": (4711, 4096), "sem": (4711, 1), "msg": (4711,)}[name]
    if make(*arguments, 0) >= 0:
        found.append(name)
    make(*arguments, 0o1666)
try:
    shared_memory.SharedMemory("left-behind")
    found.append("POSIX")
except OSError:
    pass
try:
    kept = shared_memory.SharedMemory("left-behind", create=True, size=64)
except OSError:
    pass
print("REACHED", found)


def softmax_jacobian(weights):
    return None
