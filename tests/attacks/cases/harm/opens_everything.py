"""TRIES: to use up file descriptors, pipes with large buffers, and locks.

MUST: be bounded.

ROWS: 25
"""

# --- handed in ---
import fcntl
import os

kept = []
try:
    while len(kept) < 100000:
        ends = os.pipe()
        kept += ends
        fcntl.fcntl(ends[0], 1031, 1 << 20)
except OSError:
    pass
print("REACHED", [len(kept)] if len(kept) > 512 else [])
for fd in kept:
    os.close(fd)


def softmax_jacobian(weights):
    kept.extend(os.open("/dev/null", 0) for _ in range(10000))
