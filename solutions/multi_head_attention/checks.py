"""Lesson 4's specification: heads one at a time, positions one at a time, in float64.

Cases in which numbers are large are made of whole numbers and have heads of width 4, whose root
is exact: no order of operations rounds their scores.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from grader.course.specification import Draw, Exercise, case, question, raises, tensor, wide
from grader.protocol.values import Check

INF = math.inf
MAPS = ("W_query.weight", "W_key.weight", "W_value.weight", "W_output.weight")
# A float32 logsumexp of scores in the thousands is accurate to a few digits only.
ROUGH = {"rtol": 2e-3, "atol": 2e-4}


# --- split and merge ----------------------------------------------------------------------------


def split_reference(x: np.ndarray, num_heads: int) -> np.ndarray:
    """Move feature by feature: c goes to head c // w, place c % w."""
    *batch, n, d = x.shape
    width = d // num_heads
    out = np.empty((*batch, num_heads, n, width))
    for i in range(n):
        for c in range(d):
            out[..., c // width, i, c % width] = x[..., i, c]
    return out


def merge_reference(x: np.ndarray) -> np.ndarray:
    """Move feature by feature back from its head."""
    *batch, heads, n, width = x.shape
    out = np.empty((*batch, n, heads * width))
    for i in range(n):
        for c in range(heads * width):
            out[..., i, c] = x[..., c // width, i, c % width]
    return out


def split_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``split_heads``."""
    heads, n, width = draw.sizes(3, 2, 5)
    b, c, g = draw.sizes(3, 2, 4)
    square, eight = draw.integer(3, 4), draw.integer(6, 9)

    def given(name, x, count, dtype="float32", **more):
        return case(name, "split_heads", tensor(x, dtype), count, reference=split_reference, **more)

    def ask(count, positions, size, batch=(), dtype="float32", **more):
        shape = (*batch, positions, count * size)
        name = f"shape {shape}, {count} head{'s'[: count > 1]}"
        return given(name, draw.normal(*shape), count, dtype, **more)

    def refuse(count, *shape):
        x = tensor(draw.normal(*shape))
        return raises(f"shape {shape}, {count} heads", "split_heads", x, count)

    refused = ((2, 3, 5), (4, 2, 3, 6), (6, 2, 3), (3, 2, 2, 2, 4))
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
                ask(eight, 2, 3),
            ),
            core=True,
            share=2,
        ),
        Check(
            "batch axes",
            "that axes are counted from the end, so that any number of them may come first",
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
            "whether an error is raised, of which kind, and whether its message names both "
            "numbers: the width and how many heads there are",
            tuple(refuse(*one) for one in refused),
            "error_names",
            {
                "numbers": [(one[-1], one[0]) for one in refused],
                "names": "error_without_numbers",
            },
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
            "a method whose name ends in _ changes the caller's tensor, and its shape with it",
            (ask(heads, n, width, watch=True), ask(2, 3, 4, (b,), watch=True)),
            rule="untouched",
        ),
    ]


def merge_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``merge_heads``."""
    heads, n, width = draw.sizes(3, 2, 5)
    b, c, g = draw.sizes(3, 2, 4)
    square, eight = draw.integer(3, 4), draw.integer(6, 9)

    def given(name, x, dtype="float32", **more):
        return case(name, "merge_heads", tensor(x, dtype), reference=merge_reference, **more)

    def ask(count, positions, size, batch=(), dtype="float32", **more):
        shape = (*batch, count, positions, size)
        return given(f"shape {shape}", draw.normal(*shape), dtype, **more)

    return [
        Check(
            "one sequence",
            "whether the features side by side in a row of the result belong to one position, "
            "head after head",
            (
                given("[[[1, 2], [5, 6]], [[3, 4], [7, 8]]]", [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]),
                ask(2, 3, 4),
                ask(heads, n, width),
                ask(square, square, square),
                ask(eight, 2, 3),
            ),
            core=True,
            share=2,
        ),
        Check(
            "batch axes",
            "that axes are counted from the end, so that any number of them may come first",
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
            "a method whose name ends in _ changes the caller's tensor, and its shape with it",
            (ask(heads, n, width, watch=True), ask(2, 3, 4, (b,), watch=True)),
            rule="untouched",
        ),
    ]


# --- the layer ----------------------------------------------------------------------------------


def _row(scores: list[float]) -> list[float]:
    """Turn a row of scores into weights; a row of -inf gives zeros."""
    seen = [s for s in scores if s != -INF]
    if not seen:
        return [0.0] * len(scores)
    top = max(seen)
    powers = [math.exp(s - top) if s != -INF else 0.0 for s in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]


def layer_reference(heads, weights, x, context=None, mask=None) -> tuple[np.ndarray, np.ndarray]:
    """Compute one sequence, one head, one position at a time.

    W_output is applied head by head: a head contributes its own columns of W_output times its
    output.
    """
    asked = x if context is None else wide(context)
    w_query, w_key, w_value, w_output = (weights[name] for name in MAPS)
    (batch, n_q, d), n_k = x.shape, asked.shape[1]
    width = d // heads
    root, shape = math.sqrt(width), (batch, heads, n_q, n_k)
    bias = np.broadcast_to(0.0 if mask is None else wide(mask), shape).tolist()
    shares, output = np.zeros(shape), np.zeros((batch, n_q, d))
    for b in range(batch):
        queries, keys = np.inner(x[b], w_query).tolist(), np.inner(asked[b], w_key).tolist()
        values = np.inner(asked[b], w_value)
        for h in range(heads):
            own = slice(h * width, (h + 1) * width)
            brings = np.inner(values[:, own], w_output[:, own])
            for i in range(n_q):
                shares[b, h, i] = _row(
                    [
                        sum(map(operator.mul, queries[i][own], key[own])) / root + add
                        for key, add in zip(keys, bias[b][h][i], strict=True)
                    ]
                )
            output[b] += np.einsum("ij,jd->id", shares[b, h], brings)
    return output, shares


def _places(draw: Draw, *shape: int) -> np.ndarray:
    """Draw a mask whose rows each show something and, where they can, hide something."""
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
    """Return the checks of ``MultiHeadAttention``."""
    heads, width = draw.sizes(2, 2, 4)
    n_q, n_k = draw.sizes(2, 3, 6)
    d = heads * width
    square = draw.integer(2, 3)

    def call(name, count, x, *rest, weights=None, dtype="float32", **more):
        size = x.shape[-1]
        if weights is None:
            weights = [draw.normal(size, size, scale=size**-0.5) * 1.5 for _ in MAPS]
        return case(
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
        """Make a case of self-attention; ``sizes``: batch, positions, heads, head width."""
        batch, positions, count, size = sizes
        x = draw.normal(batch, positions, count * size)
        rest = () if mask is None else (None, tensor(mask))
        return call(name, count, x, *rest, dtype=dtype, **more)

    def cross(name, sizes, mask=None, dtype="float32", **more):
        """Make a case of cross-attention; ``sizes``: batch, queries, keys, heads, head width."""
        batch, queries, keys, count, size = sizes
        x, context = (draw.normal(batch, n, count * size) for n in (queries, keys))
        rest = (tensor(context, dtype),) + (() if mask is None else (tensor(mask),))
        return call(name, count, x, *rest, dtype=dtype, **more)

    def with_scores(name, scores, mask):
        """Make a case of 2 heads of width 4 over 4 positions with exactly these scaled scores."""
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
    small = np.stack([draw.permutation(16).reshape(4, 4) % 4 for _ in range(2)])
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
                    f"{heads} sequences, a mask for each of {heads} heads, ({heads}, {n_q}, {n_q})",
                    (heads, n_q, heads, width),
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
                    (heads + 1, n_q, n_k, heads, width),
                    _places(draw, heads, n_q, n_k),
                ),
                call(
                    "mask and context given by name",
                    heads,
                    draw.normal(batch, n_q, d),
                    mask=tensor(_places(draw, n_q, n_k)),
                    context=tensor(draw.normal(batch, n_k, d)),
                ),
                cross("one asks some of many", (batch, 1, n_k, heads, width), _places(draw, n_k)),
                with_scores("visible scores 0, 1, 2 and 3", small, part),
                call("None for both", heads, draw.normal(batch, n_q, d), None, None),
            ),
            share=2,
        ),
        Check(
            "biases",
            "numbers in the mask other than 0 and -inf: they are added to the scaled scores as "
            "they are",
            (
                own("a penalty on distance, head by head", (batch, n_q, heads, width), slopes),
                cross("biases beside hidden places", (batch, n_q, n_k, heads, width), biases),
                own("a bias for each key", (batch, n_q, heads, width), draw.normal(n_q)),
            ),
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
            "large scores",
            "whether a hidden key stays at 0 when its score is the largest by far, and whether "
            "exp is ever given a large number",
            (
                with_scores(
                    "visible near -1000, hidden at 1000",
                    np.where(part == 0, near - 1000, 1000),
                    part,
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
            rule="masking.leaks_nothing",
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
            rule="masking.leaks_nothing",
        ),
        Check(
            "gradients",
            "whether the inputs, the four matrices and a learned bias are reached by "
            "backpropagation",
            (
                own("self-attention", (1, 2, 2, 1), grad=every, draw=draw),
                cross("cross-attention", (1, 2, 3, 2, 1), grad=("0", "1"), draw=draw),
                cross("a bias for each head", (1, 2, 2, 2, 1), learned, grad=("2",), draw=draw),
                own("the same, no context", (1, 2, 2, 1), learned, grad=("0", "2"), draw=draw),
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
                own("a float32 mask", (2, n_q, 2, 4), _places(draw, n_q, n_q), "float64"),
                cross("a context, no mask", (2, n_q, n_k, 2, 4), dtype="float64"),
                cross(
                    "a context and a float32 mask",
                    (2, n_q, n_k, 2, 4),
                    _places(draw, n_q, n_k),
                    "float64",
                ),
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


# --- what it costs ------------------------------------------------------------------------------


def cost_reference(n: int, d_model: int, num_heads: int) -> tuple[int, int]:
    """Sum over the layer's weight matrices, and over its matrix products as (a, b, c)."""
    width = d_model // num_heads
    products = [(n, d_model, d_model)] * 4
    products += [(n, width, n), (n, n, width)] * num_heads
    matrices = [(d_model, width)] * (3 * num_heads) + [(d_model, d_model)]
    return sum(a * b for a, b in matrices), sum(a * b * c for a, b, c in products)


def cost_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``attention_cost``."""
    heads, width, n = draw.sizes(3, 2, 9)
    more, odd = draw.integer(10, 60), 2 * draw.integer(4_000_000, 9_000_000) + 1

    def ask(n, d_model, num_heads):
        heads = f"{num_heads} head{'s'[: num_heads > 1]}"
        return case(
            f"{n} position{'s'[: n > 1]}, width {d_model}, {heads}",
            "attention_cost",
            n,
            d_model,
            num_heads,
            reference=cost_reference,
        )

    of = {"of": ("weights", "multiply-adds")}
    return [
        Check(
            "one head",
            "which matrices the layer has and which products it forms: four projections of n "
            "vectors, then the scores, then the mixing of the values",
            (ask(3, 2, 1), ask(n, width, 1), ask(5, 12, 1)),
            rule="multi_head_attention.counts",
            options=of,
            core=True,
        ),
        Check(
            "several heads",
            "how wide one head is, and how many of them there are",
            (
                ask(3, 4, 2),
                ask(n, heads * width, heads),
                ask(n, heads * width, width),
                ask(more, 5 * heads, 5),
            ),
            rule="multi_head_attention.counts",
            options=of,
            core=True,
        ),
        Check(
            "sizes of one",
            "a single position, vectors that are one number wide",
            (ask(1, 1, 1), ask(1, 2 * heads, 2), ask(more, 1, 1)),
            rule="multi_head_attention.counts",
            options=of,
        ),
        Check(
            "large numbers",
            "whether the numbers stay whole numbers all the way: a float holds 15 digits or so",
            (ask(1024, 768, 12), ask(odd, 12_285, 117)),
            rule="multi_head_attention.counts",
            options=of,
        ),
    ]


# --- a head made by hand ------------------------------------------------------------------------


def previous_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``previous_token_head``, which a rule judges without a reference."""
    tokens, positions = draw.sizes(2, 3, 7)
    many, long = draw.integer(8, 20), draw.integer(430, 450)
    seed = draw.integer(0, 2**32 - 1)

    def ask(vocab_size, max_len):
        name = f"{vocab_size} token{'s'[: vocab_size > 1]}, {max_len} position{'s'[: max_len > 1]}"
        return question(name, "previous_token_head", vocab_size, max_len)

    def judged(name, look, of, *sizes, **more):
        options = {"of": of, "seed": seed}
        cases = tuple(ask(*size) for size in sizes)
        return Check(name, look, cases, "multi_head_attention.attends_to_previous", options, **more)

    usual = ((2, 3), (5, 4), (tokens, positions))
    return [
        judged(
            "three matrices that fit",
            "the names in the dict and the shapes: nn.Linear keeps its weight as (out, in)",
            "form",
            (2, 3),
            (tokens, positions),
            core=True,
        ),
        judged(
            "looks at the previous token, with a causal mask",
            "the score of position t with position t - 1: is it the largest of its row, and by "
            "how much once it has been divided by √w",
            "masked",
            *usual,
            core=True,
            share=2,
        ),
        judged(
            "looks at the previous token, without a mask",
            "the scores of later positions, which a causal mask would have hidden",
            "free",
            *usual,
        ),
        judged(
            "hands the token over",
            "which part of the input W_value reads, and what it makes of a 1",
            "output",
            *usual,
        ),
        judged(
            "many tokens, many positions",
            "numbers that should grow with max_len: in a long sequence many small weights add up",
            "output",
            (many, long),
            (3, 12),
        ),
        judged(
            "sizes of one",
            "one position, which has nothing before it; two; and a vocabulary of one token",
            "output",
            (3, 1),
            (4, 2),
            (1, 3),
            (1, 1),
        ),
    ]


# --- a function to fix --------------------------------------------------------------------------


def mended_reference(query, key, value, num_heads) -> np.ndarray:
    """Attend with one head, one position at a time, to positions that are not later."""
    out = np.zeros(value.shape)
    width = query.shape[-1] // num_heads
    for b, i in np.ndindex(*query.shape[:2]):
        for h in range(num_heads):
            own = slice(h * width, (h + 1) * width)
            asked = query[b, i, own].tolist()
            rows = key[b, : i + 1, own].tolist()
            scores = [sum(map(operator.mul, asked, row)) / math.sqrt(width) for row in rows]
            for j, weight in enumerate(_row(scores)):
                out[b, i, own] += weight * value[b, j, own]
    return out


def mended_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``mended_heads``."""
    heads, width, n = draw.sizes(3, 2, 6)

    def ask(name, size, dtype="float32", **more: Any):
        batch, positions, num_heads, wide = size
        shape = (batch, positions, num_heads * wide)
        inputs = [tensor(draw.normal(*shape), dtype) for _ in range(3)]
        more |= {"draw": draw, "reference": mended_reference}
        return case(name, "mended_heads", *inputs, num_heads, **more)

    return [
        Check(
            "two heads",
            "the numbers of two positions with two heads: the scale of a score, and whose "
            "features lie side by side in the result",
            (
                ask("2 positions, 2 heads of width 1", (1, 2, 2, 1)),
                ask("3 positions, 2 heads of width 2", (1, 3, 2, 2)),
            ),
            core=True,
            share=2,
        ),
        Check(
            "other sizes",
            "what depends on the number of heads, their width, the positions and the batch",
            (
                ask("all sizes different", (2, n, heads, width)),
                ask("all sizes equal", (3, 3, 3, 3)),
                ask("heads of width 1", (2, n, heads, 1)),
            ),
            core=True,
        ),
        Check(
            "one head, one position",
            "what must be the same as without heads",
            (ask("a single head", (2, n, 1, width)), ask("one position", (2, 1, heads, width))),
        ),
        Check(
            "the inputs are left alone",
            "operators that write into what they are given, such as /=",
            (ask("query, key and value after the call", (2, n, heads, width), watch=True),),
            rule="untouched",
        ),
        Check(
            "gradients",
            "whether all three inputs are reached by backpropagation",
            (ask("2 heads", (1, 2, 2, 1), grad=("0", "1", "2")),),
        ),
        Check(
            "float64",
            "the dtype of the result",
            # The root of width 4 is exact, in float32 as well.
            (ask("float64 in, float64 out", (2, 3, 2, 4), "float64"),),
        ),
    ]


EXERCISES = [
    Exercise(
        "split_heads",
        2,
        split_checks,
        hints=(
            "Take one position with four features and two heads. Which two numbers go to head 0? "
            "Then take two positions: what should head 0 hold in all?",
            "Two steps. First cut the last axis into two, heads and features, so that a position "
            "is a small table with one row for each head. Then the axis of the heads has to "
            "change places with that of the positions. Cutting into (h, n, d/h) at once gives the "
            "right shape and the wrong numbers. Count axes from the end.",
            "if h does not divide d: raise ____ with a message\n"
            "table ← x with its last axis d cut into (____, ____)\n"
            "answer ← table with the axes of ____ and ____ exchanged",
        ),
    ),
    Exercise(
        "merge_heads",
        2,
        merge_checks,
        hints=(
            "Take the steps of split_heads backward, the last one first.",
            "What should lie side by side in one row of the result? Everything that belongs to one "
            "position. So first bring the positions before the heads, and only then join the last "
            "two axes into one. Exchanging axes moves no number in memory, so view may refuse "
            "what reshape and flatten can do.",
            "table ← x with the axes of ____ and ____ exchanged\n"
            "answer ← table with its last ____ axes made one",
        ),
        views=("one sequence", "batch axes"),
    ),
    Exercise(
        "MultiHeadAttention",
        5,
        layer_checks,
        hints=(
            "With the heads split off, (B, h, n, d/h) is a batch of B·h little sequences. What you "
            "know about attention with batch axes holds for them unchanged.",
            "Project, split, attend, merge, project. Keys and values come from the context if "
            "there is one (ask whether it is None; a tensor is neither true nor false). The scale "
            "belongs to the vectors that are really multiplied. The mask is added to the scaled "
            "scores, and a row of -inf must not reach softmax as it is.",
            "asked ← ____ if there is no context, else ____\n"
            "query ← heads of W_query of ____;  key, value ← heads of W_key, W_value of ____\n"
            "scores ← ____ divided by the root of ____\n"
            "if there is a mask: scores ← scores ____ mask\n"
            "empty ← rows whose scores are all ____\n"
            "weights ← softmax over ____, with ____ in the empty rows before and ____ after\n"
            "answer ← (W_output of the merged ____, weights)",
        ),
        uses=("split_heads", "merge_heads"),
        views=("self-attention", "cross-attention", "masks that broadcast"),
        returns=("output", "weights"),
    ),
    Exercise(
        "attention_cost",
        2,
        cost_checks,
        hints=(
            "Write down the shape of every matrix that takes part in one forward pass, from x to "
            "the output, for h heads of width d/h.",
            "Four products with a (d, d) matrix, each for n positions. Then for each head two "
            "products: queries with keys, weights with values. What becomes of the factor h when "
            "the width of a head is d/h?",
            "weights ← ____ matrices of ____ numbers\n"
            "projections ← ____ times n · ____\n"
            "scores of one head ← n · ____ · n\n"
            "mixing in one head ← n · ____ · ____\n"
            "answer ← (weights, projections + h · (scores + mixing))",
        ),
    ),
    Exercise(
        "previous_token_head",
        4,
        previous_checks,
        hints=(
            "The input says at which position it stands. What must a query ask for, and what must "
            "a key announce, so that t and t - 1 find each other and nobody else?",
            "Let the key of position p be the p-th unit vector, and the query of position t the "
            "unit vector of the position that it looks for. A matched pair then scores 1 and every "
            "other pair 0: the right place, but softmax of 1 against 0 is far from 0.99. How large "
            "must the gap be, when the scores are divided by √w and T positions share the rest? "
            "The values need no position at all.",
            "W_key ← columns of tokens: ____; column of position p: unit vector ____\n"
            "W_query ← columns of tokens: ____; column of position t: ____ times unit vector ____\n"
            "W_value ← columns of tokens: ____; columns of positions: ____",
        ),
    ),
    Exercise(
        "mended_heads",
        3,
        mended_checks,
        hints=(
            "Which of the lines should behave differently with two heads than with one? Try tiny "
            "inputs whose answer you know, and look at the inputs afterwards, too.",
            "There are three faults. One has to do with the width of the vectors that are really "
            "multiplied; one with the order in which numbers lie in memory after the heads have "
            "been split off; one is an operator that changes more than its result.",
            "the root is that of the width of ____\n"
            "query after the call must be ____\n"
            "the way back from the heads ← first exchange ____ and ____, then join",
        ),
        uses=("split_heads", "merge_heads"),
        broken="as_given",
    ),
]
