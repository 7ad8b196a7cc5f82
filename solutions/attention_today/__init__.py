"""Lesson 10: what changed in the transformer between 2017 and today (PyTorch)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


def rms_norm(x, gain, eps=1e-6):
    """Divide every vector by its root mean square, then give each feature a scale.

    Zhang and Sennrich 2019, over the last axis: x / √(mean(x²) + eps) · gain. Unlike layer norm it
    subtracts no mean and adds no bias. Every position is normalized on its own.

    Args:
        x: (..., d) tensor, float32 or float64; ``...`` is any number of leading axes, none
            included.
        gain: (d,) tensor, the scale of each feature.
        eps: a small number ≥ 0, added to the mean of the squares before the root is taken.

    Returns:
        (..., d) tensor with the dtype of ``x``.
    """
    mean_square = x.square().mean(dim=-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * gain


class SwiGLU(nn.Module):
    """A feed-forward network with a gate: one linear map decides what passes of another.

    Shazeer 2020: down(silu(gate(x)) · up(x)), with silu(z) = z · sigmoid(z) and the product taken
    entry by entry.

    Args:
        d_model: width of an input vector and of an output vector.
        d_ff: width of the hidden layer, of the gate and of what is gated.
    """

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        """Apply the network to every vector of ``x``.

        Args:
            x: (..., d_model) tensor.

        Returns:
            (..., d_model) tensor in the dtype of ``x``. A position's result depends on that
            position alone.
        """
        return self.down(F.silu(self.gate(x)) * self.up(x))
