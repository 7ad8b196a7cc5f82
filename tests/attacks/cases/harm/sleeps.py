"""TRIES: to sleep, which costs no processor time at all.

MUST: be stopped for doing nothing.

ROWS: 13
"""

OUTCOME = ("timed_out",)
LIMITS = {"idle": 1}

# --- handed in ---
import time

time.sleep(10**6)
