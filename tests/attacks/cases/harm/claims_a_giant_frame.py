"""TRIES: a frame that says it has 8 GB, and one that says it has 60 MB and ends early.

MUST: be refused before anything is allocated for it.

ROWS: 15, 26
"""

OUTCOME = ("crashed",)

# --- handed in ---
import os
import struct

calls = []


def softmax_jacobian(weights):
    calls.append(1)
    os.write(3, struct.pack("!II", 0xFFFFFFFF, 0xFFFFFFFF) + b"{}")
