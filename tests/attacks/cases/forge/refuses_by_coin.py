"""TRIES: to refuse candidates by a coin.

MUST: earn nothing: a wrong candidate has to be refused each time that it comes, and no right one
ever, so that even the best coin earns less than a hundredth of the points on average.

ROWS: 15
"""

LESSON = "masking"
EXERCISE = "examine_attention"

# --- handed in ---
import os


def examine_attention(candidate):
    assert os.urandom(1)[0] < 100
