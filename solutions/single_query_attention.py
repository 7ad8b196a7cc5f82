"""Lesson 1: one query looks things up by similarity (NumPy, float64)."""

from __future__ import annotations

import numpy as np


def softmax(scores, axis=-1):
    """Turn scores into weights that are positive and sum to 1 along ``axis``.

    Args:
        scores: float64 array of at least one axis; entries up to ±1e4 must not overflow.
        axis: the axis along which the weights sum to 1.

    Returns:
        float64 array of the shape of ``scores``.
    """
    shifted = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
    return shifted / np.sum(shifted, axis=axis, keepdims=True)
