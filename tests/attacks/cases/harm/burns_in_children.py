"""TRIES: to burn processor time in children that nobody waits for, so that it is not counted.

MUST: be stopped all the same.

ROWS: 13, 25
"""

OUTCOME = ("timed_out",)
NO_PROCESSES = ("graded",)
LIMITS = {"cell_cpu": 1, "idle": 1.5}

# --- handed in ---
import os
import signal
import time

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass
        os._exit(0)
    time.sleep(0.15)
