"""TRIES: to have the judge compute with arrays that hold no number but have very long sides.

MUST: be refused; the product of their sides would be memory of the judge's.

ROWS: 25
"""

LESSON = "masking"
EXERCISE = "examine_attention"
OUTCOME = ("graded",)

# --- handed in ---
import torch

said = []


def examine_attention(candidate):
    long = torch.zeros(12_000, 0)
    try:
        candidate(long, long, long)
        said.append("answered")
    except ValueError as error:
        said.append(str(error))
    raise ValueError("REACHED " + str([s for s in said if "at most" not in s]))
