"""Lesson 10's specification: loops in float64 over positions, heads and keys.

Angles come one at a time from Python's own sin and cos, exact sums from math.fsum. The weights of
attention are lesson 4's. Cases in which scores are large are made of whole numbers and have width
4, whose root is exact: no order of operations rounds their scores.
"""

from __future__ import annotations

import functools
import math
import operator

import numpy as np

from grader.course.specification import Draw, Exercise, case, raises, tensor, wide
from grader.protocol.values import Check, Ref, Step

INF = math.inf
# Seconds of processor time: the notebook trains models.
SOLVED_CPU = 150.0  # seconds that the solved notebook may take
LIMITS = {"cell_cpu": 120.0, "checks_cpu": 90.0, "notebook_cpu": 400.0}
BY_VALUE = {"dtype": False}


# --- RMSNorm ------------------------------------------------------------------------------------


def rms_reference(x, gain, eps=1e-6) -> np.ndarray:
    """Divide by the root of the mean square, one vector at a time, with exact sums."""
    out = np.zeros_like(x)
    d = x.shape[-1]
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place].tolist()
        size = math.sqrt(math.fsum(entry * entry for entry in row) / d + eps)
        for c, entry in enumerate(row):
            out[(*place, c)] = gain[c] * entry / size
    return out


def rms_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``rms_norm``."""
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
            "that the last axis is meant, however many come before it, and that nothing is "
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
            "float64",
            "the dtype of the result, and whether anything on the way is rounded",
            # Whatever dtype holds it, eps is 0.5 or too small beside the squares to matter.
            (ask(n, d, dtype="float64"), ask(b, n, d, eps=(0.5,), dtype="float64")),
            options={"rtol": 1e-10, "atol": 1e-10},
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
    """Return z · sigmoid(z), without exp of a large number."""
    if z >= 0:
        return z / (1 + math.exp(-z))
    power = math.exp(z)
    return z * power / (1 + power)


def swiglu_reference(weights, x) -> np.ndarray:
    """Apply the gated network to one position and one hidden unit at a time."""
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
    """Draw three matrices, none of which can be taken for another."""
    gate, up = (draw.normal(d_ff, d, scale=1.5 / d**0.5) for _ in range(2))
    return dict(zip(GATED, (gate, up, draw.normal(d, d_ff, scale=1.5 / d_ff**0.5)), strict=True))


def swiglu_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``SwiGLU``."""
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
            "that the layers work on the last axis, whatever comes before it",
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


# --- grouped-query attention --------------------------------------------------------------------

GROUPED = ("W_query.weight", "W_key.weight", "W_value.weight", "W_output.weight")


def turned(row: list[float], position: float, base: float) -> list[float]:
    """Rotate a head's vector at a position, each pair of neighbors by its angle."""
    out, d = [], len(row)
    for i in range(0, d, 2):
        angle = position / math.pow(base, i / d)
        cos, sin = math.cos(angle), math.sin(angle)
        out += [row[i] * cos - row[i + 1] * sin, row[i] * sin + row[i + 1] * cos]
    return out


def grouped_reference(
    heads, kv_heads, base, weights, x, mask=None, positions=None
) -> tuple[np.ndarray, np.ndarray]:
    """Compute one sequence, one query head, one position at a time."""
    batch, n, d = x.shape
    width, group = d // heads, heads // kv_heads
    places = list(range(n)) if positions is None else [float(p) for p in wide(positions)]
    bias = np.broadcast_to(0.0 if mask is None else wide(mask), (batch, heads, n, n)).tolist()
    shares, output = np.zeros((batch, heads, n, n)), np.zeros((batch, n, d))
    for b in range(batch):
        queries, keys, values = (np.inner(x[b], weights[name]).tolist() for name in GROUPED[:3])
        for h in range(heads):
            own = slice(h * width, (h + 1) * width)
            read = slice(h // group * width, (h // group + 1) * width)
            keys_here = [turned(keys[j][read], places[j], base) for j in range(n)]
            brings = np.inner(np.array(values)[:, read], weights[GROUPED[3]][:, own])
            for i in range(n):
                asked = turned(queries[i][own], places[i], base)
                shares[b, h, i] = row_of_weights(
                    [
                        sum(map(operator.mul, asked, key)) / math.sqrt(width) + add
                        for key, add in zip(keys_here, bias[b][h][i], strict=True)
                    ]
                )
            output[b] += shares[b, h] @ brings
    return output, shares


def row_of_weights(scores: list[float]) -> list[float]:
    """Turn a row of scores into weights; a row of -inf gives zeros."""
    top = max(scores)
    if top == -INF:
        return [0.0] * len(scores)
    powers = [math.exp(score - top) for score in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]


def causal(n: int) -> np.ndarray:
    """Make an additive causal mask."""
    return np.array([[0.0 if j <= i else -INF for j in range(n)] for i in range(n)])


def some_places(draw: Draw, *shape: int) -> np.ndarray:
    """Draw a mask whose rows each show something and, where they can, hide something."""
    mask = np.where(draw.uniform(0, 1, *shape) < 0.35, -INF, 0.0)
    for row in mask.reshape(-1, shape[-1]):
        hidden, shown = draw.permutation(shape[-1])[[0, -1]]
        row[hidden] = -INF
        row[shown] = 0.0
    return mask


def grouped_weights(draw: Draw, d: int, heads: int, kv_heads: int) -> dict[str, np.ndarray]:
    """Draw the four matrices: all rows for queries and outputs, fewer for keys and values."""
    narrow = d // heads * kv_heads
    rows = (d, narrow, narrow, d)
    return {
        name: draw.normal(count, d, scale=1.5 / d**0.5)
        for name, count in zip(GROUPED, rows, strict=True)
    }


def grouped_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``GroupedQueryAttention``."""
    n, batch = draw.sizes(2, 3, 5)
    kv_heads, group = draw.sizes(2, 2, 3)
    heads = kv_heads * group
    base = float(draw.integer(20, 400))
    usual = (batch, n, heads, kv_heads, 4)

    def ask(name, sizes, *rest, base=None, dtype="float32", **more):
        """Make a case; ``sizes``: sequences, positions, heads, key-value heads, head width."""
        b, positions, h, h_kv, width = sizes
        d = h * width
        weights = grouped_weights(draw, d, h, h_kv)
        return case(
            name,
            "GroupedQueryAttention",
            tensor(draw.normal(b, positions, d), dtype),
            *rest,
            reference=functools.partial(grouped_reference, h, h_kv, base or 10000.0),
            init=(d, h, h_kv) if base is None else (d, h, h_kv, base),
            weights={path: w.astype(dtype) for path, w in weights.items()},
            **more,
        )

    def named(sizes):
        b, positions, h, h_kv, width = sizes
        plural = "s"[: h_kv > 1]
        return (
            f"{b} × {positions} positions, {h} query heads of width {width}, "
            f"{h_kv} key-value head{plural}"
        )

    def at(places, dtype="int64"):
        return tensor(places, dtype)

    def refuse(d, h, h_kv):
        name = f"width {d}, {h} query heads, {h_kv} key-value heads"
        x = tensor(draw.normal(1, 2, d))
        return raises(name, "GroupedQueryAttention", x, init=(d, h, h_kv))

    lengths = [n - 1, *[draw.integer(1, n) for _ in range(batch - 1)]]
    padding = np.array([[[[0.0 if j < own else -INF for j in range(n)]]] for own in lengths])
    slopes = -np.abs(np.arange(n)[:, None] - np.arange(n)) * np.ones((heads, 1, 1))
    slopes *= np.array([2.0**-h for h in range(heads)])[:, None, None]
    blind = causal(n)
    blind[draw.integer(0, n - 1)] = -INF
    one_head = np.zeros((heads, n, n))
    one_head[draw.integer(0, heads - 1)] = -INF
    scattered = draw.rng.choice(40, size=n, replace=False).tolist()
    fractions = np.round(draw.uniform(0, 9, n), 2)
    still = at(np.zeros(n))
    return [
        Check(
            "positions all 0",
            "nothing is turned here: how queries, keys and values reach the heads, which query "
            "heads share a key-value head, and the scale",
            (
                ask("2 heads, 1 key-value head", (1, 2, 2, 1, 2), None, at([0, 0])),
                ask("as many key-value heads as heads", (2, 3, 2, 2, 4), None, at([0, 0, 0])),
                ask(named(usual), usual, None, still),
                ask("6 heads, 3 key-value heads", (1, 3, 6, 3, 2), None, at([0, 0, 0])),
            ),
            core=True,
            share=2,
        ),
        Check(
            "positions 0, 1, 2, …",
            "what is turned by position: queries and keys, each head by itself, after the split "
            "and before the scores",
            (
                ask("2 heads, 1 key-value head", (1, 2, 2, 1, 2)),
                ask("4 heads, 2 key-value heads of width 4", (1, 3, 4, 2, 4)),
                ask(named(usual), usual),
                ask("sequences, positions and heads all 4", (4, 4, 4, 2, 4)),
            ),
            core=True,
            share=2,
        ),
        Check(
            "other numbers of key-value heads",
            "that query head j reads key-value head j // (h / h_kv): from one for all (multi-query "
            "attention) to one for each (multi-head attention)",
            (
                ask("8 heads, 1 key-value head", (1, 3, 8, 1, 2)),
                ask("8 heads, 2 key-value heads", (1, 3, 8, 2, 2)),
                ask("8 heads, 4 key-value heads", (1, 3, 8, 4, 2)),
                ask("8 heads, 8 key-value heads", (1, 3, 8, 8, 2)),
            ),
            share=2,
        ),
        Check(
            "masks",
            "whether the mask reaches the scores (B, h, n, n), in every shape",
            (
                ask("causal, (n, n)", usual, tensor(causal(n))),
                ask("padding, (B, 1, 1, n)", usual, tensor(padding)),
                ask("a bias for each head, (h, n, n)", usual, tensor(slopes)),
                ask(
                    "a mask for each head of each sequence",
                    usual,
                    tensor(some_places(draw, batch, heads, n, n)),
                ),
                ask("mask given by name", usual, mask=tensor(causal(n))),
                ask("None for both", usual, None, None),
            ),
        ),
        Check(
            "given positions",
            "the third argument: positions with gaps, in any order, whole or fractional",
            (
                ask(f"positions {scattered}", usual, None, at(scattered)),
                ask("positions by name, with a mask", usual, tensor(causal(n)), positions=still),
                ask(f"positions {fractions.tolist()}", usual, None, at(fractions, "float32")),
                ask("positions in int32", usual, None, at(scattered, "int32")),
            ),
        ),
        Check(
            "another base",
            "the base that the layer was made with",
            (ask(f"base {base:g}", usual, base=base),),
        ),
        Check(
            "nothing to look at",
            "a row of the mask that is -inf from end to end: weights 0, and 0 goes into W_output",
            (
                ask("one query sees nothing", usual, tensor(blind)),
                ask("one head sees nothing", usual, tensor(one_head)),
            ),
            rule="masking.leaks_nothing",
        ),
        Check(
            "sizes of one",
            "axes of length 1: a single position, a single head",
            (
                ask("a single position", (1, 1, 4, 2, 2)),
                ask("a single head", (2, n, 1, 1, 4)),
            ),
        ),
        Check(
            "sizes that do not fit",
            "the given __init__: it raises the ValueError",
            (refuse(8, 4, 3), refuse(12, 6, 4), refuse(10, 4, 2), refuse(6, 2, 1)),
        ),
        Check(
            "gradients",
            "whether x, the four matrices and a learned bias are reached by backpropagation",
            (
                ask("x and the matrices", (1, 2, 2, 1, 2), grad=("0", *GROUPED), draw=draw),
                ask(
                    "a bias for each head",
                    (1, 2, 2, 1, 2),
                    tensor(draw.normal(2, 2, 2)),
                    grad=("0", "1"),
                    draw=draw,
                ),
                ask("positions 3 and 1", (1, 2, 2, 1, 2), None, at([3, 1]), grad="0", draw=draw),
                ask(
                    "one of two queries sees nothing",
                    (1, 2, 2, 1, 2),
                    tensor([[0.0, 0.0], [-INF, -INF]]),
                    grad=("0", *GROUPED),
                    draw=draw,
                ),
            ),
            options={"rtol": 1e-3, "atol": 1e-4},
        ),
        Check(
            "float64",
            "the dtype of the result when the layer is float64 and the mask float32",
            (
                ask("no mask", (2, 3, 4, 2, 2), dtype="float64"),
                ask("a float32 mask", usual, tensor(causal(n)), dtype="float64"),
                ask("float32 positions", usual, None, at(fractions, "float32"), dtype="float64"),
            ),
            options={"rtol": 1e-4, "atol": 2e-5},
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as /= or += writes into the caller's tensor",
            (
                ask("x after the call", usual, watch=True),
                ask("x, mask and positions", usual, tensor(causal(n)), at(scattered), watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- the cache ----------------------------------------------------------------------------------


def cache_reference(layers, num_kv_heads, d_head, tokens, bytes_per_number=2) -> int:
    """Count layer by layer, head by head: a key and a value for each token."""
    total = 0
    for _ in range(layers):
        for _ in range(num_kv_heads):
            key = value = tokens * d_head
            total += (key + value) * bytes_per_number
    return total


def cache_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``kv_cache_bytes``."""
    layers, heads, width, tokens = draw.sizes(4, 3, 13)
    # With 117 layers and 95 heads of width 12,285 the odd part of the number is above 2**53: no
    # float holds it.
    odd = 2 * draw.integer(37_500_000, 90_000_000) + 1

    def ask(layers, heads, width, tokens, *rest, **more):
        size = [*rest, *more.values()]
        counted = ((layers, "layer"), (heads, "head"), (tokens, "token"))
        parts = [f"{count:,} {what}{'s'[: count != 1]}" for count, what in counted]
        parts[1] += f" of width {width:,}"
        parts += [f"{size[0]} byte{'s'[: size[0] != 1]} a number"] if size else []
        arguments = (layers, heads, width, tokens, *rest)
        return case(
            ", ".join(parts), "kv_cache_bytes", *arguments, reference=cache_reference, **more
        )

    return [
        Check(
            "two bytes a number",
            "everything that is kept for one token in one layer, and how often that is",
            (ask(1, 1, 2, 3), ask(layers, heads, width, tokens), ask(3, 5, 7, 11)),
            core=True,
            share=2,
        ),
        Check(
            "other sizes of a number",
            "the last argument: bytes, not bits",
            (
                ask(layers, heads, width, tokens, 4),
                ask(2, 3, 5, 7, bytes_per_number=1),
                ask(2, 3, 5, 7, 8),
            ),
            core=True,
        ),
        Check(
            "sizes of one",
            "one token, one layer, one head; and no token yet",
            (ask(1, 1, 1, 1), ask(layers, 1, width, 1), ask(layers, heads, width, 0)),
        ),
        Check(
            "large numbers",
            "whether the number stays a whole number all the way: a float holds 15 digits or so",
            (ask(80, 8, 128, 131072), ask(117, 95, 12_285, odd)),
        ),
    ]


# --- windows ------------------------------------------------------------------------------------


def window_reference(n: int, window: int, sinks: int = 0) -> np.ndarray:
    """Show row by row the last few positions, and the first few."""
    mask = np.full((n, n), -INF)
    for i in range(n):
        visible = set(range(i, i - window, -1)) | set(range(min(sinks, i + 1)))
        for j in visible:
            if j >= 0:
                mask[i, j] = 0.0
    return mask


def window_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``window_mask``."""
    n = draw.integer(8, 11)
    window, sinks = draw.sizes(2, 2, 3)

    def ask(n, window, *rest, **more):
        sinks = [*rest, *more.values()]
        name = f"{n} position{'s'[: n > 1]}, window {window}"
        name += f", {sinks[0]} sink{'s'[: sinks[0] != 1]}" if sinks else ""
        return case(
            name,
            "window_mask",
            n,
            window,
            *rest,
            reference=window_reference,
            dtype="float32",
            **more,
        )

    def hidden(name, look, *cases, **more):
        return Check(name, look, cases, "masking.hides", **more)

    return [
        hidden(
            "a window",
            "how many positions a row sees, itself included, and on which side they lie",
            ask(5, 2),
            ask(6, 3),
            ask(n, window),
            core=True,
            share=2,
        ),
        hidden(
            "sinks",
            "the first positions: visible to every row that is not earlier than they are",
            ask(6, 2, 1),
            ask(n, window, sinks),
            ask(n, 2, sinks=4),
            core=True,
        ),
        hidden(
            "the smallest and the largest window",
            "a window of 1 shows each position itself; one of n or more is the causal mask",
            ask(5, 1),
            ask(5, 1, 2),
            ask(4, 4),
            ask(4, 9),
            ask(4, 9, 2),
        ),
        hidden(
            "sinks and window meet",
            "early rows, whose window reaches the sinks or which are sinks themselves",
            ask(6, 3, 2),
            ask(4, 2, 4),
            ask(3, 1, 7),
            ask(4, 1, 3),
        ),
        hidden(
            "sizes of one",
            "a single position",
            ask(1, 1),
            ask(1, 3, 2),
            ask(2, 1, 1),
        ),
        Check(
            "exactly 0 and -inf, in float32",
            "what the mask holds where it shows and where it hides, and its dtype",
            (ask(5, 2), ask(6, 2, 1)),
        ),
    ]


# --- attention, block by block ------------------------------------------------------------------


def stream_reference(query, key, value, block) -> np.ndarray:
    """Take all keys at once, one query at a time, with exact sums: blocks make no difference."""
    out = np.zeros((*query.shape[:-1], value.shape[-1]))
    root = math.sqrt(query.shape[-1])
    for place in np.ndindex(*query.shape[:-1]):
        batch, asked = place[:-1], query[place].tolist()
        scores = [sum(map(operator.mul, asked, row)) / root for row in key[batch].tolist()]
        weights = row_of_weights(scores)
        for c in range(value.shape[-1]):
            out[(*place, c)] = math.fsum(map(operator.mul, weights, value[batch][:, c].tolist()))
    return out


# For the check of memory. Keys are the sums of each row of one set with each of another, and so are
# values: so neither a frozen answer nor a message to the worker holds millions of numbers. No two
# keys are equal, and they are in no order: otherwise an answer that finds a period, or puts equal
# keys together, would pass without blocks. In float64 keys and values take 36 MB each: more than
# 32 MiB, since smaller blocks may come from an allocator's heap, whose holes hide what later ones
# take. A right answer may copy keys and values (72 MB). The (32, 1 500 000) scores would take
# 384 MB, too much even in place; so would those of 16 queries at a time, with a softmax of the same
# size. All keys for a few queries at a time pass: scores of a query are smaller than the keys.
ONES, OTHERS, MEMORY, ASKING = 1_200, 1_250, 390_000_000, 32
MANY_KEYS = ONES * OTHERS


def sums_reference(query, keys, values) -> np.ndarray:
    """Attend to the sums of each row of one set with each of another, without forming the sums.

    The exponential of a sum of scores is a product, so the weights of the two sets multiply, and
    the output is the sum of the outputs of attention to each set alone.
    """
    found = [stream_reference(query, *own, None) for own in zip(keys, values, strict=True)]
    return np.sum(found, axis=0)


def stream_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``streaming_attention``."""
    n_q, d_k, d_v = draw.sizes(3, 2, 6)
    block, blocks = draw.sizes(2, 2, 4)
    b, h = draw.sizes(2, 2, 3)
    rest = draw.integer(1, block - 1)

    def given(name, query, key, value, block, dtype="float32", **more):
        inputs = (tensor(one, dtype) for one in (query, key, value))
        return case(name, "streaming_attention", *inputs, block, reference=stream_reference, **more)

    def ask(n_q, n_k, block, batch=(), name="", widths=None, **more):
        wide_k, wide_v = widths or (d_k, d_v)
        query = draw.normal(*batch, n_q, wide_k)
        key, value = draw.normal(*batch, n_k, wide_k), draw.normal(*batch, n_k, wide_v)
        shown = f"{n_q} quer{'y' if n_q == 1 else 'ies'}, {n_k} key{'s'[: n_k > 1]}, block {block}"
        shown += f", batch {batch}" if batch else ""
        return given(name or shown, query, key, value, block, **more)

    def with_scores(name, scores, block, **more):
        """Make a case of 4 queries of width 4 with exactly these whole-numbered scaled scores.

        ``scores``: (..., 4, keys), with any batch axes.
        """
        scores = np.asarray(scores, float)
        batch, count = scores.shape[:-2], scores.shape[-1]
        query = np.broadcast_to(2 * np.eye(4), (*batch, 4, 4))
        value = draw.normal(*batch, count, 3)
        return given(name, query, scores.swapaxes(-1, -2), value, block, **more)

    def between(low, high, count):
        return draw.rng.integers(low, high + 1, size=(4, count))

    def mixed(top):
        """Make rows that rise, fall, and go both ways over 12 keys, up to ±top."""
        rising = np.linspace(-top, top, 12).round()
        near = top - draw.permutation(12).astype(float)
        return np.stack([rising, rising[::-1], near, -near])

    keys, values = (
        tuple(draw.normal(count, 3) for count in (ONES, OTHERS)) for _ in ("keys", "values")
    )
    order = draw.integer(0, 2**31)
    query = draw.rng.integers(-8, 9, size=(ASKING, 3)) / 4
    many = case(
        f"{ASKING} queries, {MANY_KEYS:,} keys, block 1024, at most {MEMORY / 1e6:.0f} MB",
        "streaming_attention",
        tensor(query, "float64"),
        Ref("keys"),
        Ref("values"),
        1024,
        reference=lambda query, *_: sums_reference(query, keys, values),
        how={
            "memory": MEMORY,
            "steps": tuple(
                Step(name, "@attention_today.sums", (*(tensor(a, "float64") for a in two), order))
                for name, two in (("keys", keys), ("values", values))
            ),
        },
    )
    # The bound of memory is too coarse to tell how long a block is. So here, where the numbers are
    # few, the largest product of matrices is looked for. Sizes are such that a query's scores with
    # all keys are as many as all queries' with a block: what passes below passes here.
    narrow, count = 2, draw.integer(150, 160)
    query_few, key_few = draw.normal(count, 3), draw.normal(count * narrow, 3)
    value_few = draw.normal(count * narrow, 1)
    most = count * narrow
    few = case(
        f"{count} queries, {len(key_few)} keys, block {narrow}",
        "streaming_attention",
        tensor(query_few),
        Ref("key"),
        tensor(value_few),
        narrow,
        reference=lambda query, _, value, block: (
            stream_reference(query, key_few.astype("float32").astype("float64"), value, block),
            most,
        ),
        how={
            "steps": (Step("key", "@attention_today.watched", (tensor(key_few),)),),
            "after": (
                Step(
                    "the number of scores at once",
                    "@attention_today.largest_product",
                    (Ref("key"), most),
                ),
            ),
        },
    )
    return [
        Check(
            "one block",
            "attention as before, where all keys fit into the first block: the scale, the softmax, "
            "the values. If the result is nan, print the factor for what came before that block: "
            "it should be 0",
            (
                ask(2, 3, 3, widths=(2, 3)),
                ask(n_q, block, block),
                ask(1, 4, 4, widths=(4, 2)),
            ),
            core=True,
        ),
        Check(
            "several blocks",
            "what becomes of the sum and of the output so far when a later block brings a larger "
            "score",
            (
                ask(2, 4, 2, widths=(2, 3)),
                ask(n_q, block * blocks, block),
                with_scores("the largest score comes last", mixed(3), 4),
                ask(3, 6, 1),
            ),
            core=True,
            share=3,
        ),
        Check(
            "a shorter last block",
            "the keys after the last full block, and a block that is longer than all keys",
            (
                ask(n_q, block * blocks + rest, block),
                ask(2, 5, 2),
                ask(2, 3, 5, name="2 queries, 3 keys, block 5"),
                ask(2, 3, 1000, name="2 queries, 3 keys, block 1000"),
            ),
            share=2,
        ),
        Check(
            "batch axes",
            "that axes are counted from the end, and that every batch entry has a maximum and a "
            "sum of its own",
            (
                ask(n_q, block * blocks, block, (b,)),
                ask(2, 5, 2, (b, h)),
                ask(3, 3, 2, (3,), widths=(3, 3), name="all sizes 3, block 2"),
            ),
        ),
        Check(
            "large scores",
            "whether exp is ever given a large number, in whichever block the largest score is",
            (
                with_scores("scores up to ±30", mixed(30), 4),
                with_scores("scores up to ±30, block 5", between(-30, 30, 12), 5),
                with_scores("all scores near -200", between(-203, -200, 12), 4),
                with_scores("all scores near 200", between(200, 203, 12), 4),
            ),
            options={"rtol": 1e-5, "atol": 1e-5},
        ),
        Check(
            "very large scores",
            "the same at ±300, where powers of early blocks vanish beside later ones",
            (
                with_scores("scores up to ±300", mixed(300), 4),
                with_scores("scores up to ±300, block 1", mixed(300), 1),
                with_scores(
                    "a batch of 2, scores near 300 and near -300",
                    [between(297, 300, 12), between(-300, -297, 12)],
                    4,
                ),
            ),
            options={"rtol": 1e-3, "atol": 1e-3},
        ),
        Check(
            "sizes of one",
            "a single key, a single query, blocks of one key, widths of one",
            (
                ask(n_q, 1, block),
                ask(1, block * blocks, block),
                ask(2, 3, 1, widths=(1, 1)),
                ask(1, 1, 1),
            ),
        ),
        Check(
            "float64",
            "the dtype of the result, and whether anything on the way is rounded",
            (
                ask(n_q, block * blocks + rest, block, dtype="float64"),
                ask(2, 5, 2, (b,), dtype="float64"),
            ),
            options={"rtol": 1e-10, "atol": 1e-10},
        ),
        Check(
            "memory",
            "how many scores exist at once: (n_q, block), whatever the number of keys",
            (few, many),
            slow=True,
            share=2,
        ),
        Check(
            "gradients",
            "whether query, key and value are reached by backpropagation, and through every block",
            (
                ask(2, 5, 2, widths=(2, 2), grad=("0", "1", "2"), draw=draw),
                ask(2, 3, 5, (2,), widths=(2, 1), grad=("0", "1", "2"), draw=draw),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as /= writes into the caller's tensor",
            (ask(n_q, block * blocks, block, watch=True), ask(2, 5, 2, (b,), watch=True)),
            rule="untouched",
        ),
    ]


# --- a larger base ------------------------------------------------------------------------------


def base_reference(factor, d, base=10000.0) -> np.ndarray:
    """Find by bisection the base whose slowest pair turns ``factor`` times slower than before.

    The slowest pair has the exponent (d - 2)/d.
    """
    due = math.log(factor) + (d - 2) / d * math.log(base)  # log of one over its frequency
    low, high = 0.0, 2000.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (d - 2) / d * middle < due else (low, middle)
    return np.asarray(math.exp(low))


def base_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``rotary_base``."""
    factor, d = float(draw.integer(3, 9)), 2 * draw.integer(5, 20)
    base = draw.integer(20, 400) + 0.37

    def ask(factor, d, *base, **more):
        name = f"factor {factor:g}, width {d}"
        for one in (*base, *more.values()):
            name += f", base {one:g}"
        return case(
            name, "rotary_base", factor, d, *base, reference=base_reference, dtype="float64", **more
        )

    def judged(name, look, *cases, **more):
        return Check(name, look, cases, "one_number", {"rtol": 1e-6, "atol": 0.0}, **more)

    return [
        judged(
            "the new base",
            "the exponent of the factor, and what the power of the factor is multiplied by",
            ask(2.0, 4),
            ask(4.0, 64),
            ask(factor, d),
            core=True,
            share=2,
        ),
        judged(
            "another base",
            "the third argument",
            ask(2.0, 4, 100.0),
            ask(factor, d, base=base),
            ask(2.0, 6, 7.3),
            core=True,
        ),
        judged(
            "narrow and wide heads",
            "d = 4 and d = 6, where the exponent is far from 1, and wide heads, where it is near",
            ask(3.0, 6),
            ask(8.0, 128),
            ask(2.0, 256),
        ),
        judged(
            "other factors",
            "a factor of 1 changes nothing; a factor need not be a whole number",
            ask(1.0, 8),
            ask(1.5, 8),
            ask(16, 64),
            ask(1, 8),
            ask(1.0, 8, 250.5),
        ),
    ]


# --- squeezed positions -------------------------------------------------------------------------


def interpolated_reference(n: int, trained: int) -> np.ndarray:
    """Scale one position after the other."""
    shrink = trained / n if n > trained else 1.0
    return np.array([p * shrink for p in range(n)])


def interpolated_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``interpolate_positions``."""
    trained = draw.integer(5, 9)
    more = trained + draw.integer(2, 9)

    def ask(n, trained):
        name = f"{n} position{'s'[: n > 1]}, trained on {trained}"
        return case(
            name,
            "interpolate_positions",
            n,
            trained,
            reference=interpolated_reference,
            dtype="float32",
        )

    return [
        Check(
            "longer than trained",
            "the factor that all positions are multiplied by, and where they begin",
            # In floats 15 steps of 11/15 end just before 11, where one more would fit.
            (ask(8, 4), ask(more, trained), ask(7, 3), ask(15, 11)),
            options=BY_VALUE,
            core=True,
            share=2,
        ),
        Check(
            "not longer than trained",
            "positions that the model knows: they stay as they are",
            (ask(3, 8), ask(trained - 2, trained), ask(5, 5)),
            options=BY_VALUE,
            core=True,
        ),
        Check(
            "sizes of one",
            "a single position, and a model that was trained on one",
            (ask(1, 1), ask(1, 6), ask(4, 1)),
            options=BY_VALUE,
        ),
        Check(
            "much longer",
            "a factor of 16, and a position just beyond the trained length",
            (ask(512, 32), ask(65, 64)),
            options=BY_VALUE,
        ),
        Check(
            "floating point",
            "the dtype: positions between whole numbers need floating point",
            (ask(8, 4), ask(3, 8)),
            rule="floating",
        ),
    ]


# --- another layout -----------------------------------------------------------------------------


def interleaved_reference(weight: np.ndarray, num_heads: int) -> np.ndarray:
    """Move each row of each head to its place, one row at a time."""
    out = np.full_like(weight, np.nan)
    width = len(weight) // num_heads
    for h in range(num_heads):
        for i in range(width // 2):
            out[h * width + 2 * i] = weight[h * width + i]
            out[h * width + 2 * i + 1] = weight[h * width + i + width // 2]
    return out


def interleaved_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``interleave_rows``."""
    heads, half = draw.sizes(2, 3, 5)
    d = draw.integer(2, 9)

    def given(name, weight, num_heads, dtype="float32", **more):
        arguments = (tensor(weight, dtype), num_heads)
        return case(name, "interleave_rows", *arguments, reference=interleaved_reference, **more)

    def ask(num_heads, width, d, *rest, **more):
        name = f"{num_heads} head{'s'[: num_heads > 1]} of width {width}, d = {d}"
        return given(name, draw.normal(num_heads * width, d), num_heads, *rest, **more)

    numbered = np.arange(12.0)[:, None]
    return [
        Check(
            "two heads of width 6",
            "where row i of a head goes, and row i + d_head/2: the two are to be neighbors",
            (
                given("rows 0 … 11, one column", numbered, 2),
                ask(2, 6, 5),
            ),
            core=True,
            share=2,
        ),
        Check(
            "other sizes",
            "that every head is reordered by itself, and that columns stay where they are",
            (
                ask(heads, 2 * half, d),
                ask(heads, 2 * half, heads * 2 * half),
                ask(2, 16, 4),
                ask(6, 6, 6),
                ask(4, 8, 32),
            ),
            core=True,
        ),
        Check(
            "sizes of one",
            "a single head, a single column, heads of one pair",
            (ask(1, 6, 5), ask(heads, 6, 1), ask(heads, 2, 4), ask(1, 2, 1)),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result",
            (ask(2, 6, 3), ask(heads, 2 * half, d, "float64")),
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (ask(2, 6, 2, grad="0", draw=draw),),
        ),
        Check(
            "the input is left alone",
            "an assignment into the caller's tensor, or a name that ends in _",
            (ask(2, 6, 3, watch=True), ask(heads, 2 * half, d, watch=True)),
            rule="untouched",
        ),
    ]


# --- the block of today -------------------------------------------------------------------------

MODERN = (
    *(f"attention.{name}" for name in GROUPED),
    *(f"feed_forward.{name}" for name in GATED),
    "gain1",
    "gain2",
)


def _inside(weights: dict, child: str) -> dict:
    """Return the weights of one child, by the names that they have there."""
    return {k.removeprefix(f"{child}."): w for k, w in weights.items() if k.startswith(f"{child}.")}


def modern_reference(heads, kv_heads, base, weights, x, mask=None, positions=None) -> np.ndarray:
    """Return the residual stream after both sub-layers. Gains that are not given are 1."""
    attention = functools.partial(grouped_reference, heads, kv_heads, base)
    gain1, gain2 = (weights.get(name, np.ones(x.shape[-1])) for name in ("gain1", "gain2"))
    x = x + attention(_inside(weights, "attention"), rms_reference(x, gain1), mask, positions)[0]
    return x + swiglu_reference(_inside(weights, "feed_forward"), rms_reference(x, gain2))


def modern_weights(draw: Draw, d, heads, kv_heads, d_ff, silent=()) -> dict[str, np.ndarray]:
    """Draw weights; a sub-layer named in ``silent`` outputs zeros whatever it is given."""
    weights = {
        f"attention.{name}": w for name, w in grouped_weights(draw, d, heads, kv_heads).items()
    }
    weights |= {f"feed_forward.{name}": w for name, w in swiglu_weights(draw, d, d_ff).items()}
    weights |= {"gain1": draw.normal(d), "gain2": draw.normal(d)}
    if "attention" in silent:
        weights["attention.W_output.weight"] = np.zeros((d, d))
    if "feed_forward" in silent:
        weights["feed_forward.down.weight"] = np.zeros((d, d_ff))
    return weights


def modern_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``ModernBlock``."""
    n, batch = draw.sizes(2, 3, 5)
    d_ff = draw.integer(7, 9)
    base = float(draw.integer(20, 400))
    usual = (batch, n, 4, 2, 2, d_ff)
    small = (1, 2, 2, 1, 2, 3)
    both = ("attention", "feed_forward")

    def ask(
        name,
        sizes,
        *rest,
        silent=(),
        base=None,
        scale=2.0,
        dtype="float32",
        given_gains=True,
        **more,
    ):
        """Make a case; ``sizes``: batch, positions, heads, key-value heads, head width, d_ff."""
        b, positions, heads, kv_heads, width, hidden = sizes
        d = heads * width
        weights = modern_weights(draw, d, heads, kv_heads, hidden, silent)
        if not given_gains:
            del weights["gain1"], weights["gain2"]
        return case(
            name,
            "ModernBlock",
            tensor(scale * draw.normal(b, positions, d), dtype),
            *rest,
            reference=functools.partial(modern_reference, heads, kv_heads, base or 10000.0),
            init=(d, heads, kv_heads, hidden, *(() if base is None else (base,))),
            weights={path: w.astype(dtype) for path, w in weights.items()},
            **more,
        )

    lengths = [n - 1, *[draw.integer(1, n) for _ in range(batch - 1)]]
    padding = np.array([[[[0.0 if j < own else -INF for j in range(n)]]] for own in lengths])
    blind = causal(n)
    blind[draw.integer(0, n - 1)] = -INF
    scattered = draw.rng.choice(40, size=n, replace=False).tolist()
    fractions = np.round(draw.uniform(0, 9, n), 2)
    biases = draw.normal(4, n, n)
    rough = {"rtol": 1e-3, "atol": 1e-4}
    return [
        Check(
            "both sub-layers silent",
            "what is left when attention and feed-forward network put out zeros: the stream "
            "itself, as it came in",
            (ask("one sequence", small, silent=both), ask("a batch", usual, silent=both)),
            core=True,
        ),
        Check(
            "attention alone",
            "the first half: which norm and gain, before what, and to what the result is added",
            (
                ask("one sequence", small, silent=("feed_forward",)),
                ask("a batch", usual, silent=("feed_forward",)),
            ),
            core=True,
            options=rough,
        ),
        Check(
            "feed-forward alone",
            "the second half: which norm and gain, before what, and to what the result is added",
            (
                ask("one sequence", small, silent=("attention",)),
                ask("a batch", usual, silent=("attention",)),
            ),
            core=True,
            options=rough,
        ),
        Check(
            "the whole block",
            "how the halves follow each other: what does the second half start from?",
            (ask("one sequence", small), ask("a batch", usual)),
            core=True,
            share=2,
            options=rough,
        ),
        Check(
            "masks",
            "whether the mask reaches the attention, in every shape",
            (
                ask("causal, (n, n)", usual, tensor(causal(n))),
                ask("padding, (B, 1, 1, n)", usual, tensor(padding)),
                ask("a bias for each head, (h, n, n)", usual, tensor(biases)),
                ask("one position sees nothing", usual, tensor(blind)),
                ask("mask given by name", usual, mask=tensor(causal(n))),
                ask("None for both", usual, None, None),
            ),
            share=2,
            options=rough,
        ),
        Check(
            "positions",
            "whether the positions reach the attention, as its positions",
            (
                ask(f"positions {scattered}", usual, None, tensor(scattered, "int64")),
                ask(
                    f"positions={fractions.tolist()}, causal",
                    usual,
                    tensor(causal(n)),
                    positions=tensor(fractions, "float32"),
                ),
                ask("positions in int32", usual, None, tensor(scattered, "int32")),
            ),
            options=rough,
        ),
        Check(
            "another base",
            "the base that the block was made with",
            (ask(f"base {base:g}, heads of width 4", (batch, n, 2, 1, 4, d_ff), base=base),),
            options=rough,
        ),
        Check(
            "gains at the start",
            "the gains of a new block: it begins as if the norms had none",
            (ask("a new block's own gains", usual, given_gains=False),),
            options=rough,
        ),
        Check(
            "a faint stream",
            "the eps of the two norms: it is that of rms_norm when nothing is said, and it shows "
            "where the stream is small",
            (
                ask("entries near 0.001", usual, scale=1e-3, dtype="float64"),
                ask("all entries 0", usual, scale=0.0, dtype="float64"),
            ),
        ),
        Check(
            "sizes of one",
            "axes of length 1: a single position, a single head, a hidden layer of one unit",
            (
                ask("a single position", (1, 1, 2, 1, 2, 3)),
                ask("a single head", (2, n, 1, 1, 4, d_ff)),
                ask("a hidden layer of one unit", (1, n, 2, 2, 2, 1)),
            ),
            options=rough,
        ),
        Check(
            "float64",
            "the dtype of the result when the block is float64 and the mask float32",
            (
                ask("no mask", (2, 3, 2, 1, 2, 5), dtype="float64"),
                ask("a float32 mask", usual, tensor(causal(n)), dtype="float64"),
                ask(
                    "float32 positions",
                    usual,
                    None,
                    tensor(fractions, "float32"),
                    dtype="float64",
                ),
            ),
            options={"rtol": 1e-4, "atol": 2e-5},
        ),
        Check(
            "gradients",
            "whether x, both gains and all seven matrices are reached by backpropagation",
            (
                ask("x", (1, 3, 2, 1, 2, 3), grad=("0",), draw=draw, dtype="float64"),
                ask("the weights", small, grad=MODERN, draw=draw, dtype="float64"),
                ask(
                    "x, with a mask",
                    small,
                    tensor(causal(2)),
                    grad=("0",),
                    draw=draw,
                    dtype="float64",
                ),
                ask(
                    "x, with positions",
                    small,
                    None,
                    tensor([3, 1], "int64"),
                    grad=("0",),
                    draw=draw,
                    dtype="float64",
                ),
            ),
            options={"rtol": 1e-4, "atol": 2e-5},
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as x += writes into the caller's tensor",
            (
                ask("x after the call", usual, watch=True),
                ask("x and mask after the call", usual, tensor(causal(n)), watch=True),
            ),
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
            "whatever the other map holds. Then one map leads back to d_model. "
            "torch.nn.functional knows silu.",
            "open ← silu of ____ of x\ncontent ← ____ of x\nanswer ← ____ of (open ____ content)",
        ),
        views=("a gate, and what it lets through",),
    ),
    Exercise(
        "GroupedQueryAttention",
        5,
        grouped_checks,
        hints=(
            "Begin with lesson 4's layer and ask what changes. Two of the four matrices give fewer "
            "features than before; into how many heads are they to be split?",
            "Split queries into h heads and keys and values into h_kv. Turn queries and keys, not "
            "values, head by head, with the given positions and the layer's base. Then give every "
            "query head its key-value head: heads that share one stand side by side, so each "
            "key-value head is repeated h/h_kv times before the next one begins. From there it is "
            "attention with a mask, as in lesson 3.",
            "query ← W_query of x, split into ____ heads and turned\n"
            "key ← W_key of x, split into ____ heads and ____;  value ← W_value of x, split into "
            "____ heads\n"
            "key, value ← each head repeated ____ times along the axis of ____\n"
            "found, weights ← masked attention of ____\n"
            "answer ← (W_output of the merged ____, ____)",
        ),
        uses=("split_heads", "merge_heads", "masked_attention", "rotary_encoding"),
        views=("positions 0, 1, 2, …", "masks", "given positions"),
        returns=("output", "weights"),
    ),
    Exercise(
        "kv_cache_bytes",
        1,
        cache_checks,
        hints=(
            "Write down what one layer keeps for one token, head by head.",
            "Two vectors for each token and each key-value head. Queries are not kept: nobody asks "
            "an old question again. Everything else is multiplication, in whole numbers.",
            "numbers for one token ← layers times ____ times ____ times 2\n"
            "answer ← numbers for one token times ____ times ____",
        ),
    ),
    Exercise(
        "window_mask",
        2,
        window_checks,
        hints=(
            "Draw the mask for n = 5, window 2 and one sink: five rows of five squares. Color what "
            "row 3 sees.",
            "A column of query positions i and a row of key positions j make an (n, n) table of "
            "comparisons. A key is visible if it is near enough *or* among the first few, *and* "
            "not later than i. Build that table of True and False first; zeros and -inf come last.",
            "near ← j greater than i minus ____\n"
            "first ← j less than ____\n"
            "visible ← (near ____ first) ____ (j at most ____)\n"
            "answer ← ____ where visible, ____ elsewhere, in float32",
        ),
    ),
    Exercise(
        "streaming_attention",
        5,
        stream_checks,
        hints=(
            "Take one query and four keys, two at a time. After the first two keys you have a "
            "maximum, a sum of powers and a weighted sum of values. What must happen to the last "
            "two when the next block has a larger maximum?",
            "Keep three things for each query: the largest score so far, the sum of the powers "
            "taken relative to it, and the sum of the values weighted by those powers. exp(a - "
            "new) is exp(a - old) times exp(old - new), so that one factor corrects both sums. "
            "Divide once, at the end. Begin with a maximum of -inf.",
            "top ← ____; total ← 0; output ← 0\n"
            "for each block of keys and values:\n"
            "    scores ← query with the keys of the block, divided by ____\n"
            "    new top ← the larger of ____ and ____\n"
            "    shrink ← exp(____ - ____); powers ← exp(scores - ____)\n"
            "    total ← total times ____ plus ____\n"
            "    output ← output times ____ plus ____\n"
            "    top ← ____\n"
            "answer ← output divided by ____",
        ),
        views=("several blocks", "batch axes"),
    ),
    Exercise(
        "rotary_base",
        1,
        base_checks,
        hints=(
            "Which pair turns slowest, and what is its exponent? It is not quite 1.",
            "The formula is in the docstring. It follows from one demand: the slowest pair, with "
            "the exponent (d - 2)/d, is to turn `factor` times slower. What is raised to the "
            "power, the factor alone or the product?",
            "exponent ← ____ divided by ____\nanswer ← ____ times (____ to the power of exponent)",
        ),
    ),
    Exercise(
        "interpolate_positions",
        1,
        interpolated_checks,
        hints=(
            "A model was trained on 4 positions, and the text has 8, twice as many. How large "
            "must the step from one position to the next be, so that the text covers the same "
            "length?",
            "All positions are multiplied by one number, trained/n, which is less than 1. Where "
            "the text is no longer than the training was, nothing is to be changed; the same "
            "formula would stretch the positions there.",
            "positions ← 0 … ____, as floating point numbers\n"
            "if n is more than ____: positions ← positions times ____",
        ),
    ),
    Exercise(
        "interleave_rows",
        3,
        interleaved_checks,
        hints=(
            "Number the rows of one head of width 6 from 0 to 5. In the half-split layout 0 and 3 "
            "make a pair, 1 and 4, 2 and 5. Which order makes neighbors of every pair?",
            "Look at the rows of one head as a table of 2 by d_head/2: its columns are the pairs. "
            "Reading the table column by column gives the new order. It is split_heads once more: "
            "cut an axis, exchange two axes, join. With several heads there is one axis more, "
            "which stays first.",
            "table ← weight with its rows cut into (heads, ____, ____), columns kept\n"
            "table ← table with the axes of ____ and ____ exchanged\n"
            "answer ← the first three axes of table made one",
        ),
    ),
    Exercise(
        "ModernBlock",
        3,
        modern_checks,
        hints=(
            "It is lesson 6's block, line by line. Which of its parts have other names here?",
            "Two branches leave the residual stream. Each begins with rms_norm and a gain of its "
            "own; the attention returns a pair, of which one part is needed, and takes mask and "
            "positions. Each result is added to the stream as it was before the norm.",
            "x ← x plus the ____ of attention(rms_norm(x, ____), ____, ____)\n"
            "answer ← x plus feed_forward(____)",
        ),
        uses=("rms_norm", "GroupedQueryAttention", "SwiGLU"),
        views=("the whole block", "masks", "positions"),
    ),
]
