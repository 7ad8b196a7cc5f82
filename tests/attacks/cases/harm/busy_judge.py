"""TRIES: 5000 calls of the judge's function with arguments as large as they may be.

MUST: be refused after some seconds of the judge's work, whatever the worker's own time says.

ROWS: 13, 25
"""

LESSON = "masking"
EXERCISE = "examine_attention"
OUTCOME = ("graded",)

# --- handed in ---
import torch


def examine_attention(candidate):
    rows = torch.zeros(330, 1, 1)
    answered = 0
    try:
        while answered < 4000:
            candidate(rows, rows, rows)
            answered += 1
    except ValueError as error:
        said = str(error)
    # Refused, after not too many calls
    raise ValueError("REACHED " + str([n for n in [answered] if n > 999 or "no more" not in said]))
