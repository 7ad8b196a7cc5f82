"""TRIES: a whole number of 350 digits where a float is expected.

MUST: be called wrong; the judge does not raise.

ROWS: 27
"""

LESSON = "single_query_attention"
EXERCISE = "attention"


# --- handed in ---
def attention(query, keys, values):
    return [10**350] * len(values[0])
