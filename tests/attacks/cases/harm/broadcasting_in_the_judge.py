"""TRIES: few numbers, in shapes that make 146 million when the judge's function broadcasts them.

MUST: be refused before they are computed with; they would take gigabytes of the judge's memory.

ROWS: 25
"""

LESSON = "masking"
EXERCISE = "examine_attention"
OUTCOME = ("graded",)

# --- handed in ---
import torch

said = []


def examine_attention(candidate):
    query = torch.zeros(110, 1, 1, 1, 1)
    key = torch.zeros(110, 1, 1, 1)
    value = torch.zeros(110, 1, 1)
    mask = torch.zeros(110, 1)
    try:
        candidate(query, key, value, mask)
        said.append("answered")
    except ValueError as error:
        said.append(str(error))
    raise ValueError("REACHED " + str([s for s in said if "small examples" not in s]))
