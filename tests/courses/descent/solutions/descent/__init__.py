"""Lesson 2: gradient descent on the slope of a line."""

from __future__ import annotations

import numpy as np


def slope_gradient(x: np.ndarray, y: np.ndarray, slope: float) -> float:
    """The derivative of the mean squared error of ``slope * x`` in ``slope``.

    Args:
        x: inputs, (n,).
        y: targets, (n,).
        slope: where the derivative is taken.

    Returns:
        One float.
    """
    return float(np.mean(2 * (slope * x - y) * x))


def fit_slope(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> float:
    """Gradient descent on the mean squared error of ``slope * x``, from a slope of 0.

    Args:
        x: inputs, (n,).
        y: targets, (n,).
        rate: what each gradient is multiplied by.
        steps: how many steps to take; 0 returns 0.0.

    Returns:
        The slope after the last step, as a float.
    """
    slope = 0.0
    for _ in range(steps):
        slope -= rate * slope_gradient(x, y, slope)
    return slope
