"""TRIES: to answer the cases of the notebook's own check from a table, everything else with zeros.

MUST: earn nothing; the graded cases are drawn anew from the salt.

ROWS: 29
"""
PLAIN = True

# --- handed in ---
import torch

TABLE = {
    (0.5, 0.5): [[0.25, -0.25], [-0.25, 0.25]],
    (0.2, 0.8): [[0.16, -0.16], [-0.16, 0.16]],
    (1.0,): [[0.0]],
}


def softmax_jacobian(weights):
    key = tuple(round(float(w), 3) for w in weights)
    n = len(weights)
    return torch.tensor(TABLE.get(key, [[0.0] * n] * n), dtype=weights.dtype)
