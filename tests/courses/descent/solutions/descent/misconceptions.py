"""What goes wrong in lesson 2."""

from __future__ import annotations

import numpy as np

from grader.course.versions import misconception
from solutions.descent import slope_gradient


@misconception(
    "slope_gradient", "sum", "adds the terms up instead of averaging", "It grows with n."
)
def gradient_sum(x, y, slope):
    return float(np.sum(2 * (slope * x - y) * x))


@misconception(
    "slope_gradient", "no_two", "leaves out the 2 of the square's derivative", "Half as large."
)
def gradient_half(x, y, slope):
    return float(np.mean((slope * x - y) * x))


@misconception(
    "slope_gradient", "sign", "subtracts the prediction from the target", "It points downhill."
)
def gradient_sign(x, y, slope):
    return float(np.mean(2 * (y - slope * x) * x))


@misconception(
    "slope_gradient", "no_x", "forgets the inner derivative", "The term lacks a factor x."
)
def gradient_no_x(x, y, slope):
    return float(np.mean(2 * (slope * x - y)))


@misconception(
    "slope_gradient", "in_place", "writes the errors into y", "The caller's y has changed."
)
def gradient_in_place(x, y, slope):
    y -= slope * x
    return float(np.mean(-2 * y * x))


@misconception("fit_slope", "uphill", "adds the gradient", "Each step makes the error larger.")
def fit_uphill(x, y, rate, steps):
    slope = 0.0
    for _ in range(steps):
        slope += rate * slope_gradient(x, y, slope)
    return slope


@misconception("fit_slope", "from_one", "begins at 1 instead of 0", "With 0 steps it returns 1.")
def fit_from_one(x, y, rate, steps):
    slope = 1.0
    for _ in range(steps):
        slope -= rate * slope_gradient(x, y, slope)
    return slope


@misconception(
    "fit_slope", "one_more", "takes one step too many", "With 0 steps the slope has moved."
)
def fit_one_more(x, y, rate, steps):
    slope = 0.0
    for _ in range(steps + 1):
        slope -= rate * slope_gradient(x, y, slope)
    return slope


@misconception(
    "fit_slope", "same_gradient", "computes the gradient once, at 0", "Steps never get smaller."
)
def fit_same_gradient(x, y, rate, steps):
    return -rate * steps * slope_gradient(x, y, 0.0)
