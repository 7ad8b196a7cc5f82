"""TRIES: to fill every file system that it can write to, and one file beyond all bounds.

MUST: be bounded by the little that it may use; the machine's disk is not touched.

ROWS: 25
"""

LIMITS = {"cell_cpu": 3}

# --- handed in ---
import os
import signal

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sizes = {}
for place in ("/tmp", "/dev/shm", ".", "/", "/home", "/var/tmp"):
    sizes[place] = 0
    for number in range(6):
        try:
            with open(f"{place}/f{number}", "wb") as file:
                while file.write(b"x" * (1 << 20)):
                    sizes[place] += 1
        except OSError:
            pass
print("REACHED", [f"{place} {size} MB" for place, size in sizes.items() if size > 80])


def softmax_jacobian(weights):
    return None
