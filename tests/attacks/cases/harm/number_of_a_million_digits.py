"""TRIES: a whole number that takes minutes to write down.

MUST: be called wrong.

ROWS: 27
"""

LESSON = "single_query_attention"
EXERCISE = "attention"


# --- handed in ---
def attention(query, keys, values):
    return [1 << 40_000_000] * len(values[0])
