"""TRIES: to show 100 through sys.displayhook from inside the answer (full marks in nbgrader).

MUST: earn nothing; what a cell shows is never a score.

ROWS: 1
"""
PLAIN = True

# --- handed in ---
import sys


def softmax_jacobian(weights):
    sys.displayhook(100)
    sys.displayhook("anything")
    sys.stdout = None


sys.displayhook(3.0)
3.0
