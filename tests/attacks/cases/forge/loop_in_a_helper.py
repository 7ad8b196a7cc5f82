"""TRIES: to hide a forbidden loop over the queries in exec.

MUST: earn no more than the same loop written plainly.
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

exec("""
def hidden(queries, keys):
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    return np.array(rows)
""")


def batched_attention(queries, keys, values):
    weights = hidden(queries, keys)
    return weights @ values, weights
