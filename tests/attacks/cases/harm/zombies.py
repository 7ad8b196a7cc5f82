"""TRIES: children that end and are never waited for, as many as there may be.

MUST: take nobody else down.

ROWS: 25
"""

LIMITS = {"worker": {"processes": 24}}

# --- handed in ---
import os

for _ in range(200):
    try:
        if os.fork() == 0:
            os._exit(0)
    except OSError:
        break


def softmax_jacobian(weights):
    return None
