"""TRIES: to replace the functions that a reference might be made of, so that 0 is right.

MUST: earn nothing.

ROWS: 4
"""

LESSON = "single_query_attention"
EXERCISE = "softmax"

# --- handed in ---
import math

import numpy as np

np.exp = np.max = np.sum = np.dot = np.einsum = lambda *a, **k: np.zeros(1)
math.exp = math.fsum = lambda *a: 0.0
np.random.default_rng = lambda *a: None


def softmax(scores, axis=-1):
    return np.zeros_like(scores)
