"""Lesson 4's specification: heads one at a time, positions one at a time, in float64.

Cases in which numbers are large are made of whole numbers and have heads of width 4, whose root
is exact: no order of operations rounds their scores.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from grader.core.values import Check
from grader.specs.building import Draw, Exercise, probe, question, raises, tensor, wide

INF = math.inf
MAPS = ("W_query.weight", "W_key.weight", "W_value.weight", "W_output.weight")
# A float32 logsumexp of scores in the thousands is good to a few digits only.
ROUGH = {"rtol": 2e-3, "atol": 2e-4}


# --- split and merge ----------------------------------------------------------------------------


def split_reference(x: np.ndarray, num_heads: int) -> np.ndarray:
    """Feature by feature: c goes to head c // w, place c % w."""
    *batch, n, d = x.shape
    width = d // num_heads
    out = np.empty((*batch, num_heads, n, width))
    for i in range(n):
        for c in range(d):
            out[..., c // width, i, c % width] = x[..., i, c]
    return out


def merge_reference(x: np.ndarray) -> np.ndarray:
    """Feature by feature, the other way."""
    *batch, heads, n, width = x.shape
    out = np.empty((*batch, n, heads * width))
    for i in range(n):
        for c in range(heads * width):
            out[..., i, c] = x[..., c // width, i, c % width]
    return out


def split_checks(draw: Draw) -> list[Check]:
    heads, n, width = draw.sizes(3, 2, 5)
    b, c, g = draw.sizes(3, 2, 4)
    square = draw.integer(3, 4)

    def given(name, x, count, dtype="float32", **more):
        return probe(
            name, "split_heads", tensor(x, dtype), count, reference=split_reference, **more
        )

    def ask(count, positions, size, batch=(), dtype="float32", **more):
        shape = (*batch, positions, count * size)
        name = f"shape {shape}, {count} head{'s'[: count > 1]}"
        return given(name, draw.normal(*shape), count, dtype, **more)

    def refuse(count, *shape):
        x = tensor(draw.normal(*shape))
        return raises(f"shape {shape}, {count} heads", "split_heads", x, count)

    return [
        Check(
            "one sequence",
            "which features of a position belong to which head, and the order of the three axes: "
            "heads, positions, features",
            (
                given("[[1, 2, 3, 4], [5, 6, 7, 8]], 2 heads", np.arange(1, 9).reshape(2, 4), 2),
                ask(2, 3, 4),
                ask(heads, n, width),
                ask(square, square, square),
            ),
            core=True,
            share=2,
        ),
        Check(
            "batch axes",
            "that axes are counted from the end, so that any number of them may stand in front",
            (
                ask(heads, n, width, (b,)),
                ask(2, 3, 4, (b, c)),
                ask(3, 4, 2, (g, b, c)),
                ask(3, 2, 4, (1,)),
                ask(square, square, square, (square, square)),
            ),
        ),
        Check(
            "sizes of one",
            "a single head, heads that are one feature wide, a single position",
            (
                ask(1, n, width),
                ask(heads, n, 1),
                ask(heads, 1, width, (b,)),
                ask(1, 1, 1),
            ),
        ),
        Check(
            "heads that do not divide the width",
            "what kind of error is raised, and that one is raised at all",
            (refuse(2, 3, 5), refuse(4, 2, 3, 6), refuse(6, 2, 3), refuse(3, 2, 2, 2, 4)),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (ask(2, 3, 2), ask(heads, n, width, (b,), "float64")),
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (ask(2, 2, 2, grad="0", draw=draw), ask(2, 2, 2, (2,), grad="0", draw=draw)),
        ),
        Check(
            "the input is left alone",
            "a name that ends in _: it changes the caller's tensor, and its shape is part of it",
            (ask(heads, n, width, watch=True), ask(2, 3, 4, (b,), watch=True)),
            rule="untouched",
        ),
    ]


def merge_checks(draw: Draw) -> list[Check]:
    heads, n, width = draw.sizes(3, 2, 5)
    b, c, g = draw.sizes(3, 2, 4)
    square = draw.integer(3, 4)

    def given(name, x, dtype="float32", **more):
        return probe(name, "merge_heads", tensor(x, dtype), reference=merge_reference, **more)

    def ask(count, positions, size, batch=(), dtype="float32", **more):
        shape = (*batch, count, positions, size)
        return given(f"shape {shape}", draw.normal(*shape), dtype, **more)

    return [
        Check(
            "one sequence",
            "whether the features that stand side by side in a row of the result belong to one "
            "position, head after head",
            (
                given("[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]", [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]),
                ask(2, 3, 4),
                ask(heads, n, width),
                ask(square, square, square),
            ),
            core=True,
            share=2,
        ),
        Check(
            "batch axes",
            "that axes are counted from the end, so that any number of them may stand in front",
            (
                ask(heads, n, width, (b,)),
                ask(2, 3, 4, (b, c)),
                ask(3, 4, 2, (g, b, c)),
                ask(3, 2, 4, (1,)),
                ask(square, square, square, (square, square)),
            ),
        ),
        Check(
            "sizes of one",
            "a single head, heads that are one feature wide, a single position",
            (
                ask(1, n, width),
                ask(heads, n, 1),
                ask(heads, 1, width, (b,)),
                ask(1, 1, 1),
            ),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (ask(2, 3, 2), ask(heads, n, width, (b,), "float64")),
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (ask(2, 2, 2, grad="0", draw=draw), ask(2, 2, 2, (2,), grad="0", draw=draw)),
        ),
        Check(
            "the input is left alone",
            "a name that ends in _: it changes the caller's tensor, and its shape is part of it",
            (ask(heads, n, width, watch=True), ask(2, 3, 4, (b,), watch=True)),
            rule="untouched",
        ),
    ]


# --- the layer ----------------------------------------------------------------------------------


def _row(scores: list[float]) -> list[float]:
    """One row of weights; a row of -inf gives zeros."""
    seen = [s for s in scores if s != -INF]
    if not seen:
        return [0.0] * len(scores)
    top = max(seen)
    powers = [math.exp(s - top) if s != -INF else 0.0 for s in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]


def layer_reference(heads, weights, x, context=None, mask=None) -> tuple[np.ndarray, np.ndarray]:
    """One sequence, one head, one position at a time.

    W_output is applied head by head: the part of the result that a head brings is its own
    columns of W_output times what it has found.
    """
    asked = x if context is None else context
    w_query, w_key, w_value, w_output = (weights[name] for name in MAPS)
    (batch, n_q, d), n_k = x.shape, asked.shape[1]
    width = d // heads
    shape = (batch, heads, n_q, n_k)
    bias = np.broadcast_to(0.0 if mask is None else wide(mask), shape).tolist()
    shares, output = np.zeros(shape), np.zeros((batch, n_q, d))
    for b in range(batch):
        for h in range(heads):
            own = range(h * width, (h + 1) * width)
            queries = [[float(w_query[c] @ vector) for c in own] for vector in x[b]]
            keys = [[float(w_key[c] @ vector) for c in own] for vector in asked[b]]
            values = np.array([[w_value[c] @ vector for c in own] for vector in asked[b]])
            brings = values @ w_output[:, own].T
            for i in range(n_q):
                scores = [
                    sum(p * q for p, q in zip(queries[i], key, strict=True)) / math.sqrt(width) + m
                    for key, m in zip(keys, bias[b][h][i], strict=True)
                ]
                shares[b, h, i] = row = _row(scores)
                output[b, i] += row @ brings
    return output, shares


def _places(draw: Draw, *shape: int) -> np.ndarray:
    """A random mask whose rows each show something and, where they can, hide something."""
    mask = np.where(draw.uniform(0, 1, *shape) < 0.35, -INF, 0.0)
    for row in mask.reshape(-1, shape[-1]):
        hidden, shown = draw.permutation(shape[-1])[[0, -1]]
        row[hidden] = -INF
        row[shown] = 0.0
    return mask


def _causal(n: int) -> np.ndarray:
    return np.array([[0.0 if j <= i else -INF for j in range(n)] for i in range(n)])


def _padding(lengths: Sequence[int], n: int) -> np.ndarray:
    return np.array([[[[0.0 if j < own else -INF for j in range(n)]]] for own in lengths])


def layer_checks(draw: Draw) -> list[Check]:
    heads, width = draw.sizes(2, 2, 4)
    n_q, n_k = draw.sizes(2, 3, 6)
    d = heads * width
    square = draw.integer(2, 3)

    def call(name, count, x, *rest, weights=None, dtype="float32", **more):
        size = x.shape[-1]
        if weights is None:
            weights = [draw.normal(size, size, scale=size**-0.5) * 1.5 for _ in MAPS]
        given = (tensor(a, dtype if a.ndim == 3 else "float32") for a in ())
        assert not tuple(given)
        return probe(
            name,
            "MultiHeadAttention",
            tensor(x, dtype),
            *rest,
            reference=functools.partial(layer_reference, count),
            init=(size, count),
            weights={path: w.astype(dtype) for path, w in zip(MAPS, weights, strict=True)},
            **more,
        )

    def own(name, sizes, mask=None, dtype="float32", **more):
        """Self-attention: (batch, positions, heads, width of a head)."""
        batch, positions, count, size = sizes
        x = draw.normal(batch, positions, count * size)
        rest = () if mask is None else (None, tensor(mask))
        return call(name, count, x, *rest, dtype=dtype, **more)

    def cross(name, sizes, mask=None, dtype="float32", **more):
        """(batch, queries, keys, heads, width of a head)."""
        batch, queries, keys, count, size = sizes
        x, context = (draw.normal(batch, n, count * size) for n in (queries, keys))
        rest = (tensor(context, dtype),) + (() if mask is None else (tensor(mask),))
        return call(name, count, x, *rest, dtype=dtype, **more)

    def with_scores(name, scores, mask):
        """Two heads of width 4 over four positions whose scaled scores are these, unrounded."""
        x = np.eye(8)[None, :4]
        w_query, w_key = np.zeros((8, 8)), np.zeros((8, 8))
        for h, table in enumerate(np.asarray(scores, float)):
            w_query[4 * h : 4 * h + 4, :4] = 2 * np.eye(4)
            w_key[4 * h : 4 * h + 4, :4] = table
        weights = (w_query, w_key, draw.normal(8, 8), draw.normal(8, 8))
        return call(name, 2, x, None, tensor(mask), weights=weights)

    batch = draw.integer(2, 3)
    lengths = [n_k - 1, n_k - 2] + [1] * (batch - 2)
    lengths = [lengths[place] for place in draw.permutation(batch)]
    padding = _padding(lengths, n_k)
    slopes = -np.abs(np.arange(n_q)[:, None] - np.arange(n_q)) * np.ones((heads, 1, 1))
    slopes *= np.array([2.0**-h for h in range(heads)])[:, None, None]
    biases = _places(draw, heads, n_q, n_k)
    biases[biases == 0] = draw.normal(int((biases == 0).sum()), scale=1.5)
    empty = _places(draw, n_q, n_k)
    empty[draw.integer(0, n_q - 1)] = -INF
    one_head = np.zeros((heads, n_q, n_q))
    one_head[draw.integer(0, heads - 1)] = -INF
    near = np.stack([draw.permutation(16).reshape(4, 4) for _ in range(2)]).astype(float)
    part = np.array([[0, 0, 0, -INF], [0, -INF, 0, 0], [-INF, 0, 0, 0], [0, 0, -INF, -INF]])
    half = np.array([[0.0, 0.0], [-INF, -INF]])
    learned = draw.normal(2, 2, 2)
    learned[1, 0, draw.integer(0, 1)] = -INF
    every = ("0", *MAPS)

    def size_of(queries, keys=0):
        shape = f"{queries} ask {keys}" if keys else f"{queries} positions"
        return f"{batch} sequences, {shape}, {heads} heads of width {width}"

    return [
        Check(
            "self-attention",
            "how queries, keys and values reach the heads and come back: which features belong "
            "to which head, by what number the scores are divided, what W_output is applied to",
            (
                own("2 positions, 2 heads of width 2", (1, 2, 2, 2)),
                own("3 positions, 2 heads of width 3", (1, 3, 2, 3)),
                own(size_of(n_q), (batch, n_q, heads, width)),
                own(
                    f"all sizes {square}: sequences, positions, heads, their width",
                    (square, square, square, square),
                ),
            ),
            core=True,
            share=3,
        ),
        Check(
            "sizes of one",
            "axes of length 1: a single head, heads that are one feature wide, a single position",
            (
                own("a single head", (batch, n_q, 1, 4)),
                own(f"{heads} heads of width 1", (batch, n_q, heads, 1)),
                own("a single position", (1, 1, 2, 2)),
                cross("one asks many", (batch, 1, n_k, heads, width)),
                cross("many ask one", (batch, n_q, 1, heads, width)),
            ),
        ),
        Check(
            "cross-attention",
            "which of the two sequences the queries, the keys and the values come from",
            (
                cross("2 positions ask 3, 2 heads of width 2", (1, 2, 3, 2, 2)),
                cross(size_of(n_q, n_k), (batch, n_q, n_k, heads, width)),
                cross(size_of(n_k, n_q), (batch, n_k, n_q, heads, width)),
                cross(size_of(n_q, n_q), (batch, n_q, n_q, heads, width)),
            ),
            share=2,
        ),
        Check(
            "masks that broadcast",
            "how the mask reaches the scores (B, h, n_q, n_k): whether every sequence and every "
            "head gets its own part of it",
            (
                own(f"causal, ({n_q}, {n_q})", (batch, n_q, heads, width), _causal(n_q)),
                own(
                    f"padding, ({batch}, 1, 1, {n_k})",
                    (batch, n_k, heads, width),
                    padding,
                ),
                own(
                    f"a mask for each head, ({heads}, {n_q}, {n_q})",
                    (batch, n_q, heads, width),
                    _places(draw, heads, n_q, n_q),
                ),
                own(
                    f"a mask for each head of each sequence, ({square}, {square}, {n_q}, {n_q})",
                    (square, n_q, square, width),
                    _places(draw, square, square, n_q, n_q),
                ),
                own(
                    f"one sequence, ({heads}, {n_q}, {n_q})",
                    (1, n_q, heads, width),
                    _places(draw, heads, n_q, n_q),
                ),
                cross(
                    f"padding of the context, ({batch}, 1, 1, {n_k})",
                    (batch, n_q, n_k, heads, width),
                    padding,
                ),
                cross(
                    f"context, a mask for each head, ({heads}, {n_q}, {n_k})",
                    (batch, n_q, n_k, heads, width),
                    _places(draw, heads, n_q, n_k),
                ),
                own(
                    "mask given by name",
                    (batch, n_q, heads, width),
                    **{"keywords": None} if False else {},
                ),
            ),
            share=2,
        ),
        Check(
            "biases",
            "numbers in the mask other than 0 and -inf: they are added to the scaled scores as "
            "they are",
            (
                own("a penalty on distance, head by head", (batch, n_q, heads, width), slopes),
                cross(
                    "biases beside hidden places", (batch, n_q, n_k, heads, width), biases
                ),
                own("a bias for each key", (batch, n_q, heads, width), draw.normal(n_q)),
            ),
        ),
        Check(
            "large scores",
            "whether a hidden key stays at 0 when its score is the largest by far, and whether "
            "exp is ever given a large number",
            (
                with_scores(
                    "visible near -1000, hidden at 1000", np.where(part == 0, near - 1000, 1000), part
                ),
                with_scores(
                    "visible from -1000 to 1000", 1000 - 2000 * (near % 2) + near, np.zeros((4, 4))
                ),
                with_scores(
                    "visible near -30000, hidden at 30000",
                    np.where(part == 0, 50 * near - 30000, 30000),
                    part,
                ),
            ),
            rule="leaks_nothing",
            options=ROUGH,
        ),
        Check(
            "nothing to look at",
            "a row of the mask that is -inf from end to end: weights 0, and 0 goes into W_output",
            (
                cross("one query sees nothing", (batch, n_q, n_k, heads, width), empty),
                own("one head sees nothing", (batch, n_q, heads, width), one_head),
                cross(
                    "one context is all padding",
                    (2, n_q, n_k, heads, width),
                    _padding([n_k - 1, 0], n_k),
                ),
            ),
            rule="leaks_nothing",
        ),
        Check(
            "gradients",
            "whether the inputs, the four matrices and a learned bias are reached by "
            "backpropagation",
            (
                own("self-attention", (1, 2, 2, 1), grad=every, draw=draw),
                cross("cross-attention", (1, 2, 3, 2, 1), grad=("0", "1"), draw=draw),
                cross("a bias for each head", (1, 2, 2, 2, 1), learned, grad=("2",), draw=draw),
            ),
        ),
        Check(
            "gradients where there is nothing to look at",
            "what backpropagation does with a row that softmax has turned into nan, even if the "
            "nan is replaced later",
            (cross("one of 2 queries", (1, 2, 2, 2, 1), half, grad=("0", "1"), draw=draw),),
        ),
        Check(
            "float64",
            "the dtype of the result when the layer is float64 and the mask float32",
            (
                own("no mask", (2, 3, 2, 4), dtype="float64"),
                cross("a float32 mask", (2, n_q, n_k, 2, 4), _places(draw, n_q, n_k), "float64"),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as /= or mask[...] = writes into the caller's tensor",
            (
                own("x after the call", (batch, n_q, heads, width), watch=True),
                cross(
                    "x, context and mask after the call",
                    (2, n_q, n_k, heads, width),
                    _padding([n_k - 1, 0], n_k),
                    watch=True,
                ),
            ),
            rule="untouched",
        ),
    ]
