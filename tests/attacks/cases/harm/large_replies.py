"""TRIES: answers that can be sent one by one, and together are more than a frame may hold.

MUST: be replaced by failures that say so, not end the worker.

ROWS: 13
"""

OUTCOME = ("graded",)

# --- handed in ---
import torch


def softmax_jacobian(weights):
    return torch.zeros(3_000_000, dtype=torch.float64)
