"""TRIES: infinities, whose differences are NaN or whose tolerance is infinite.

MUST: earn nothing.

ROWS: 27
"""
PLAIN = True

# --- handed in ---
import torch


def softmax_jacobian(weights):
    n = len(weights)
    return torch.full((n, n), float("-inf"), dtype=weights.dtype).fill_diagonal_(float("inf"))
