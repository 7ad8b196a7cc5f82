"""TRIES: bytes that are no frame.

MUST: end as crashed.

ROWS: 15
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os


def softmax_jacobian(weights):
    os.write(3, os.urandom(4096))
