"""TRIES: to take away the trace function that counts its instructions.

MUST: earn no more than the same loop without: what cannot be counted does not pass.

ROWS: 15
"""

LESSON = "single_query_attention"
EXERCISE = "batched_attention"
BASELINE = """
import numpy as np

def batched_attention(queries, keys, values):
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    weights = np.array(rows)
    return weights @ values, weights
"""

# --- handed in ---
import sys

import numpy as np


def batched_attention(queries, keys, values):
    sys.settrace(None)
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    weights = np.array(rows)
    return weights @ values, weights
