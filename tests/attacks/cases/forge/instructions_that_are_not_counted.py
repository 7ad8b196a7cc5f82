"""TRIES: to have the instructions of its loop over the queries counted as one.

MUST: earn no more than the same loop without: the judge times many queries itself.

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
import numpy as np

from grader.protocol.instructions import InstructionCounter

InstructionCounter.work = property(lambda self: 1)


def batched_attention(queries, keys, values):
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    weights = np.array(rows)
    return weights @ values, weights
