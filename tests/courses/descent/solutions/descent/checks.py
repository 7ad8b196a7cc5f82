"""What lesson 2 is judged by: references as loops over plain floats."""

from __future__ import annotations

import math

import numpy as np

from grader.course.specification import Draw, Exercise, case, question
from grader.protocol.values import Check

TIGHT = {"rtol": 1e-9, "atol": 1e-12}


def gradient_reference(x: np.ndarray, y: np.ndarray, slope: float) -> float:
    """The sum over points, one at a time, divided by their number."""
    terms = [2 * (slope * a - b) * a for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    return math.fsum(terms) / len(terms)


def fit_reference(x: np.ndarray, y: np.ndarray, rate: float, steps: int) -> float:
    """In closed form: each step shrinks the distance to the best slope by one factor."""
    squares = math.fsum(a * a for a in x.tolist())
    best = math.fsum(a * b for a, b in zip(x.tolist(), y.tolist(), strict=True)) / squares
    return best * (1 - (1 - 2 * rate * squares / len(x)) ** steps)


def gradient_checks(draw: Draw) -> list[Check]:
    """Points and slopes of either sign; one point; the arrays are left alone."""
    n = draw.integer(3, 7)
    x, y = draw.normal(n) + 2, draw.normal(n)

    def ask(name: str, *args: object, **more: object) -> object:
        return case(name, "slope_gradient", *args, reference=gradient_reference, **more)

    return [
        Check(
            "the derivative",
            "the derivative of one square, then the mean over the points",
            (
                ask(f"{n} points, slope 0", x, y, 0.0),
                ask(f"{n} points, slope -1.5", x, y, -1.5),
                ask("one point", x[:1], y[:1], 2.0),
            ),
            options=TIGHT,
            core=True,
        ),
        Check(
            "the arrays are left alone",
            "an in-place operation such as *= writes into the caller's array",
            (ask("x and y after the call", x, y, 0.5, watch=True),),
        ),
    ]


def fit_checks(draw: Draw) -> list[Check]:
    """A few steps exactly, no step at all, and ever smaller distances to the best slope."""
    n = draw.integer(4, 8)
    x = draw.uniform(0.5, 1.5, n)
    y = 3 * x + draw.normal(n, scale=0.1)

    def ask(name: str, rate: float, steps: int) -> object:
        return case(name, "fit_slope", x, y, rate, steps, reference=fit_reference)

    best = float(np.dot(x, y) / np.dot(x, x))
    walk = tuple(question(f"{k} steps", "fit_slope", x, y, 0.2, k) for k in (1, 2, 4, 8, 16))
    return [
        Check(
            "a few steps",
            "where the walk begins, and which way a step goes",
            (ask("one step", 0.1, 1), ask("five steps", 0.1, 5), ask("rate 0.3", 0.3, 3)),
            options=TIGHT,
            core=True,
            share=2,
        ),
        Check("no step", "what range(0) does", (ask("0 steps", 0.1, 0),), options=TIGHT),
        Check(
            "nearer with more steps",
            "whether each step starts from the slope that the last one reached",
            walk,
            rule="descent.approaches",
            options={"best": best},
        ),
    ]


EXERCISES = [
    Exercise(
        "slope_gradient",
        2,
        gradient_checks,
        hints=(
            "Write down the error of one point. How does it change when the slope grows a little?",
            "The derivative of a square is twice the inside times the inside's own derivative.",
            "for each point:\n    error ← slope times ____ minus ____\n"
            "    term ← 2 times error times ____\n"
            "answer ← the ____ of the terms",
        ),
    ),
    Exercise(
        "fit_slope",
        3,
        fit_checks,
        hints=(
            "The gradient says which way is uphill. Which way do you go?",
            "Begin at 0. In each step subtract the rate times the gradient at the slope of now.",
            "slope ← 0\nrepeat ____ times:\n"
            "    slope ← slope minus ____ times the gradient at ____",
        ),
        uses=("slope_gradient",),
    ),
]
