"""TRIES: to return an array subclass whose comparisons and conversions are forged.

MUST: earn nothing.

ROWS: 3
"""

LESSON = "single_query_attention"
EXERCISE = "softmax"

# --- handed in ---
import numpy as np


class Liar(np.ndarray):
    def __array_ufunc__(self, *a, **k):
        return True

    def __array_function__(self, *a, **k):
        return True

    def __array_finalize__(self, other):
        self.expected = True

    def __eq__(self, other):
        return True

    def tobytes(self, *a):
        return b"\0" * 8

    __hash__ = None


def softmax(scores, axis=-1):
    return np.ones(np.shape(scores)).view(Liar)
