"""TRIES: a process that leaves its session and its parent and acts after the grading.

MUST: be dead before the score is written.

ROWS: 16
"""

# --- handed in ---
import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(0.1)
    os._exit(0)


def softmax_jacobian(weights):
    return None
