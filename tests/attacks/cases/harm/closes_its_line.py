"""TRIES: to close the line to the judge, and to put another file in its place.

MUST: end as crashed.

ROWS: 15
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os


def softmax_jacobian(weights):
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, 3)
