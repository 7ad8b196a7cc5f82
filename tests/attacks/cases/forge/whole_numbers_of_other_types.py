"""TRIES: numbers of bytes that equal anything: of other types, of types of its own, and without end.

MUST: earn nothing; a number is what was sent, and of one of Python's own types.

ROWS: 3, 14
"""

LESSON = "attention_today"
EXERCISE = "kv_cache_bytes"

# --- handed in ---
import decimal
import enum
import fractions

import numpy as np
import torch


class Any(int):
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __hash__ = int.__hash__

    def __index__(self):
        return 2**63

    __int__ = __index__

    def __repr__(self):
        return "NaN"

    __str__ = __repr__

    def __sub__(self, other):
        return 0

    __rsub__ = __sub__


Kind = enum.IntEnum("Kind", {"nothing": 0})
forms = (
    Any, lambda n: Kind.nothing, np.int64, torch.tensor, decimal.Decimal, fractions.Fraction,
    lambda n: True, lambda n: float("nan"), lambda n: np.ma.masked, lambda n: -(10**4000),
    lambda n: np.bool_(True), lambda n: memoryview(b"1"), lambda n: range(10**18), lambda n: [n],
)  # fmt: skip
calls = iter(range(10**6))


def kv_cache_bytes(layers, num_kv_heads, d_head, tokens, bytes_per_number=2):
    return forms[next(calls) % len(forms)](1)
