"""TRIES: NaN in every place, which a careless comparison calls close.

MUST: earn nothing.

ROWS: 27
"""
PLAIN = True

# --- handed in ---
import torch


def softmax_jacobian(weights):
    return torch.full((len(weights), len(weights)), float("nan"), dtype=weights.dtype)
