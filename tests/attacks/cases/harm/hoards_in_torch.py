"""TRIES: tensors that are too large, in the answer.

MUST: end as out of memory.

ROWS: 25
"""

OUTCOME = ("out_of_memory",)

# --- handed in ---
import torch


def softmax_jacobian(weights):
    return torch.ones(1 << 34)
