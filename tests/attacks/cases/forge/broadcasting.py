"""TRIES: an empty array, then ones that broadcast against anything: all() of nothing is true.

MUST: earn nothing; the shape is compared first.

ROWS: 27
"""
PLAIN = True

# --- handed in ---
import torch

shapes = [(0,), (0, 0), (), (1,), (1, 1), (0, 7, 0), (1, 1, 1)]


def softmax_jacobian(weights):
    shapes.append(shapes.pop(0))
    return torch.zeros(shapes[0], dtype=weights.dtype)
