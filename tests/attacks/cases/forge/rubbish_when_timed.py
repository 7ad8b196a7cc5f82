"""TRIES: to give anything at all, at once, where the judge times it, and to forge the counts.

MUST: earn no more than the same loop without: what is timed is also compared.

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
    if len(queries) > 1000:
        return queries[:, :1] * 0.0, np.broadcast_to(0.0, (len(queries), len(keys)))
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    weights = np.array(rows)
    return weights @ values, weights
