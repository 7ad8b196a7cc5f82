"""TRIES: to crash the interpreter: address 0, a broken code object, a freed thing.

MUST: end as crashed, for that answer alone.

ROWS: 12
"""

OUTCOME = ("crashed",)

# --- handed in ---
import ctypes


def softmax_jacobian(weights):
    ctypes.memset(id(None), 0, 64)
    ctypes.string_at(0)
