"""Lesson 10's specification: loops in float64 over positions, heads and keys.

Angles come one at a time from Python's own sin and cos, exact sums from math.fsum. The weights of
attention are lesson 4's. Cases in which scores are large are made of whole numbers and have width
4, whose root is exact: no order of operations rounds their scores.
"""

from __future__ import annotations

import math
import operator

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


# --- SwiGLU -------------------------------------------------------------------------------------

GATED = ("gate.weight", "up.weight", "down.weight")


def silu_of(z: float) -> float:
    """z · sigmoid(z), without exp of a large number."""
    if z >= 0:
        return z / (1 + math.exp(-z))
    power = math.exp(z)
    return z * power / (1 + power)


def swiglu_reference(weights, x) -> np.ndarray:
    """One position and one hidden unit at a time."""
    gate, up, down = (weights[name].tolist() for name in GATED)
    out = np.zeros((*x.shape[:-1], len(down)))
    for place in np.ndindex(*x.shape[:-1]):
        entries = x[place].tolist()
        hidden = [
            silu_of(sum(map(operator.mul, g, entries))) * sum(map(operator.mul, u, entries))
            for g, u in zip(gate, up, strict=True)
        ]
        out[place] = [sum(map(operator.mul, row, hidden)) for row in down]
    return out


def swiglu_weights(draw: Draw, d: int, d_ff: int) -> dict[str, np.ndarray]:
    """Three matrices, none of which can be taken for another."""
    gate, up = (draw.normal(d_ff, d, scale=1.5 / d**0.5) for _ in range(2))
    return dict(zip(GATED, (gate, up, draw.normal(d, d_ff, scale=1.5 / d_ff**0.5)), strict=True))


def swiglu_checks(draw: Draw) -> list[Check]:
    """The checks of ``SwiGLU``."""
    n, d, d_ff, b = draw.sizes(4, 2, 7)
    square = draw.integer(3, 4)

    def given(name, x, hidden, dtype="float32", weights=None, **more):
        width = x.shape[-1]
        weights = weights or swiglu_weights(draw, width, hidden)
        return case(
            name,
            "SwiGLU",
            tensor(x, dtype),
            reference=swiglu_reference,
            init=(width, hidden),
            weights={path: np.asarray(w, dtype) for path, w in weights.items()},
            **more,
        )

    def ask(shape, hidden, dtype="float32", scale=1.0, **more):
        name = f"x {shape}, d_ff {hidden}"
        return given(name, scale * draw.normal(*shape), hidden, dtype, **more)

    by_hand = {
        "gate.weight": [[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]],
        "up.weight": [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
        "down.weight": [[1.0, 0.0, 1.0], [0.0, 1.0, -1.0]],
    }
    far = np.array([[[200.0, -300.0], [-300.0, 200.0]]])
    return [
        Check(
            "a gate, and what it lets through",
            "which of the two maps goes through silu, what silu is, and that the two are "
            "multiplied entry by entry before the last map",
            (
                given(
                    "x = (1, 2), matrices of 0 and ±1", np.array([[[1.0, 2.0]]]), 3, weights=by_hand
                ),
                ask((2, 3, 4), 5),
                ask((b, n, d), d_ff),
                ask((2, n, square), square),
            ),
            core=True,
            share=3,
        ),
        Check(
            "exactly silu",
            "which function the gate goes through: several curves look alike, and part in the "
            "third digit or far from 0",
            (
                ask((b, n, d), d_ff, "float64", scale=2.0),
                ask((2, 3, 4), 8, "float64"),
            ),
        ),
        Check(
            "any leading axes",
            "that the layers work on the last axis, whatever stands before it",
            (ask((d,), d_ff), ask((n, d), d_ff), ask((2, b, n, d), d_ff)),
        ),
        Check(
            "sizes of one",
            "a hidden layer of one unit, a single feature, a single position",
            (ask((b, n, d), 1), ask((b, n, 1), d_ff), ask((1, 1, 1), 1)),
        ),
        Check(
            "large numbers",
            "exp of a large number, which overflows where silu is simply 0 or z itself",
            (given("x = (200, -300), matrices of 0 and ±1", far, 3, weights=by_hand),),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (ask((n, d), d_ff), ask((b, n, d), d_ff, "float64")),
        ),
        Check(
            "gradients",
            "whether x and all three matrices are reached by backpropagation",
            (ask((1, 2, 3), 4, "float64", grad=("0", *GATED), draw=draw),),
        ),
        Check(
            "the input is left alone",
            "an in-place operation such as *= writes into the caller's tensor",
            (ask((b, n, d), d_ff, watch=True),),
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
    Exercise(
        "SwiGLU",
        2,
        swiglu_checks,
        hints=(
            "Three linear maps and one nonlinearity. Two of the maps read the same x. Which shapes "
            "do their results have, and what can be done with two tensors of one shape?",
            "The gate goes through silu, z · sigmoid(z), and the other map does not. The two are "
            "multiplied entry by entry; a large negative gate makes a hidden unit nearly 0 "
            "whatever stands in the other map. Then one map leads back to d_model. "
            "torch.nn.functional knows silu.",
            "open ← silu of ____ of x\ncontent ← ____ of x\nanswer ← ____ of (open ____ content)",
        ),
        views=("a gate, and what it lets through",),
    ),
]
