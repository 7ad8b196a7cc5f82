"""TRIES: one byte of an answer, so that the judge waits for the rest, and memory in the meantime.

MUST: end as out of memory: the judge looks while it reads, too.

ROWS: 25
"""

OUTCOME = ("out_of_memory",)
NO_PROCESSES = ("graded",)
LIMITS = {"idle": 6, "checks_cpu": 10, "worker": {"memory": 1258291200, "processes": 24}}

# --- handed in ---
import os
import time

hoard = []


def softmax_jacobian(weights):
    wait, go = os.pipe()
    try:
        for _ in range(9):
            if os.fork() == 0:
                os.read(wait, 1)
                hoard.append(bytearray(os.urandom(1 << 20) * 150))
                time.sleep(60)
                os._exit(0)
    except OSError:  # no new processes at this level: as much as one may have
        while True:
            hoard.append(bytearray(1 << 24))
    os.write(3, b"\0\0\1\0\0\0\0\0")
    os.write(go, b"x" * 9)
    for _ in range(80):
        os.write(3, b"[")
        time.sleep(0.05)
