"""Lesson 10's specification: loops in float64 over positions, heads and keys.

Angles come one at a time from Python's own sin and cos, exact sums from math.fsum. The weights of
attention are lesson 4's. Cases in which scores are large are made of whole numbers and have width
4, whose root is exact: no order of operations rounds their scores.
"""

from __future__ import annotations

import math

import numpy as np

from grader.course.specification import Draw, Exercise, case, tensor
from grader.protocol.values import Check

INF = math.inf
BY_VALUE = {"dtype": False}


# --- RMSNorm ------------------------------------------------------------------------------------


def rms_reference(x, gain, eps=1e-6) -> np.ndarray:
    """One vector at a time, with exact sums."""
    out = np.zeros_like(x)
    d = x.shape[-1]
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place].tolist()
        size = math.sqrt(math.fsum(entry * entry for entry in row) / d + eps)
        for c, entry in enumerate(row):
            out[(*place, c)] = gain[c] * entry / size
    return out


def rms_checks(draw: Draw) -> list[Check]:
    """The checks of ``rms_norm``."""
    n, d, b, c = draw.sizes(4, 2, 6)
    square, many = draw.integer(3, 4), draw.integer(9, 16)
    large = round(float(draw.uniform(0.3, 2.0)), 2)

    def given(name, x, *eps, gain=None, dtype="float32", **more):
        x = np.asarray(x, np.float64)
        gain = draw.normal(x.shape[-1]) if gain is None else np.asarray(gain, np.float64)
        args = (tensor(x, dtype), tensor(gain, dtype), *eps)
        return case(name, "rms_norm", *args, reference=rms_reference, **more)

    def ask(*shape, mean=0.0, spread=1.0, eps=(), name="", **more):
        x = mean + spread * draw.normal(*shape)
        return given(name or f"shape {shape}", x, *eps, **more)

    return [
        Check(
            "root mean square 1",
            "what is divided by, and over which axis: every vector by itself, and nothing is "
            "subtracted from it",
            (
                given("[1, 7], gain 1", [[1, 7]], gain=[1, 1]),
                given("[2, 2, 2, 2], gain 1", [[2, 2, 2, 2]], gain=[1] * 4),
                ask(3, 4, gain=np.ones(4), name="3 vectors, gain 1"),
                ask(n, many, mean=2.0, gain=np.ones(many), name=f"{n} vectors of mean 2, gain 1"),
            ),
            core=True,
            share=2,
        ),
        Check(
            "gain",
            "what happens after the division: one scale for each feature",
            (
                given("[1, 7], gain [2, 5]", [[1, 7]], gain=[2, 5]),
                ask(n, d),
                ask(square, square, mean=1.0),
            ),
            core=True,
        ),
        Check(
            "leading axes",
            "that the last axis is meant, however many stand before it, and that nothing is "
            "shared between positions",
            (
                ask(d),
                ask(b, n, d, mean=-1.0),
                ask(2, 3, 4, 5, spread=3.0),
                ask(square, square, square),
                ask(c, b, n, d),
            ),
        ),
        Check(
            "eps",
            "where eps is added, which shows when the numbers are small, or eps large; and what it "
            "is when the caller does not say",
            (
                ask(n, d, eps=(large,), name=f"eps {large:g}"),
                ask(n, d, eps=(0.1,), spread=0.1, name="eps 0.1, entries near 0.1"),
                ask(n, d, spread=1e-3, name="eps not given, entries near 0.001"),
                ask(n, many, eps=(0.0,), spread=1e-3, name="eps 0, entries near 0.001"),
                given("eps not given, all entries 0", np.zeros((2, 3))),
            ),
        ),
        Check(
            "sizes of one",
            "a vector of a single feature, a single position",
            (ask(n, 1), ask(1, d), ask(1, 1, d), ask(1)),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (ask(2, 3), ask(n, d, dtype="float64"), ask(b, n, d, eps=(0.5,), dtype="float64")),
        ),
        Check(
            "gradients",
            "backpropagation into x and gain: the root mean square depends on x, too",
            (
                ask(2, 4, mean=1.0, grad=("0", "1"), draw=draw),
                ask(2, 2, 5, eps=(large,), grad=("0", "1"), draw=draw),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as x /= or a name that ends in _",
            (ask(n, d, watch=True), ask(b, n, d, watch=True)),
            rule="untouched",
        ),
    ]


EXERCISES = [
    Exercise(
        "rms_norm",
        2,
        rms_checks,
        hints=(
            "Work out the vector (1, 7) on paper: the squares, their mean, its root. Which two "
            "steps of layer norm are missing here?",
            "One mean over the last axis, of the squares; eps is added to it, then the root is "
            "taken. Keep the axis of the mean, so that it lines up with the vectors. The gain "
            "comes last and is (d,): broadcasting finds the features by itself.",
            "mean square ← mean over ____ of ____, with that axis kept\n"
            "answer ← x divided by the root of (____ + ____), times ____",
        ),
        views=("gain", "leading axes"),
    ),
]
