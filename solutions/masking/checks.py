"""Lesson 3's specification: references as loops over plain floats, masks and all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from grader.course.specification import Draw, Exercise, case, tensor
from grader.course.student_tests import candidate_checks, candidates_by_key
from grader.protocol.values import Check, CheckSuite

INF = math.inf
EXACT = {"rtol": 0.0, "atol": 0.0}


# --- references ---------------------------------------------------------------------------------


def _mask_from(n_rows: int, n_columns: int, sees) -> np.ndarray:
    """Make a mask place by place: 0 where ``sees(i, j)``, -inf elsewhere."""
    return np.array(
        [[0.0 if sees(i, j) else -INF for j in range(n_columns)] for i in range(n_rows)]
    )


def causal_reference(n: int) -> np.ndarray:
    """Let position i see the positions up to its own."""
    return _mask_from(n, n, lambda i, j: j <= i)


def padding_reference(lengths: np.ndarray, n: int) -> np.ndarray:
    """Show the first keys of each sequence, as many as it is long."""
    return np.stack([_mask_from(1, n, lambda _, j, own=own: j < own) for own in lengths.tolist()])


def local_reference(n: int, window: int) -> np.ndarray:
    """Let position i see the positions at most ``window`` steps to either side."""
    return _mask_from(n, n, lambda i, j: -window <= i - j <= window)


def combine_reference(*masks: np.ndarray) -> np.ndarray:
    """Hide, place by place, what any of the masks hides."""
    spread = np.broadcast_arrays(*masks)
    out = np.zeros(spread[0].shape)
    for place in np.ndindex(*out.shape):
        if any(mask[place] != 0 for mask in spread):
            out[place] = -INF
    return out


def attention_reference(query, key, value, mask=None) -> tuple[np.ndarray, np.ndarray]:
    """Attend with one query at a time over the keys that it may see; other weights stay 0."""
    batch, (n_q, d_k) = query.shape[:-2], query.shape[-2:]
    n_k, d_v = value.shape[-2:]
    bias = np.zeros((n_q, n_k)) if mask is None else mask
    bias = np.broadcast_to(bias, (*batch, n_q, n_k))
    weights, output = np.zeros((*batch, n_q, n_k)), np.zeros((*batch, n_q, d_v))
    root = math.sqrt(d_k)
    for place in np.ndindex(*batch, n_q):
        asked, keys, values = query[place].tolist(), key[place[:-1]].tolist(), value[place[:-1]]
        seen = [(j, b) for j, b in enumerate(bias[place].tolist()) if b != -INF]
        scores = [
            sum(a * c for a, c in zip(asked, keys[j], strict=True)) / root + b for j, b in seen
        ]
        if not scores:
            continue
        top = max(scores)
        total = math.fsum(math.exp(s - top) for s in scores)
        for (j, _), s in zip(seen, scores, strict=True):
            weights[(*place, j)] = math.exp(s - top) / total
            output[place] += weights[(*place, j)] * values[j]
    return output, weights


def cross_reference(weights, x, context, mask=None) -> tuple[np.ndarray, np.ndarray]:
    """Put each vector through its matrix, then use the reference above."""

    def through(matrix, sequence):
        return np.array(
            [[[float(np.dot(row, vector)) for row in matrix] for vector in one] for one in sequence]
        )

    return attention_reference(
        through(weights["W_query.weight"], x),
        through(weights["W_key.weight"], context),
        through(weights["W_value.weight"], context),
        mask,
    )


# --- mask builders ------------------------------------------------------------------------------


def causal_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``causal_mask``."""
    long = draw.integer(260, 280)

    def ask(name, n):
        return case(name, "causal_mask", n, reference=causal_reference, dtype="float32")

    return [
        Check(
            "who sees whom",
            "for the query in row i: which columns j are the past, which the future, and on which "
            "side its own position i belongs",
            (ask("3 positions", 3), ask("2 positions", 2), ask("7 positions", 7)),
            rule="masking.hides",
            core=True,
            share=2,
        ),
        Check(
            "one position",
            "a sequence of length 1: the token sees itself",
            (ask("1 position", 1),),
            rule="masking.hides",
        ),
        Check(
            "long sequences",
            "numbers that should follow from n",
            (ask(f"{long} positions", long),),
            rule="masking.hides",
        ),
        Check(
            "exactly 0 and -inf, in float32",
            "the two numbers in the mask and its dtype",
            (ask("4 positions", 4),),
            options=EXACT,
        ),
    ]


def padding_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``padding_mask``."""
    n = draw.integer(6, 9)
    one, other, third = draw.sizes(3, 1, n - 2)
    square = draw.sizes(4, 1, 4)

    def ask(name, lengths, n, dtype="int64", **more):
        return case(
            name,
            "padding_mask",
            tensor(lengths, dtype),
            n,
            reference=padding_reference,
            dtype="float32",
            **more,
        )

    return [
        Check(
            "two sequences",
            "the shape (B, 1, n), and for each sequence the first place that is padding",
            (
                ask("lengths [1, 2], n = 3", [1, 2], 3),
                ask("lengths [4, 2], n = 4", [4, 2], 4),
                ask(f"lengths [{one}, {other}], n = {n}", [one, other], n),
            ),
            rule="masking.hides",
            core=True,
            share=2,
        ),
        Check(
            "other batch sizes",
            "numbers that should follow from lengths and n",
            (
                ask("one sequence of length 1, n = 1", [1], 1),
                ask(f"one sequence of length {third}, n = {n}", [third], n),
                ask(f"four sequences, lengths {square}, n = 4", square, 4),
            ),
            rule="masking.hides",
        ),
        Check(
            "lengths of 0, n and more",
            "a sequence that is all padding, one that just fits, one that was cut off at n",
            (
                ask(f"lengths [0, {one}], n = {n}", [0, one], n),
                ask(f"lengths [{n}, {n + other}], n = {n}", [n, n + other], n),
            ),
            rule="masking.hides",
        ),
        Check(
            "exactly 0 and -inf, in float32",
            "the two numbers in the mask and its dtype",
            (
                ask("lengths [3, 1], n = 4", [3, 1], 4),
                ask("lengths in int32", [2, 5, 1], 5, dtype="int32"),
            ),
            options=EXACT,
        ),
        Check(
            "the lengths are left alone",
            "an operation that writes into the caller's tensor",
            (
                ask(f"the lengths after the call, n = {n}", [0, n + 3, other], n, watch=True),
                ask("the same with n = 2", [0, 1, 6], 2, watch=True),
            ),
            rule="untouched",
        ),
    ]


def local_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``local_mask``."""
    n, window = draw.integer(8, 11), draw.integer(2, 4)
    long, middle = draw.integer(260, 280), draw.integer(20, 26)

    def ask(n, window):
        name = f"{n} position{'s'[: n > 1]}, window {window}"
        return case(name, "local_mask", n, window, reference=local_reference, dtype="float32")

    return [
        Check(
            "who sees whom",
            "the distance between row i and column j, on both sides, and whether a neighbor "
            "exactly `window` steps away is still seen",
            (ask(4, 1), ask(6, 2), ask(n, window)),
            rule="masking.hides",
            core=True,
            share=2,
        ),
        Check(
            "window 0",
            "a window that leaves only the position itself",
            (ask(1, 0), ask(5, 0)),
            rule="masking.hides",
        ),
        Check(
            "windows as wide as the sequence",
            "windows that reach beyond both ends",
            (ask(1, 3), ask(4, 3), ask(4, 4), ask(5, 9)),
            rule="masking.hides",
        ),
        Check(
            "long sequences",
            "numbers that should follow from n",
            (ask(middle, middle // 2), ask(long, 3)),
            rule="masking.hides",
        ),
        Check(
            "exactly 0 and -inf, in float32",
            "the two numbers in the mask and its dtype",
            (ask(4, 1),),
            options=EXACT,
        ),
    ]


def combine_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``combine_masks``."""
    n, batch, heads = draw.sizes(3, 3, 6)

    def places(*shape):
        return np.where(draw.uniform(0, 1, *shape) < 0.4, -INF, 0.0)

    def ask(name, *masks, **more):
        given = (tensor(mask) for mask in masks)
        return case(name, "combine_masks", *given, reference=combine_reference, **more)

    def ask_each(name, *shapes):
        """Make a case of random masks, each of which hides a place that no other one hides."""
        while True:
            masks = [places(*shape) for shape in shapes]
            hidden = np.array(np.broadcast_arrays(*masks)) != 0
            if (hidden & (hidden.sum(axis=0) == 1)).any(axis=tuple(range(1, hidden.ndim))).all():
                return ask(name, *masks)

    causal, local = causal_reference(n), local_reference(n, 1)
    padding = padding_reference(draw.integer(1, n) * np.ones(batch, int), n)
    padding[-1, 0, : n - 1], padding[-1, 0, n - 1 :] = 0.0, -INF
    first = np.array([[0, -INF, 0], [-INF, 0, -INF]])
    second = np.array([[0, 0, -INF], [-INF, 0, 0]])
    return [
        Check(
            "two masks of one shape",
            "a place that only one of the two masks hides",
            (
                ask("two 2 x 3 masks", first, second),
                ask(f"causal and local, {n} positions", causal, local),
            ),
            rule="masking.hides",
            core=True,
            share=2,
        ),
        Check(
            "shapes that broadcast",
            "the shape of the result: as large as the masks together require, whichever comes "
            "first",
            (
                ask(f"({n}, {n}) with ({batch}, 1, {n})", causal, padding),
                ask(f"({batch}, 1, {n}) with ({n}, {n})", padding, causal),
                ask(
                    f"({heads}, {n}, {n}) with ({batch}, 1, 1, {n})",
                    places(heads, n, n),
                    padding[:, None],
                ),
                ask(f"({batch}, {n}, {n}) with ({n}, {n})", places(batch, n, n), causal),
                ask(f"({n}, {n}) with ({batch}, {n}, {n})", causal, places(batch, n, n)),
                ask(f"({n}, 1) with ({n},)", places(n, 1), places(n)),
            ),
            rule="masking.hides",
        ),
        Check(
            "three and four masks",
            "what becomes of the third and later masks",
            (
                ask_each("three masks", (n, n), (n, n), (n, n)),
                ask("causal, padding and local", causal, padding, local),
                ask_each("four masks", (n, n), (batch, 1, n), (1, n, 1), (n, n)),
            ),
            rule="masking.hides",
        ),
        Check(
            "a single mask",
            "a call with one argument",
            (ask(f"one ({batch}, 1, {n}) mask", padding),),
            rule="masking.hides",
        ),
        Check(
            "exactly 0 and -inf, in float32",
            "the two numbers in the mask and its dtype",
            (ask("two masks", causal, local),),
            options=EXACT,
        ),
        Check(
            "the masks are left alone",
            "an in-place operation such as += or indexing on the left of = writes into the "
            "caller's tensor",
            (
                ask("two masks after the call", local, causal, watch=True),
                ask("the larger one first", places(batch, n, n), causal, watch=True),
                ask("three masks after the call", places(n, n), causal, local, watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- attention ----------------------------------------------------------------------------------


def _places(draw: Draw, *shape: int) -> np.ndarray:
    """Draw a mask whose rows each show something and, where they can, hide something."""
    mask = np.where(draw.uniform(0, 1, *shape) < 0.35, -INF, 0.0)
    for row in mask.reshape(-1, shape[-1]):
        hidden, shown = draw.permutation(shape[-1])[[0, -1]]
        row[hidden] = -INF
        row[shown] = 0.0
    return mask


def _with_scores(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make query (n_q, 16) and key (n_k, 16) whose scaled scores are these, with no rounding."""
    n_q, n_k = scores.shape
    query, key = np.zeros((n_q, 16)), np.zeros((n_k, 16))
    for i in range(n_q):
        query[i, i] = 4.0
        key[:, i] = scores[i]
    return query, key


def attention_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``masked_attention``."""
    n_q, n_k, d_k, d_v = draw.sizes(4, 2, 6)
    batch, heads = draw.sizes(2, 2, 4)
    n = draw.integer(3, 5)

    def data(*shape, queries=n_q, keys=n_k, width=d_k, dtype="float32"):
        arrays = (
            draw.normal(*shape, queries, width, scale=1.5),
            draw.normal(*shape, keys, width),
            draw.normal(*shape, keys, d_v),
        )
        return tuple(tensor(array, dtype) for array in arrays)

    def ask(name, inputs, *mask, **more):
        given = (tensor(m) if isinstance(m, np.ndarray) else m for m in mask)
        return case(
            name, "masked_attention", *inputs, *given, reference=attention_reference, **more
        )

    def ask_scores(name, scores, mask):
        """Make a case of whole-numbered scores, which nothing rounds before the weights.

        The largest ones are 50 apart: a float32 logsumexp near 30000 is accurate only to 0.002.
        """
        query, key = _with_scores(np.asarray(scores, float))
        inputs = (tensor(query), tensor(key), tensor(draw.normal(len(key), d_v)))
        return ask(name, inputs, mask)

    def small(dtype="float32"):
        shapes = ((2, 3), (4, 3), (4, 2))
        return tuple(tensor(draw.normal(*shape), dtype) for shape in shapes)

    lengths = np.array([1, n_k, *(draw.integer(1, n_k) for _ in range(batch - 2))])
    padding = padding_reference(lengths, n_k)
    one_empty = _places(draw, n_q, n_k)
    one_empty[draw.integer(0, n_q - 1)] = -INF
    empty_sequence = padding_reference(np.array([n_k - 1, 0]), n_k)
    tiny = np.array([[0.0, -INF, 0.0], [0.0, 0.0, 0.0]])
    slopes = -0.5 * np.abs(np.arange(n_q)[:, None] - np.arange(n_k)) * np.ones((heads, 1, 1))
    slopes *= np.array([2.0**-h for h in range(heads)])[:, None, None]
    mixed = _places(draw, n_q, n_k)
    mixed[mixed == 0] = draw.normal(int((mixed == 0).sum()), scale=1.5)
    near = draw.permutation(4).astype(float)
    part = np.array([[0, 0, 0, -INF], [0, -INF, 0, 0]])
    half_empty = np.array([[0, -INF, 0, 0], [-INF, -INF, -INF, -INF]])
    learned = draw.normal(2, 4)
    learned[1, draw.integer(0, 3)] = -INF

    return [
        Check(
            "one sequence with a mask",
            "scores, then the scale, then the mask, then softmax over the keys, then the values",
            (
                ask("2 queries, 3 keys, one place hidden", data(queries=2, keys=3), tiny),
                ask(f"{n} tokens, causal mask", data(queries=n, keys=n), causal_reference(n)),
                ask(f"{n_q} queries, {n_k} keys, mixed mask", data(), _places(draw, n_q, n_k)),
            ),
            core=True,
            share=3,
        ),
        Check(
            "no mask",
            "the default value of mask",
            (
                ask("no mask given", data()),
                ask("mask=None given", data(batch), None),
            ),
        ),
        Check(
            "batches, heads and masks that broadcast",
            "which axes the code counts from the front, and whether each batch row and head gets "
            "its own part of the mask",
            (
                ask(f"batch {batch}, padding mask ({batch}, 1, {n_k})", data(batch), padding),
                ask(
                    f"batch {batch}, {heads} heads, mask ({batch}, 1, 1, {n_k})",
                    data(batch, heads),
                    padding[:, None],
                ),
                # As many sequences as heads: three axes mean a mask for each head even then.
                ask(
                    f"batch {heads}, {heads} heads, mask ({heads}, {n_q}, {n_k})",
                    data(heads, heads),
                    _places(draw, heads, n_q, n_k),
                ),
                ask(
                    f"batch {batch}, {heads} heads, a mask for each",
                    data(batch, heads),
                    _places(draw, batch, heads, n_q, n_k),
                ),
                ask("three batch axes, one mask", data(2, 1, 2), _places(draw, n_q, n_k)),
                ask(f"one mask ({n_k},) for all queries", data(batch), _places(draw, n_k)),
            ),
            share=2,
        ),
        Check(
            "one query, one key",
            "axes of length 1",
            (
                ask("1 query, 1 key", data(queries=1, keys=1), np.zeros((1, 1))),
                ask("1 query, some keys", data(1, queries=1), _places(draw, 1, n_k)),
            ),
        ),
        Check(
            "scores of exactly zero",
            "a key at a right angle to the query: its score is 0, and it is not hidden",
            (
                ask_scores("visible scores 0, 2 and 1", [[0, 2, 1, 3], [1, 3, 0, 0]], part),
                ask("queries of zeros", (tensor(np.zeros((2, d_k))), *data(keys=4)[1:]), part),
            ),
        ),
        Check(
            "biases",
            "numbers in the mask other than 0 and -inf: they are added to the scaled scores as "
            "they are",
            (
                ask("a bias for each place", data(), draw.normal(n_q, n_k)),
                ask("biases beside hidden places", data(), mixed),
                ask("a penalty on distance, head by head", data(heads + 1, heads), slopes),
                ask("one large bias for a whole row", data(queries=2), np.array([[-100.0], [100]])),
            ),
        ),
        Check(
            "very large scores",
            "whether a hidden key stays at 0 when its score is the largest by far, and whether "
            "exp is ever given a large number",
            (
                ask_scores(
                    "visible near -1000, hidden at 1000",
                    np.where(part == 0, near - 1000, 1000),
                    part,
                ),
                ask_scores(
                    "visible from -300 to 300",
                    [[300, 298, -300, 0], [299, 0, -300, 301]],
                    np.zeros((2, 4)),
                ),
                ask_scores(
                    "visible near -30000, hidden at 30000",
                    np.where(part == 0, 50 * near - 30000, 30000),
                    part,
                ),
            ),
            rule="masking.leaks_nothing",
            share=2,
        ),
        Check(
            "a row with nothing to look at",
            "a query whose whole row of the mask is -inf: weights 0 and output 0",
            (
                ask("one row hidden", data(), one_empty),
                ask(f"a padded batch, lengths [{n_k - 1}, 0]", data(2), empty_sequence),
                ask("everything hidden", data(), np.full((n_q, 1), -INF)),
            ),
            rule="masking.leaks_nothing",
            share=2,
        ),
        Check(
            "gradients",
            "whether the result is made of torch operations from the inputs to the end",
            (
                ask("places hidden", small(), part, grad=("0", "1", "2"), draw=draw),
                ask("a bias that is learned", small(), learned, grad=("0", "3"), draw=draw),
                ask("no mask", small(), grad=("0", "1", "2"), draw=draw),
            ),
        ),
        Check(
            "gradients beside an empty row",
            "what backpropagation does with a row that softmax has turned into nan, even if the "
            "nan is replaced later",
            (ask("one row hidden", small(), half_empty, grad=("0", "1", "2"), draw=draw),),
        ),
        Check(
            "float64",
            "the dtype of the result when the query is float64 and the mask float32",
            (
                # The root of width 4 is exact, in float32 as well.
                ask("float64 with a float32 mask", data(width=4, dtype="float64"), mixed),
                ask("float64 without a mask", data(2, width=4, dtype="float64")),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as /= or mask[...] = writes into the caller's tensor",
            (
                ask("after a call", data(), _places(draw, n_q, n_k), watch=True),
                ask("after a call with an empty row", data(2), empty_sequence, watch=True),
            ),
            rule="untouched",
        ),
    ]


LAYER = ("W_query.weight", "W_key.weight", "W_value.weight")


def cross_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``CrossAttention``."""
    n_q, n_k, d_model, d_context, d_k, d_v = draw.sizes(6, 2, 7)
    batch = 2

    def ask(name, sizes, shape, *mask, dtype="float32", **more):
        model, context, inner, out = sizes
        count, queries, keys = shape
        arrays = (draw.normal(inner, model), draw.normal(inner, context), draw.normal(out, context))
        return case(
            name,
            "CrossAttention",
            tensor(draw.normal(count, queries, model), dtype),
            tensor(draw.normal(count, keys, context), dtype),
            *(tensor(m) if isinstance(m, np.ndarray) else m for m in mask),
            reference=cross_reference,
            init=tuple(sizes),
            weights={path: array.astype(dtype) for path, array in zip(LAYER, arrays, strict=True)},
            **more,
        )

    sizes, exact = (d_model, d_context, d_k, d_v), (d_model, d_context, 4, d_v)
    padding = padding_reference(np.array([n_k, n_k - 1]), n_k)
    padding[1, 0, 0] = -INF
    padding[1, 0, 1:] = 0.0
    empty = padding_reference(np.array([n_k - 1, 0]), n_k)
    mixed = _places(draw, batch, n_q, n_k)
    mixed[mixed == 0] = draw.normal(int((mixed == 0).sum()), scale=1.5)
    learned = draw.normal(2, 2)
    learned[1, draw.integer(0, 1)] = -INF
    grad = {"grad": ("0", "1", *LAYER), "draw": draw}
    return [
        Check(
            "who asks and who is asked",
            "which of the two sequences the queries, the keys and the values come from",
            (
                ask("both of width 3, 2 ask 4", (3, 3, 3, 3), (1, 2, 4)),
                ask(f"both of width 4, {n_k} ask {n_k}", (4, 4, 2, 3), (2, n_k, n_k)),
                ask(f"width {d_model} asks width {d_context}", sizes, (batch, n_q, n_k)),
            ),
            core=True,
            share=3,
        ),
        Check(
            "masks",
            "how the mask reaches the scores, and which of the two axes it belongs to",
            (
                ask(f"({n_q}, {n_k}) mask", sizes, (batch, n_q, n_k), _places(draw, n_q, n_k)),
                ask("padding in the context", sizes, (batch, n_q, n_k), padding),
                ask(
                    "a mask for each batch row",
                    sizes,
                    (batch, n_q, n_k),
                    _places(draw, batch, n_q, n_k),
                ),
                ask("mask=None given", sizes, (batch, n_q, n_k), None),
            ),
        ),
        Check(
            "biases",
            "numbers in the mask other than 0 and -inf: they are added to the scaled scores as "
            "they are",
            (
                ask("a bias for each place", sizes, (batch, n_q, n_k), draw.normal(n_q, n_k)),
                ask("biases beside hidden places", sizes, (batch, n_q, n_k), mixed),
            ),
        ),
        Check(
            "a context with nothing to look at",
            "a sequence whose context is all padding: weights 0 and output 0",
            (ask(f"context lengths [{n_k - 1}, 0]", sizes, (batch, n_q, n_k), empty),),
            rule="masking.leaks_nothing",
        ),
        Check(
            "one query, one key",
            "axes of length 1",
            (
                ask("1 asks many", sizes, (1, 1, n_k)),
                ask("many ask 1", sizes, (3, n_q, 1)),
            ),
        ),
        Check(
            "gradients",
            "whether both sequences and all three matrices are reached by backpropagation",
            (
                ask("no mask", (2, 3, 2, 1), (1, 2, 3), **grad),
                ask("one query sees nothing", (2, 3, 2, 1), (1, 2, 2), _half_empty(), **grad),
                ask(
                    "a bias that is learned",
                    (2, 3, 2, 1),
                    (1, 2, 2),
                    learned,
                    grad=("0", "2"),
                    draw=draw,
                ),
            ),
        ),
        Check(
            "float64",
            "the dtype of the result when the layer is float64 and the mask float32",
            (
                # The root of width 4 is exact, in float32 as well.
                ask("a float32 mask", exact, (batch, n_q, n_k), padding, dtype="float64"),
                ask("no mask", exact, (batch, n_q, n_k), dtype="float64"),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation writes into the caller's tensor",
            (ask("after a call", sizes, (batch, n_q, n_k), padding, watch=True),),
            rule="untouched",
        ),
    ]


def _half_empty() -> np.ndarray:
    return np.array([[0.0, 0.0], [-INF, -INF]])


# --- students examine ---------------------------------------------------------------------------

# One for each thing that the contract leaves open. Each kind of wrong ones comes as often as all of
# these together, so that more of them would cost time.
RIGHT = {
    "fill -1e9": "hidden scores filled with -1e9",
    "queries scaled first, einsum": "queries scaled first, another order of sums",
    "a small constant under the sum": "softmax by logsumexp",
}
WRONG = {
    "masked_attention: scores doubled": "catches: doubled scores",
    "masked_attention: weights reversed": "catches: weights that belong to other keys",
    "mask_ignored": "catches: the mask is ignored",
    "mask_after_softmax": "catches: hidden weights set to 0 after softmax",
    "scores_times_mask": "catches: hidden scores multiplied by 0",
    "zero_scores_hidden": "catches: every score of 0 is hidden",
    "fill_-10": "catches: hidden scores filled with -10",
    "empty_row_nan": "catches: nan where there is nothing to look at",
    "biases_ignored": "catches: finite biases are ignored",
    "mask_before_scaling": "catches: the mask is added before the scaling",
    "first_mask_for_all": "catches: the first sequence's mask for all",
    "writes_into_the_mask": "catches: the caller's mask is overwritten",
}
AT_HOME = {
    "masked_attention: mask ignored": "catches: your own, with the mask ignored",
    "masked_attention: scores doubled": "catches: your own, with doubled scores",
    "masked_attention: biases lost": "catches: your own, with finite biases ignored",
    "masked_attention: weights reversed": "catches: your own, with the weights in reverse",
}
# A test that lets one of these pass earns nothing: it looks at nothing, or at form alone.
BASIC = (
    "masked_attention: scores doubled",
    "masked_attention: weights reversed",
    "masked_attention: mask ignored",
    "mask_ignored",
)


def examine_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``examine_attention``; notebook and judge have other candidates."""
    own = {"masked_attention: yours": "your own masked_attention"}
    name = "examine_attention"
    at_grading = candidate_checks(name, draw, RIGHT, WRONG, "judge", basic=BASIC)
    first, *others = candidate_checks(
        name, draw, own, AT_HOME, "notebook", opaque=False, basic=BASIC
    )
    kinds = {"kinds": (len(AT_HOME), len(WRONG))}
    return [*at_grading, replace(first, options=first.options | kinds), *others]


def examined(suite: CheckSuite) -> dict[str, Callable[..., Any]]:
    """Return the candidates behind the keys; imported here, since no reference uses them."""
    from grader.course.versions import alternatives, misconceptions
    from solutions import masking
    from solutions.masking.public.candidates import candidate, in_form

    versions = alternatives("masking", "masked_attention")
    versions += misconceptions("masking", "masked_attention")
    known = {version.name: version.target for version in versions}

    def find(name: str) -> Callable[..., Any]:
        return in_form(known[name]) if name in known else candidate(vars(masking), name)

    return candidates_by_key(suite, find, masking.masked_attention)


EXERCISES = [
    Exercise(
        "causal_mask",
        2,
        causal_checks,
        hints=(
            "Draw the 3 x 3 grid on paper: rows ask, columns are asked. Which squares lie in the "
            "future of the row's token?",
            "Rows and columns carry the same positions, so the hidden squares form a triangle. "
            "PyTorch can cut a triangle out of a matrix, or compare a column of positions with a "
            "row of positions. Choose between 0 and -inf; multiplying 0 by -inf gives nan.",
            "position ← 0 … n-1\n"
            "hidden ← places where the column's position is ____ the row's\n"
            "answer ← an n x n mask: ____ where hidden, ____ elsewhere",
        ),
    ),
    Exercise(
        "padding_mask",
        2,
        padding_checks,
        hints=(
            "A key is real if its position is one of the first `length` positions. Positions "
            "count from 0.",
            "Compare the row of positions 0 … n-1 with the column of lengths: broadcasting gives "
            "one row of yes and no for each sequence. Then make room for the axis of the queries.",
            "position ← 0 … n-1, as a row\n"
            "real ← position ____ length, for every sequence: (B, n)\n"
            "mask ← ____ where real, ____ elsewhere\n"
            "answer ← mask with a new axis of length 1 at place ____",
        ),
        views=("two sequences",),
    ),
    Exercise(
        "local_mask",
        2,
        local_checks,
        hints=(
            "How far apart are row i and column j? The answer needs one number for each place.",
            "Subtract a row of positions from a column of positions: broadcasting gives the n x n "
            "matrix of signed distances. Left and right count the same.",
            "distance ← the ____ of (column of positions minus row of positions)\n"
            "answer ← -inf where distance is ____ window, 0 elsewhere",
        ),
    ),
    Exercise(
        "combine_masks",
        2,
        combine_checks,
        hints=(
            "What should 0 and -inf give together? And -inf with -inf? Which everyday operation "
            "on numbers does exactly that?",
            "Two operations do it: plain addition, and one that keeps the more negative number. "
            "Both broadcast by themselves. Go through the masks one by one and make a new tensor "
            "each time.",
            "answer ← the first mask\n"
            "for each further mask:\n"
            "    answer ← a new tensor, answer ____ mask",
        ),
        views=("two masks of one shape", "shapes that broadcast"),
    ),
    Exercise(
        "masked_attention",
        5,
        attention_checks,
        hints=(
            "You have all but one step from lesson 2. Where must the mask go so that softmax "
            "still gives weights that sum to 1?",
            "Add the mask to the scaled scores, in the scores' dtype. Then think of a row that is "
            "-inf from end to end: softmax divides 0 by 0 there. Put harmless scores into such "
            "rows before softmax and zeros after it, so that no nan is ever made.",
            "scores ← ____ / ____\n"
            "if there is a mask: scores ← scores ____ mask\n"
            "empty ← for each row: are ____ scores -inf?   (keep the axis)\n"
            "weights ← softmax over the ____ of (scores, with ____ in the empty rows)\n"
            "weights ← weights, with ____ in the empty rows\n"
            "answer ← (weights times ____, weights)",
        ),
        views=(
            "one sequence with a mask",
            "no mask",
            "batches, heads and masks that broadcast",
        ),
        returns=("output", "weights"),
    ),
    Exercise(
        "CrossAttention",
        3,
        cross_checks,
        hints=(
            "Who asks? Who is asked? The widths of the three linear layers tell you which "
            "sequence each of them can read.",
            "The layer projects three times and then leaves the rest to an exercise that you have "
            "just solved. Mind the order in which it takes its arguments.",
            "query ← W_query of ____\n"
            "key ← W_key of ____\n"
            "value ← W_value of ____\n"
            "answer ← ____ of query, key, value and the mask",
        ),
        uses=("masked_attention",),
        views=("who asks and who is asked", "masks"),
        returns=("output", "weights"),
    ),
    Exercise(
        "examine_attention",
        6,
        examine_checks,
        hints=(
            "A test is an example and an expectation. Which examples would make each mistake of "
            "this lesson show? The table of common mistakes lists them.",
            "One example can hold several traps: a hidden key with a huge score, a query of "
            "zeros, a row with nothing to look at, finite biases, batch rows with different "
            "masks. Compute what must come out in a way of your own (loops will do), and compare "
            "with a tolerance. Keep a copy of what you pass in.",
            "query, key, value, mask ← a small example with the traps ____\n"
            "before ← copies of ____\n"
            "found ← candidate of ____\n"
            "assert that ____ are as before\n"
            "expected ← by loops: scores, ____, weights, output; 0 where ____\n"
            "assert that found and expected differ by less than ____\n"
            "the same again without ____",
        ),
        uses=("masked_attention",),
        callbacks=examined,
    ),
]
