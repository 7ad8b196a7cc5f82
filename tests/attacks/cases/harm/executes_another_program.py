"""TRIES: to become another program that keeps the line to the judge open and says nothing.

MUST: be ended.

ROWS: 12, 15
"""

OUTCOME = ("timed_out", "crashed")
NO_PROCESSES = ("graded",)
LIMITS = {"idle": 1}

# --- handed in ---
import os


def softmax_jacobian(weights):
    os.set_inheritable(3, True)
    os.execvp("sleep", ["sleep", "@MARKER@"])
