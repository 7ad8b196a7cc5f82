"""TRIES: children that each take less than one process may, and together more than the machine has.

MUST: be stopped; the bound is for all of a submission together.

ROWS: 25
"""

OUTCOME = ("out_of_memory",)
LIMITS = {"idle": 30, "worker": {"memory": 1258291200, "processes": 24}}

# --- handed in ---
import os
import time

full, says = os.pipe()
hoard = []
try:
    for _ in range(9):
        if os.fork() == 0:
            try:
                hoard = os.urandom(1 << 20) * 200
                os.write(says, b"x")
                time.sleep(60)
            finally:
                os._exit(0)  # never a second worker
except OSError:  # no new processes at this level: as much as one may have
    while True:
        hoard.append(bytearray(1 << 24))
for _ in range(9):
    os.read(full, 1)
time.sleep(1)


def softmax_jacobian(weights):
    return None
