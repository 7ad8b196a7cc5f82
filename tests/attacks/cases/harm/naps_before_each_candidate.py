"""TRIES: to sleep in the worker of each candidate as long as a whole notebook may.

MUST: be stopped for all candidates together.

ROWS: 13
"""

LESSON = "masking"
EXERCISE = "examine_attention"
OUTCOME = ("timed_out",)
LIMITS = {"idle": 1.0, "naps": 2.5}

# --- handed in ---
import time

time.sleep(0.4)


def examine_attention(candidate):
    time.sleep(0.4)
