"""TRIES: os._exit(0) with a success code, in the answer.

MUST: end as crashed; no exit code is a score.

ROWS: 12
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os


def softmax_jacobian(weights):
    os._exit(0)
