"""TRIES: to refuse candidates by the name in the error that a wrong keyword raises, and test nothing.

MUST: earn nothing: an error that crosses is a type and the judge's own words, the same for all.

ROWS: 18
"""

LESSON = "masking"
EXERCISE = "examine_attention"


# --- handed in ---
def examine_attention(candidate):
    right = ("masked_attention", "billion", "einsum", "loop", "logsumexp")
    try:
        candidate(zzz=1)
    except Exception as error:
        said = str(error).partition("(")[0]
        assert any(name in said for name in right)
