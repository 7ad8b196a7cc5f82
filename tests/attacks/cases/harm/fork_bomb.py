"""TRIES: to fork for ever, in every process that this makes.

MUST: be bounded by the number of processes, and be stopped.

ROWS: 25
"""

OUTCOME = ("timed_out", "crashed", "out_of_memory")
LIMITS = {"cell_cpu": 1, "idle": 1.5, "worker": {"processes": 24}}

# --- handed in ---
import os

while True:
    try:
        os.fork()
    except OSError:
        pass
