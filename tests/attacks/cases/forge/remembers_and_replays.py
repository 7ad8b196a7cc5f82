"""TRIES: to keep state: to record every call and answer with what was seen before.

MUST: earn nothing.

ROWS: 29
"""
PLAIN = True

# --- handed in ---
import torch

seen = []


def softmax_jacobian(weights):
    seen.append(weights.clone())
    if len(seen) % 2:
        return seen[-1].diag()
    return seen[-2].diag() if len(seen[-2]) == len(weights) else torch.zeros(len(weights), 1)
