"""TRIES: to answer one byte at a time, for ever.

MUST: be ended after a while.

ROWS: 15
"""

OUTCOME = ("crashed", "timed_out")
LIMITS = {"idle": 1}

# --- handed in ---
import os
import time


def softmax_jacobian(weights):
    os.write(3, b"\0\0\1\0\0\0\0\0")
    while True:
        os.write(3, b"[")
        time.sleep(0.05)
