"""Lesson 1's specification: NumPy, float64, references as loops over plain floats."""

from __future__ import annotations

import math

import numpy as np

from grader.core.values import Check
from grader.specs.building import Draw, Exercise, probe

TIGHT = {"rtol": 1e-11, "atol": 1e-13}


def softmax_reference(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """exp(s_i) / sum_j exp(s_j), one slice at a time, the sum exact (math.fsum)."""
    moved = np.moveaxis(np.array(scores), axis, -1)
    out = np.empty_like(moved)
    for place in np.ndindex(*moved.shape[:-1]):
        row = [float(s) for s in moved[place]]
        top = max(row)
        powers = [math.exp(s - top) for s in row]
        total = math.fsum(powers)
        out[place] = [p / total for p in powers]
    return np.moveaxis(out, -1, axis)


def softmax_checks(draw: Draw) -> list[Check]:
    n, m, k = draw.sizes(3, 2, 6)

    def ask(name, scores, **more):
        return probe(name, "softmax", scores, reference=softmax_reference, **more)

    return [
        Check(
            "one row of scores",
            "exp of each score, divided by the sum of all of them",
            (
                ask("two scores", draw.normal(2)),
                ask(f"{n} scores", draw.normal(n, scale=3)),
                ask("one score", draw.normal(1)),
            ),
            options=TIGHT,
            core=True,
            share=2,
        ),
        Check(
            "matrices and any axis",
            "the axis argument, and keepdims in the sum",
            (
                ask(f"a {n} x {m} matrix, last axis", draw.normal(n, m)),
                ask(f"a {n} x {m} matrix, axis 0", draw.normal(n, m), axis=0),
                ask(f"a square {k} x {k} matrix", draw.normal(k, k)),
                ask(f"shape ({n}, {m}, {k}), axis 1", draw.normal(n, m, k), axis=1),
            ),
            options=TIGHT,
        ),
        Check(
            "large scores",
            "what exp does to 1000, and what subtracting the same number from every score changes",
            (
                ask("scores near 1000", draw.normal(n) + 1000),
                ask("scores near -1000", draw.normal(n) - 1000),
                ask("scores from -10000 to 10000", np.array([-1e4, 0.0, 1e4])),
                ask(
                    "rows far apart: one near 5000, one near -5000",
                    np.stack([draw.normal(3) + 5000, draw.normal(3) - 5000]),
                ),
            ),
            options=TIGHT,
        ),
        Check(
            "the input is left alone",
            "an in-place operation such as -= writes into the caller's array",
            (ask("the scores after the call", draw.normal(n, m), watch=True),),
            options=TIGHT,
        ),
    ]


EXERCISES = [
    Exercise(
        "softmax",
        3,
        softmax_checks,
        hints=(
            "Weights must be positive whatever the sign of the score. Which function of a real "
            "number is always positive and grows with it?",
            "Exponentiate every score and divide by the sum along the axis. Adding the same "
            "constant to all scores of a row changes nothing, so choose the constant that keeps "
            "the largest exponent at zero.",
            "shift ← scores minus their ____ along the axis (keep the axis)\n"
            "powers ← ____ of shift\n"
            "answer ← powers divided by their ____ along the axis (keep the axis)",
        ),
    ),
]
