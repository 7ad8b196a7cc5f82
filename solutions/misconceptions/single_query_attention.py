"""What goes wrong in lesson 1."""

from __future__ import annotations

import numpy as np

from solutions.registry import wrong


@wrong(
    "softmax",
    "overflows",
    "exponentiates the raw scores",
    "Fine for small scores; for a score of 1000 exp overflows to inf and inf/inf is nan.",
)
def softmax_overflows(scores, axis=-1):
    powers = np.exp(scores)
    return powers / powers.sum(axis=axis, keepdims=True)


@wrong(
    "softmax",
    "ignores_axis",
    "always works along the last axis",
    "The axis argument changes nothing: with axis=0 the columns do not sum to 1.",
)
def softmax_ignores_axis(scores, axis=-1):
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
