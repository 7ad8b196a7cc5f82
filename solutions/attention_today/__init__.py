"""Lesson 10: what changed in the transformer between 2017 and today (PyTorch)."""

from __future__ import annotations

import torch


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
