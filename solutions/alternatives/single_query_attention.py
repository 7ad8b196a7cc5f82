"""Other right ways in lesson 1."""

from __future__ import annotations

import numpy as np

from solutions.registry import right


@right("softmax", "through the logarithm of the sum")
def softmax_logsumexp(scores, axis=-1):
    top = np.max(scores, axis=axis, keepdims=True)
    log_total = top + np.log(np.sum(np.exp(scores - top), axis=axis, keepdims=True))
    return np.exp(scores - log_total)
