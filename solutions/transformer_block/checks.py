"""Lesson 6: the checks.

References are loops in float64 over positions and features (math.fsum, math.erfc); attention's is
lesson 4's, and the gradients of a stack are derived by hand. Dropout is judged by which entries it
may leave and how often, the gradients of a deep stack by the effect that theory predicts: the right
numbers there depend on random draws whose order is free.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from grader.course.specification import Draw, Exercise, case, question, steady, tensor, wide
from grader.protocol.values import Ask, Case, Check, Ref, Reply, Step
from solutions.multi_head_attention.checks import MAPS, layer_reference

INF = math.inf

# --- layer norm ---------------------------------------------------------------------------------


def norm_reference(x, gain, bias, eps=1e-5) -> np.ndarray:
    """Normalize one vector at a time, with exact sums."""
    out = np.zeros_like(x)
    d = x.shape[-1]
    for place in np.ndindex(*x.shape[:-1]):
        row = x[place].tolist()
        mean = math.fsum(row) / d
        variance = math.fsum((entry - mean) ** 2 for entry in row) / d
        for c, entry in enumerate(row):
            out[(*place, c)] = gain[c] * (entry - mean) / math.sqrt(variance + eps) + bias[c]
    return out


def quick_norm(x, gain, bias, eps=1e-5) -> np.ndarray:
    """Normalize all vectors at once, to test rounding; no expected result comes from it."""
    off = x - x.mean(axis=-1, keepdims=True)
    return off / np.sqrt((off * off).mean(axis=-1, keepdims=True) + eps) * gain + bias


def norm_cases(draw: Draw, target: str):
    """Return makers of cases for the layer norm named ``target``."""

    def given(name, x, *eps, gain=None, bias=None, dtype="float32", **more):
        x = np.asarray(x, np.float64)
        d = x.shape[-1]
        gain = draw.normal(d) if gain is None else np.asarray(gain, np.float64)
        bias = draw.normal(d) if bias is None else np.asarray(bias, np.float64)
        args = (tensor(x, dtype), tensor(gain, dtype), tensor(bias, dtype), *eps)
        return case(name, target, *args, reference=norm_reference, **more)

    def ask(*shape, eps=(), mean=0.0, spread=1.0, dtype="float32", name="", **more):
        """Make a case with numbers of this mean and spread, drawn until float32 holds the result.

        It never does if the mean is far from 0: there a check has tolerances of its own.
        """
        while True:
            x = mean + spread * draw.normal(*shape)
            found = given(name or f"shape {shape}", x, *eps, dtype=dtype, **more)
            far = abs(mean) > 3 * spread
            if far or dtype == "float64" or steady(draw, found, quick_norm):
                return found

    return given, ask


def made_of(case: Case) -> Case:
    """Make the same call with a gradient, and ask which operations its result comes from."""
    step = Step("x", "@leaf", (case.ask.args[0],))
    ask = replace(
        case.ask,
        args=(Ref("x"), *case.ask.args[1:]),
        steps=(step,),
        after=(Step("made of", "@operations", (Ref("result"),)),),
    )
    return Case(case.name, ask)


def norm_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``layer_norm``.

    Gradients and eps 0 take vectors of 4 or more features: two or three can turn out nearly
    equal, and then every order of operations loses digits.
    """
    given, ask = norm_cases(draw, "layer_norm")
    n, d, b, c = draw.sizes(4, 2, 6)
    square, wide = draw.integer(3, 4), draw.integer(9, 16)
    large = round(float(draw.uniform(0.3, 2.0)), 2)
    # float32 holds numbers near 1000 to 6e-5, so that even the best way to compute a mean is off by
    # as much: 0.002 is 30 times that. E[x²] - E[x]² is off by several hundredths.
    rough = {"rtol": 2e-3, "atol": 2e-3}
    return [
        Check(
            "mean 0, variance 1",
            "what is subtracted, what is divided by, and over which axis: every vector by itself",
            (
                given("[1, 3], gain 1, bias 0", [[1, 3]], gain=[1, 1], bias=[0, 0]),
                given("[0, 0, 3], gain 1, bias 0", [[0, 0, 3]], gain=[1] * 3, bias=[0] * 3),
                ask(3, 4, gain=np.ones(4), bias=np.zeros(4), name="3 vectors, gain 1, bias 0"),
                ask(n, wide, mean=2.0, gain=np.ones(wide), bias=np.zeros(wide)),
            ),
            core=True,
            share=2,
        ),
        Check(
            "gain and bias",
            "what happens after the division: one scale and one shift for each feature",
            (
                given("[1, 3], gain [2, 5], bias [10, 20]", [[1, 3]], gain=[2, 5], bias=[10, 20]),
                ask(n, d, mean=1.0),
                ask(square, square, mean=1.0),
            ),
            core=True,
        ),
        Check(
            "leading axes",
            "which axis is normalized (the last, however many come before it), and whether "
            "anything is shared between positions",
            (
                ask(d, mean=1.0),
                ask(b, n, d, mean=-1.0),
                ask(2, 3, 4, 5, spread=3.0),
                ask(square, square, square, mean=2.0),
                ask(c, b, n, d),
            ),
        ),
        Check(
            "eps",
            "where eps is added, which shows when the variance is small or eps large; and what "
            "eps is when the caller gives none",
            (
                ask(n, d, eps=(large,), name=f"eps {large:g}"),
                ask(n, d, eps=(0.1,), spread=0.1, name="eps 0.1, vectors with a spread of 0.1"),
                ask(n, d, spread=3e-3, name="eps not given, vectors with a spread of 0.003"),
                ask(n, wide, eps=(0.0,), spread=3e-3, name="eps 0, a spread of 0.003"),
                given("eps not given, all entries equal", np.full((2, 3), 0.75)),
            ),
        ),
        Check(
            "a mean far from 0",
            "the order of the steps: the difference of two large numbers keeps few digits",
            (
                ask(12, wide, mean=1000.0, name="mean 1000, spread 1"),
                ask(12, wide, mean=-10.0, spread=0.01, name="mean -10, spread 0.01"),
                ask(b, n, wide, mean=30.0, spread=0.03, name="mean 30, spread 0.03"),
            ),
            options=rough,
        ),
        Check(
            "sizes of one",
            "a vector of a single feature (its variance is 0), a single position",
            (ask(n, 1), ask(1, d), ask(1, 1, d), ask(1)),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (ask(2, 3), ask(n, d, dtype="float64"), ask(b, n, d, eps=(0.5,), dtype="float64")),
        ),
        Check(
            "gradients",
            "backpropagation into x, gain and bias: mean and variance depend on x too",
            (
                ask(2, 4, mean=1.0, grad=("0", "1", "2"), draw=draw),
                ask(2, 2, 5, eps=(large,), grad=("0", "1", "2"), draw=draw),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as x -= or a name that ends in _",
            (ask(n, d, mean=1.0, watch=True), ask(b, n, d, mean=1.0, watch=True)),
            rule="untouched",
        ),
        Check(
            "written out",
            "which operations the result comes from: the exercise is to write the formula out, so "
            "PyTorch's own layer norm may not be called",
            tuple(made_of(one) for one in (ask(n, d, name="a graph"), ask(n, d, eps=(large,)))),
            rule="made_without",
            options={"operations": ("LayerNorm", "GroupNorm", "BatchNorm")},
        ),
    ]


# --- gelu ---------------------------------------------------------------------------------------


def gelu_reference(x) -> np.ndarray:
    """Compute x Φ(x), Φ from the complementary error function: no digits are lost far left."""
    phi = [0.5 * math.erfc(-entry / math.sqrt(2.0)) for entry in x.ravel().tolist()]
    return np.asarray(x * np.array(phi).reshape(x.shape))


def gelu_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``gelu``."""
    n, d, b = draw.sizes(3, 2, 6)
    gate = question("64 numbers, twice", "gelu", tensor(1.5 * draw.normal(64)))

    def given(name, x, dtype="float32", **more):
        return case(name, "gelu", tensor(x, dtype), reference=gelu_reference, **more)

    def ask(*shape, dtype="float32", **more):
        return given(f"shape {shape}", 1.5 * draw.normal(*shape), dtype, **more)

    return [
        Check(  # first, since a verdict begins with the mistake that it recognizes
            "nothing random",
            "whether anything is random: GELU is what the gate lets through on average",
            (gate, gate),
            rule="transformer_block.undrawn",
            options={"names": "gate_of_a_coin"},
        ),
        Check(
            "the curve",
            "what every number is multiplied by: 0 far on the left, 1/2 at 0, 1 far on the right",
            (
                given("-3, -2, -1, 0, 1, 2, 3", np.arange(-3.0, 4.0)),
                given("-1.5, -0.5, 0.5, 1.5", np.arange(-1.5, 2.0)),
                ask(n, d),
            ),
            options={"rtol": 2e-3, "atol": 1e-3},  # the tanh formula passes here, not below
            core=True,
            share=2,
        ),
        Check(
            "exact, not approximated",
            "whether the distribution function itself is used or one of the formulas that come "
            "close to it",
            (
                given("from -5 to 5", np.linspace(-5, 5, 41), "float64"),
                ask(b, n, d, dtype="float64"),
                given("from -5 to 5, float32", np.linspace(-5, 5, 41)),
            ),
        ),
        Check(
            "any shape",
            "whether it works entry by entry: on one number, a vector, a batch",
            (given("a single number", 0.7), ask(d), ask(1), ask(b, n, d), ask(2, 1, 3, 2)),
        ),
        Check(
            "far from 0",
            "exp or a power of a large number, which overflows",
            (given("±10, ±100, ±10000", [-1e4, -100.0, -10.0, 10.0, 100.0, 1e4]),),
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (ask(n, d), ask(n, d, dtype="float64")),
            options={"rtol": 2e-3, "atol": 1e-3},
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, math.erf), and the slope "
            "to the left of 0, which is not 0",
            (
                given("-2, -0.5, 0, 1", [-2.0, -0.5, 0.0, 1.0], "float64", grad="0", draw=draw),
                ask(2, 3, dtype="float64", grad="0", draw=draw),
            ),
            options={"rtol": 2e-3, "atol": 1e-3},
        ),
        Check(
            "the input is left alone",
            "an in-place operation such as x *= or a name that ends in _",
            (ask(n, d, watch=True),),
            rule="untouched",
        ),
    ]


# --- feed-forward -------------------------------------------------------------------------------

FEED = ("up.weight", "up.bias", "down.weight", "down.bias")


def feed_reference(weights, x) -> np.ndarray:
    """Apply the network to one position at a time."""
    up, up_bias, down, down_bias = (weights[name] for name in FEED)
    out = np.zeros((*x.shape[:-1], down.shape[0]))
    for place in np.ndindex(*x.shape[:-1]):
        hidden = gelu_reference(np.array([row @ x[place] for row in up]) + up_bias)
        out[place] = np.array([row @ hidden for row in down]) + down_bias
    return out


def feed_weights(draw: Draw, d: int, d_ff: int) -> dict[str, np.ndarray]:
    """Draw matrices and biases, none of them at its initial value."""
    up, down = draw.normal(d_ff, d, scale=1.5 / d**0.5), draw.normal(d, d_ff, scale=1.5 / d_ff**0.5)
    return dict(zip(FEED, (up, draw.normal(d_ff), down, draw.normal(d)), strict=True))


def feed_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``FeedForward``."""
    n, d, d_ff, b = draw.sizes(4, 2, 7)
    square = draw.integer(3, 4)

    def ask(shape, hidden, dtype="float32", weights=None, name="", **more):
        weights = weights or feed_weights(draw, shape[-1], hidden)
        return case(
            name or f"x {shape}, d_ff {hidden}",
            "FeedForward",
            tensor(draw.normal(*shape), dtype),
            reference=feed_reference,
            init=(shape[-1], hidden),
            weights={path: np.asarray(w, dtype) for path, w in weights.items()},
            **more,
        )

    def by_hand():
        weights = {
            "up.weight": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
            "up.bias": [0.0, 0.0, -1.0],
            "down.weight": [[1.0, 0.0, 1.0], [0.0, 1.0, -1.0]],
            "down.bias": [0.0, 0.5],
        }
        return ask((1, 1, 2), 3, weights=weights, name="one position, matrices of 0 and ±1")

    return [
        Check(
            "up, bend, down",
            "the order of the three steps, which layer comes first, and which activation function "
            "is used",
            (by_hand(), ask((2, 3, 4), 5), ask((b, n, d), d_ff), ask((2, n, square), square)),
            core=True,
            share=2,
        ),
        Check(
            "exact GELU",
            "which GELU it is: the exact one and its approximation differ in the fourth digit",
            (ask((b, n, d), d_ff, "float64"), ask((2, 3, 4), 8, "float64")),
        ),
        Check(
            "any leading axes",
            "whether the layers work on the last axis, whatever axes come before it",
            (ask((d,), d_ff), ask((n, d), d_ff), ask((2, b, n, d), d_ff)),
        ),
        Check(
            "sizes of one",
            "a hidden layer of one unit, a single feature, a single position",
            (ask((b, n, d), 1), ask((b, n, 1), d_ff), ask((1, 1, 1), 1)),
        ),
        Check(
            "gradients",
            "whether backpropagation reaches x, both matrices and both biases",
            (ask((1, 2, 3), 4, "float64", grad=("0", *FEED), draw=draw),),
        ),
        Check(
            "the input is left alone",
            "an in-place operation such as += writes into the caller's tensor",
            (ask((b, n, d), d_ff, watch=True),),
            rule="untouched",
        ),
    ]


# --- the block ----------------------------------------------------------------------------------

BLOCK = (
    *(f"attention.{name}" for name in MAPS),
    *(f"feed_forward.{name}" for name in FEED),
    *(f"{norm}.{part}" for norm in ("norm1", "norm2") for part in ("weight", "bias")),
)


def _inside(weights: dict, child: str) -> dict:
    """Return the weights of one child, by the names that they have there."""
    return {k.removeprefix(f"{child}."): w for k, w in weights.items() if k.startswith(f"{child}.")}


def attention_branch(heads, weights, x, mask=None) -> np.ndarray:
    """Return what the first sub-layer adds to the stream."""
    normed = norm_reference(x, weights["norm1.weight"], weights["norm1.bias"])
    return layer_reference(heads, _inside(weights, "attention"), normed, None, mask)[0]


def feed_branch(weights, x) -> np.ndarray:
    """Return what the second sub-layer adds to the stream."""
    normed = norm_reference(x, weights["norm2.weight"], weights["norm2.bias"])
    return feed_reference(_inside(weights, "feed_forward"), normed)


def block_reference(heads, weights, x, mask=None) -> np.ndarray:
    """Return the stream after both sub-layers, nothing dropped."""
    x = x + attention_branch(heads, weights, x, mask)
    return x + feed_branch(weights, x)


def quick_block(heads, weights, x, mask=None) -> np.ndarray:
    """Do the same for all positions and heads at once, to test rounding, never as a reference."""

    def normed(name, x):
        return quick_norm(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    inner = normed("norm1", x)
    maps = (inner @ weights[f"attention.{name}"].T for name in MAPS[:3])
    query, key, value = (a.reshape(*a.shape[:2], heads, -1).swapaxes(1, 2) for a in maps)
    scores = query @ key.swapaxes(-1, -2) / math.sqrt(query.shape[-1])
    scores = scores if mask is None else scores + wide(mask)
    top = scores.max(axis=-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
    total = powers.sum(axis=-1, keepdims=True)
    brought = (powers / np.where(total > 0, total, 1.0)) @ value
    x = x + brought.swapaxes(1, 2).reshape(x.shape) @ weights[f"attention.{MAPS[3]}"].T
    up, up_bias, down, down_bias = (weights[f"feed_forward.{name}"] for name in FEED)
    return x + gelu_reference(normed("norm2", x) @ up.T + up_bias) @ down.T + down_bias


def block_weights(draw: Draw, d: int, d_ff: int, silent: Sequence[str] = ()) -> dict:
    """Draw weights; a sub-layer named in ``silent`` outputs zeros whatever it is given."""
    weights = {f"attention.{name}": draw.normal(d, d, scale=1.5 / d**0.5) for name in MAPS}
    weights |= {f"feed_forward.{k}": w for k, w in feed_weights(draw, d, d_ff).items()}
    for norm in ("norm1", "norm2"):
        weights[f"{norm}.weight"], weights[f"{norm}.bias"] = draw.normal(d), draw.normal(d)
    if "attention" in silent:
        weights["attention.W_output.weight"] = np.zeros((d, d))
    if "feed_forward" in silent:
        weights["feed_forward.down.weight"] = np.zeros((d, d_ff))
        weights["feed_forward.down.bias"] = np.zeros(d)
    return weights


def _causal(n: int) -> np.ndarray:
    return np.array([[0.0 if j <= i else -INF for j in range(n)] for i in range(n)])


def block_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``TransformerBlock``."""
    heads, width = draw.sizes(2, 2, 3)
    n, b = draw.sizes(2, 3, 5)
    d_ff = draw.integer(7, 9)
    share = round(float(draw.uniform(0.2, 0.4)), 2)
    seeds = [draw.integer(0, 2**31 - 1) for _ in range(6)]

    def call(name, sizes, *rest, silent=(), p=None, dtype="float32", reference=None, **more):
        """Make a case; ``sizes``: sequences, positions, heads, head width, d_ff."""
        batch, positions, count, each, hidden = sizes
        wide = count * each
        reference = reference or functools.partial(block_reference, count)
        quick = functools.partial(quick_block, count)
        while True:  # until float32 holds the result
            x = 2.0 * draw.normal(batch, positions, wide) + draw.normal(batch, positions, 1)
            weights = block_weights(draw, wide, hidden, silent)
            found = case(
                name,
                "TransformerBlock",
                tensor(x, dtype),
                *rest,
                reference=reference,
                init=(wide, count, hidden) if p is None else (wide, count, hidden, p),
                weights={path: w.astype(dtype) for path, w in weights.items()},
                **more,
            )
            if dtype == "float64" or p == 1.0 or steady(draw, found, quick):
                return found

    usual = (b, n, heads, width, d_ff)
    small = (1, 2, 2, 2, 3)
    both = ("attention", "feed_forward")
    # Sequences of different lengths: a mask that holds for the first one alone must not do.
    lengths = [n - 1, n, *[draw.integer(1, n) for _ in range(b - 2)]]
    padding = np.array([[[[0.0 if j < own else -INF for j in range(n)]]] for own in lengths])
    slopes = -np.abs(np.arange(n)[:, None] - np.arange(n)) * np.ones((heads, 1, 1))
    slopes *= np.array([2.0**-h for h in range(heads)])[:, None, None]
    blind = _causal(n)
    blind[draw.integer(0, n - 1)] = -INF

    def dropped(branch, p, seed):
        """Make a case with one sub-layer silent; 240 entries of the other are dropped or scaled."""
        sizes = (3, 4, 4, 5, 7)
        silent = "feed_forward" if branch == "attention" else "attention"
        found = call(
            f"p = {p:g}, only the {branch.replace('_', '-')} speaks",
            sizes,
            silent=(silent,),
            p=p,
            dtype="float64",
            how={"mode": "train", "seed": seed},
        )
        whole = found.expected.value.data - found.ask.args[0].data
        return found, whole, p

    def both_dropped(p, seed):
        """Make a case in which both sub-layers speak, with three numbers each: few outcomes."""
        found = call(
            f"p = {p:g}, one position of three features",
            (1, 1, 1, 3, d_ff),
            p=p,
            dtype="float64",
            how={"mode": "train", "seed": seed},
        )
        weights = {path: wide(w) for path, w in found.ask.weights.items()}
        x = wide(found.ask.args[0])
        kept = np.array(list(np.ndindex(2, 2, 2))) / (1 - p)
        streams = [x + some * attention_branch(1, weights, x) for some in kept]
        ends = [stream + some * feed_branch(weights, stream) for stream in streams for some in kept]
        return found, np.array(ends), p

    falls = [
        dropped("attention", share, seeds[0]),
        dropped("feed_forward", share, seeds[1]),
        dropped("attention", 0.5, seeds[2]),
        dropped("feed_forward", 0.5, seeds[3]),
        dropped("attention", 0.5, seeds[5]),
        *(both_dropped(0.5, seed) for seed in seeds[4:6]),
    ]

    learned = tensor(draw.normal(2, 2, 2))

    def all_dropped(weights, x, mask=None):
        return x

    return [
        Check(
            "both sub-layers silent",
            "what is left when attention and feed-forward put out zeros: the stream itself, as "
            "it came in",
            (
                call("one sequence", small, silent=both),
                call("a batch", usual, silent=both),
            ),
            core=True,
        ),
        Check(
            "attention alone",
            "the first half: which layer norm comes before which sub-layer, and what the result "
            "is added to",
            (
                call("one sequence", small, silent=("feed_forward",)),
                call("a batch", usual, silent=("feed_forward",)),
            ),
            core=True,
        ),
        Check(
            "feed-forward alone",
            "the second half: which layer norm comes before which sub-layer, and what the result "
            "is added to",
            (
                call("one sequence", small, silent=("attention",)),
                call("a batch", usual, silent=("attention",)),
            ),
            core=True,
        ),
        Check(
            "the whole block",
            "how the halves follow each other: what does the second half start from?",
            (call("one sequence", small), call("a batch", usual), call("p = 0", usual, p=0.0)),
            core=True,
            share=2,
        ),
        Check(
            "masks",
            "whether the mask reaches the attention, as its mask, in every shape",
            (
                call("causal, (n, n)", usual, tensor(_causal(n))),
                call("padding, (B, 1, 1, n)", usual, tensor(padding)),
                call("a bias for each head, (h, n, n)", usual, tensor(slopes)),
                call("one position sees nothing", usual, tensor(blind)),
                call("mask given by name", usual, mask=tensor(_causal(n))),
                call("None", usual, None),
            ),
            share=2,
        ),
        Check(
            "dropout in evaluation mode",
            "what a model does once training is over, when nothing should be left to chance",
            (
                call("p = 0.5", usual, p=0.5, how={"mode": "eval", "seed": seeds[4]}),
                call("p = 1", small, p=1.0, how={"mode": "eval", "seed": seeds[4]}),
            ),
        ),
        Check(
            "dropout in training mode",
            "what is dropped and when: entries of each sub-layer's output, before that output is "
            "added. With p = 1 only the stream is left; otherwise the entries that are kept are "
            "divided by 1 - p. The second sub-layer sees what dropout has left of the first",
            tuple(found for found, _, _ in falls),
            rule="transformer_block.drops",
            options={
                "branch": tuple(whole for _, whole, _ in falls),
                "share": tuple(p for _, _, p in falls),
            },
        ),
        Check(
            "dropout of everything",
            "whether, with p = 1 in training mode, both sub-layers' outputs are dropped entirely "
            "and the stream is not",
            (
                call("one sequence", small, p=1.0, how={"mode": "train"}, reference=all_dropped),
                call("a batch", usual, p=1.0, how={"mode": "train"}, reference=all_dropped),
            ),
        ),
        Check(
            "sizes of one",
            "axes of length 1: a single position, a single head, a hidden layer of one unit",
            (
                call("a single position", (1, 1, 2, 2, 3)),
                call("a single head", (2, n, 1, 4, d_ff)),
                call("a hidden layer of one unit", (1, n, 2, 2, 1)),
                call("heads of width 1", (2, 3, 4, 1, 2)),
            ),
        ),
        Check(
            "float64",
            "the dtype of the result when the block is float64 and the mask float32",
            (
                call("no mask", (2, 3, 2, 2, 5), dtype="float64"),
                call("a float32 mask", usual, tensor(_causal(n)), dtype="float64"),
            ),
        ),
        Check(
            "gradients",
            "whether backpropagation reaches x, all twelve parameters and a mask that is learned",
            (
                call("x", (1, 3, 2, 2, 3), grad=("0",), draw=draw),
                call("the weights", (1, 2, 2, 2, 2), grad=BLOCK, draw=draw),
                call("a learned bias", (1, 2, 2, 2, 2), learned, grad=("0", "1"), draw=draw),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as x += writes into the caller's tensor",
            (
                call("x after the call", usual, watch=True),
                call("x and mask after the call", usual, tensor(_causal(n)), watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- the gradients of a stack -------------------------------------------------------------------

Grads = dict[str, np.ndarray]
INPUTS_OF_STACK = ("x", "target")
# From a cotangent of a part's output: that of its input, and the gradients of its weights.
Back = Callable[[np.ndarray], tuple[np.ndarray, Grads]]


def norm_and_back(weights: Grads, name: str, x: np.ndarray) -> tuple[np.ndarray, Back]:
    """Return a layer norm's output, and its derivative worked out by hand."""
    gain, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    off = x - x.mean(axis=-1, keepdims=True)
    root = np.sqrt((off * off).mean(axis=-1, keepdims=True) + 1e-5)
    normed = off / root

    def back(cotangent):
        inner = cotangent * gain
        along = (inner * normed).mean(axis=-1, keepdims=True)
        own = {
            f"{name}.weight": (cotangent * normed).sum(axis=(0, 1)),
            f"{name}.bias": cotangent.sum(axis=(0, 1)),
        }
        return (inner - inner.mean(axis=-1, keepdims=True) - normed * along) / root, own

    return normed * gain + bias, back


def attention_and_back(weights: Grads, heads: int, x: np.ndarray) -> tuple[np.ndarray, Back]:
    """Return multi-head self-attention's output, unmasked, and its derivative, by hand."""
    w_query, w_key, w_value, w_output = (weights[f"attention.{name}"] for name in MAPS)

    def split(y):
        return y.reshape(*y.shape[:2], heads, -1).swapaxes(1, 2)

    def merged(y):
        return y.swapaxes(1, 2).reshape(x.shape)

    query, key, value = (split(x @ matrix.T) for matrix in (w_query, w_key, w_value))
    scale = math.sqrt(query.shape[-1])
    scores = query @ key.swapaxes(-1, -2) / scale
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares = powers / powers.sum(axis=-1, keepdims=True)
    brought = merged(shares @ value)

    def back(cotangent):
        arrived = split(cotangent @ w_output)
        slope = arrived @ value.swapaxes(-1, -2)
        slope = shares * (slope - (slope * shares).sum(axis=-1, keepdims=True)) / scale
        ways = (
            merged(slope @ key),
            merged(slope.swapaxes(-1, -2) @ query),
            merged(shares.swapaxes(-1, -2) @ arrived),
        )
        own = {
            name: np.einsum("bni,bnj->ij", way, x) for name, way in zip(MAPS[:3], ways, strict=True)
        }
        own[MAPS[3]] = np.einsum("bni,bnj->ij", cotangent, brought)
        total = ways[0] @ w_query + ways[1] @ w_key + ways[2] @ w_value
        return total, {f"attention.{name}": grad for name, grad in own.items()}

    return brought @ w_output.T, back


def feed_and_back(weights: Grads, x: np.ndarray) -> tuple[np.ndarray, Back]:
    """Return the feed-forward network's output, and its derivative worked out by hand."""
    up, up_bias, down, down_bias = (weights[f"feed_forward.{name}"] for name in FEED)
    hidden = x @ up.T + up_bias
    below = np.vectorize(math.erfc)(-hidden / math.sqrt(2.0)) / 2
    bent = hidden * below

    def back(cotangent):
        density = np.exp(-(hidden**2) / 2) / math.sqrt(2 * math.pi)
        inner = (cotangent @ down) * (below + hidden * density)
        own = {
            "up.weight": np.einsum("bni,bnj->ij", inner, x),
            "up.bias": inner.sum(axis=(0, 1)),
            "down.weight": np.einsum("bni,bnj->ij", cotangent, bent),
            "down.bias": cotangent.sum(axis=(0, 1)),
        }
        return inner @ up, {f"feed_forward.{name}": grad for name, grad in own.items()}

    return bent @ down.T + down_bias, back


def gradients_reference(
    blocks: Sequence[Grads],
    final: Grads,
    heads: int,
    x: np.ndarray,
    target: np.ndarray,
    pre_norm: bool,
) -> list[Grads]:
    """Return each block's gradients of the loss with respect to its weights, without autograd."""

    def attention(weights: Grads, x: np.ndarray) -> tuple[np.ndarray, Back]:
        return attention_and_back(weights, heads, x)

    ways: list[list[tuple[Back, bool]]] = []  # for each block, its parts and whether they branch
    for weights in blocks:
        own: list[tuple[Back, bool]] = []
        for norm, layer in (("norm1", attention), ("norm2", feed_and_back)):
            if pre_norm:
                read, norm_back = norm_and_back(weights, norm, x)
                added, layer_back = layer(weights, read)
                x = x + added
                own.append((_after(norm_back, layer_back), True))
            else:
                added, layer_back = layer(weights, x)
                x, norm_back = norm_and_back(weights, norm, x + added)
                own += [(layer_back, True), (norm_back, False)]
        ways.append(own)
    out, final_back = norm_and_back(final, "final", x)
    cotangent, _ = final_back(2 * (out - target) / out.size)
    found = []
    for own in reversed(ways):
        grads: Grads = {}
        for back, is_branch in reversed(own):
            before, more = back(cotangent)
            cotangent = cotangent + before if is_branch else before
            grads |= more
        found.append(grads)
    return found[::-1]


def _after(first: Back, second: Back) -> Back:
    """Chain the derivatives of two parts, of which ``second`` reads what ``first`` gives."""

    def back(cotangent):
        between, late = second(cotangent)
        before, early = first(between)
        return before, early | late

    return back


def stack_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``block_gradients``."""
    heads, width = draw.sizes(2, 2, 3)
    n, b = draw.sizes(2, 3, 5)
    d_ff = draw.integer(7, 9)
    usual, small = (b, n, heads, width, d_ff), (1, 2, 2, 2, 3)
    many, some = draw.integer(7, 9), draw.integer(3, 4)
    stain = round(float(draw.uniform(0.3, 0.9)), 2)

    def drawn(count, sizes, learned):
        """Draw blocks, final layer norm, x and target."""
        batch, positions, h, each, hidden = sizes
        d = h * each
        blocks = [block_weights(draw, d, hidden) for _ in range(count)]
        final = {
            "final.weight": draw.normal(d) if learned else np.ones(d),
            "final.bias": draw.normal(d) if learned else np.zeros(d),
        }
        x = 2.0 * draw.normal(batch, positions, d) + draw.normal(batch, positions, 1)
        return blocks, final, x, draw.normal(batch, positions, d)

    def norms_of(blocks, final, h, x, target, pre_norm, frozen):
        grads = gradients_reference(blocks, final, h, x, target, pre_norm)
        return [
            math.sqrt(math.fsum(float((g * g).sum()) for k, g in one.items() if k not in still))
            for one, still in zip(grads, frozen, strict=True)
        ]

    def shaken(value):
        if isinstance(value, dict):
            return {key: shaken(one) for key, one in value.items()}
        return value * (1 + 1e-6 * draw.normal(*value.shape))

    def is_firm(norms, blocks, final, h, x, target, *rest):
        """Tell whether float32 holds the norms to well within the tolerance of the checks."""
        for _ in range(2):
            moved = norms_of(
                [shaken(one) for one in blocks], shaken(final), h, shaken(x), shaken(target), *rest
            )
            if not np.allclose(moved, norms, rtol=2e-4, atol=1e-7):
                return False
        return True

    def ask(
        name,
        count,
        pre_norm,
        sizes=usual,
        *,
        dtype="float32",
        kind="list",
        learned=True,
        frozen=None,
        stained=(),
        looks=False,
        evaluated=(),
    ):
        """Make a case whose stack is built in steps.

        ``frozen``: for each block the names of its frozen parameters; ``stained``: the steps whose
        layers hold gradients from elsewhere; ``looks``: check what the blocks, the final layer
        norm, x and target hold after the call; ``evaluated``: the blocks in evaluation mode.
        """
        _, _, h, each, hidden = sizes
        frozen = frozen or [()] * count
        while True:
            blocks, final, x, target = drawn(count, sizes, learned)
            blocks = [{k: w.astype(dtype).astype(float) for k, w in one.items()} for one in blocks]
            final = {k: w.astype(dtype).astype(float) for k, w in final.items()}
            x, target = (a.astype(dtype).astype(float) for a in (x, target))
            norms = norms_of(blocks, final, h, x, target, pre_norm, frozen)
            if dtype == "float64" or is_firm(norms, blocks, final, h, x, target, pre_norm, frozen):
                break
        names = [f"block {place}" for place in range(1, count + 1)]
        steps = [
            Step(
                own,
                "TransformerBlock",
                init=(h * each, h, hidden),
                weights={path: w.astype(dtype) for path, w in weights.items()},
            )
            for own, weights in zip(names, blocks, strict=True)
        ]
        loaded = {k.removeprefix("final."): w.astype(dtype) for k, w in final.items()}
        steps += [
            Step(
                "final",
                "@transformer_block.final_norm",
                init=(h * each, learned),
                weights=loaded if learned else {},
            ),
            Step("blocks", "@transformer_block.stacked", (kind, *map(Ref, names))),
        ]
        for own, still in zip(names, frozen, strict=True):
            if still:
                paths = () if set(still) == set(BLOCK) else tuple(still)
                steps.append(Step(f"{own} frozen", "@transformer_block.freeze", (Ref(own), *paths)))
        steps += [Step(f"{own} stained", "@stain", (Ref(own), stain)) for own in stained]
        steps += [Step(f"{own} set", "@set_mode", (Ref(own), False)) for own in evaluated]
        given: tuple = (tensor(x, dtype), tensor(target, dtype))
        after: list[Step] = []
        value: object = norms
        if looks:
            held = dict(zip(names, blocks, strict=True)) | {
                "final": {k.removeprefix("final."): w for k, w in final.items()}
            }
            found: list[object] = []
            for own, weights in held.items():
                after.append(Step(f"the gradients of {own}", "@grads", (Ref(own),)))
                after.append(Step(f"the parameters of {own}", "@state", (Ref(own),)))
                old = {
                    k: tensor(np.full(w.shape, stain), dtype) if own in stained else None
                    for k, w in weights.items()
                }
                found += [old, {k: tensor(w, dtype) for k, w in weights.items()}]
            steps += [
                Step(own, "@same", (one,)) for own, one in zip(INPUTS_OF_STACK, given, strict=True)
            ]
            given = tuple(map(Ref, INPUTS_OF_STACK))
            still_by_name = dict(zip(names, frozen, strict=True))
            for own in (*held, *INPUTS_OF_STACK):
                after.append(
                    Step(f"the settings of {own}", "@transformer_block.settings", (Ref(own),))
                )
                wanted = {
                    f"requires_grad of {k}": k not in still_by_name.get(own, ())
                    for k in held.get(own, ())
                }
                mode = {"training": own not in evaluated} if own in held else {}
                found.append(wanted | mode or {"requires_grad": False})
            value = (norms, *found)
        program = Ask(
            "block_gradients",
            (Ref("blocks"), Ref("final"), *given, pre_norm),
            steps=tuple(steps),
            after=tuple(after),
        )
        order = "pre-norm" if pre_norm else "post-norm"
        return Case(f"{name}, {order}", program, Reply(value=value))

    def both(name, count, sizes=usual, **more):
        return tuple(ask(name, count, order, sizes, **more) for order in (True, False))

    def in_order(pre_norm):
        return (
            ask("1 block", 1, pre_norm, small),
            ask("2 blocks", 2, pre_norm),
            ask(f"{some} blocks", some, pre_norm, (2, 3, 2, 3, 5)),
        )

    part = tuple(BLOCK[place] for place in sorted(draw.permutation(len(BLOCK))[:5].tolist()))
    feed = tuple(name for name in BLOCK if "feed" in name)
    # Norms are Python floats, whatever they were computed in; these are the tolerances of float32.
    rough = {"rtol": 1e-3, "atol": 1e-6}
    return [
        Check(
            "pre-norm",
            "the order of layer norm, sub-layer and sum when pre_norm is True; the layer norm at "
            "the end; what the loss is averaged over; and which gradients go into a block's number",
            in_order(True),
            options=rough,
            core=True,
            share=2,
        ),
        Check(
            "post-norm",
            "the order of layer norm, sub-layer and sum when pre_norm is False, and the layer norm "
            "at the end, which this order has, too",
            in_order(False),
            options=rough,
            core=True,
            share=2,
        ),
        Check(
            "many blocks",
            "whether every block gets its own number, in the order of the blocks; they come in a "
            "list, a tuple or an nn.ModuleList",
            (
                ask(f"{many} blocks, tuple", many, True, (2, 3, 2, 2, 5), kind="tuple"),
                ask(
                    f"{many} blocks, nn.ModuleList", many, False, (2, 3, 2, 2, 5), kind="ModuleList"
                ),
            ),
            options=rough,
        ),
        Check(
            "sizes of one",
            "axes of length 1: a single block, position, head or hidden unit",
            (
                *both("one position", 1, (1, 1, 2, 2, 3)),
                ask("one head", 2, True, (2, n, 1, 4, d_ff)),
                ask("one hidden unit", 1, False, (1, n, 2, 2, 1)),
            ),
            options=rough,
        ),
        Check(
            "frozen parameters",
            "parameters that have no gradient, because their requires_grad is False or because the "
            "layer norm at the end has none",
            (
                ask("some frozen", 2, True, frozen=[part, feed]),
                ask("the first block frozen", 3, False, frozen=[BLOCK, (), ()]),
                *both("no gain and bias at the end", 2, learned=False),
            ),
            options=rough,
        ),
        Check(
            "old gradients",
            "what .grad holds before the call: PyTorch adds each new gradient to the old one",
            (
                *both("the first block holds gradients", 2, stained=("block 1",)),
                ask(
                    "all blocks hold gradients",
                    some,
                    True,
                    stained=tuple(f"block {place}" for place in range(1, some + 1)),
                ),
            ),
            options=rough,
        ),
        Check(
            "no trace is left",
            "what .grad holds after the call: what it held before, None included, in the blocks "
            "and in the layer norm at the end; and what requires_grad and the mode are then",
            (
                *both("no gradients before", 1, small, looks=True),
                *both(
                    "gradients before, in block 1 and at the end",
                    2,
                    small,
                    stained=("block 1", "final"),
                    looks=True,
                    frozen=[(), ("norm1.bias",)],
                    evaluated=("block 2",),
                ),
            ),
            "transformer_block.no_trace",
            rough,
        ),
        Check(
            "float64",
            "whether anything on the way is fixed to float32",
            both("2 blocks", 2, dtype="float64"),
            options={"rtol": 1e-6, "atol": 1e-9},
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as x += writes into the caller's tensor",
            both("x and target after the call", 1, small),
            rule="untouched",
            options=rough,
        ),
    ]


# --- gradients by depth -------------------------------------------------------------------------

# Measured over 400 orders of the draws. Last block, 24 blocks over 2: pre-norm 0.36 (the log has a
# standard deviation of 0.12), post-norm 1.15 (0.14). First third over last third of 24 in pre-norm:
# more than 2.4 (0.2). First number of one block: pre-norm 0.300 (0.010), post-norm 0.311 (0.009).
# So every bound is at least 4.9 standard deviations away. The contract's 0.6 and 0.7 are closer:
# one of those 400 right answers would have failed at 0.7.
FALLS, STAYS, GROWS, ORDER = 0.65, 0.5, 3.0, 1.1
BOUNDS = (0.24, 0.37)


def looked_into(case: Case) -> Case:
    """Make the same call, then ask which parameters it made, and what became of them."""
    steps = (Step("watch", "@transformer_block.watch"),)
    after = (Step("made", "@transformer_block.made", (Ref("watch"),)),)
    return replace(case, ask=replace(case.ask, steps=steps, after=after))


def depth_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``gradient_by_depth``, which a rule judges by theory alone."""
    some = draw.integer(3, 6)
    seed = draw.integer(0, 2**30)

    def ask(depth, pre_norm, **more):
        order = "pre-norm" if pre_norm else "post-norm"
        blocks = f"{depth} block{'s'[: depth > 1]}"
        return question(f"{blocks}, {order}", "gradient_by_depth", depth, pre_norm, **more)

    def judged(name, look, of, *cases, **more):
        core = more.pop("core", False)
        return Check(
            name, look, cases, "transformer_block.gradients_by_depth", {"of": of, **more}, core
        )

    return [
        judged(
            "one number for each block",
            "the type and length of the result, and whether every number is a positive float",
            "form",
            ask(1, True),
            ask(some, True),
            ask(some, False),
            core=True,
        ),
        judged(
            "pre-norm: the last block's gradient falls with depth",
            "the order of layer norm, sub-layer and sum when pre_norm is True, and the layer norm "
            "after the last block",
            "last",
            ask(2, True),
            ask(24, True),
            low=0.0,
            high=FALLS,
            core=True,
        ),
        judged(
            "post-norm: the last block's gradient stays",
            "the order of layer norm, sub-layer and sum when pre_norm is False",
            "last",
            ask(2, False),
            ask(24, False),
            low=STAYS,
            high=GROWS,
            core=True,
        ),
        judged(
            "the size of the gradients",
            "what is measured (the root of the sum of the squares over all of a block's "
            "parameters), how the weights are drawn, and what the loss is averaged over",
            "size",
            ask(1, True),
            ask(1, False),
            bounds=(BOUNDS, BOUNDS),
        ),
        Check(
            "what is drawn, what is measured",
            "every weight matrix Xavier-uniform and every bias 0; a block's norm takes in all of "
            "its parameters: those of the attention, of the feed-forward network and of both "
            "layer norms",
            tuple(looked_into(ask(2, pre_norm)) for pre_norm in (True, False)),
            "transformer_block.drawn_and_measured",
        ),
        judged(
            "first block first",
            "the order of the list",
            "order",
            ask(24, True),
            low=ORDER,
        ),
        Check(
            "seed 0",
            "where the random numbers come from: whatever was drawn before the call, the answer "
            "should be the same",
            (
                ask(2, True, how={"seed": seed}),
                ask(2, True, how={"seed": seed + 1}),
                ask(3, False, how={"seed": seed + 2}),
                ask(3, False, how={"seed": seed + 3}),
            ),
            "repeatable",
            {"names": "not_seeded"},
        ),
    ]


# --- debug this ---------------------------------------------------------------------------------


def repaired_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``repaired_layer_norm``."""
    given, ask = norm_cases(draw, "repaired_layer_norm")
    n, d, b = draw.sizes(3, 2, 6)
    many = draw.integer(40, 90)
    large = round(float(draw.uniform(0.3, 2.0)), 2)
    return [
        Check(
            "few features",
            "what the sum of the squared deviations is divided by, which matters most with few "
            "features",
            (
                given("[1, 0, 0, 0], gain 1, bias 0", [[1, 0, 0, 0]], gain=[1] * 4, bias=[0] * 4),
                given("[1, 3], gain 1, bias 0", [[1, 3]], gain=[1, 1], bias=[0, 0]),
                ask(n, d, mean=1.0),
            ),
            core=True,
        ),
        Check(
            "many features",
            "whether the fix holds for every width and not only for one",
            (ask(2, many, mean=1.0), ask(n, 8), ask(b, n, 3)),
            core=True,
        ),
        Check(
            "eps next to a small variance",
            "what eps is added to: with a variance far above eps nobody can tell",
            (
                ask(n, d, spread=3e-3, name="eps not given, a spread of 0.003"),
                ask(n, d, eps=(large,), name=f"eps {large:g}"),
                ask(n, d, eps=(0.01,), spread=0.1, name="eps 0.01, a spread of 0.1"),
                ask(n, 9, eps=(0.0,), name="eps 0"),
            ),
            core=True,
        ),
        Check(
            "a single feature, and equal features",
            "vectors whose variance is exactly 0, where nothing may be divided by 0",
            (ask(n, 1), ask(1), given("all entries equal", np.full((2, 3), 0.75))),
        ),
        Check(
            "everything else as before",
            "what was right in the code that you were given, and should still be right",
            (
                # E[x²] - E[x]² is off by 1e-4 here, in double precision.
                ask(b, n, d, mean=1e6, dtype="float64", name="float64, mean 1e6, spread 1"),
                ask(2, 4, mean=1.0, grad=("0", "1", "2"), draw=draw),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as x -= or a name that ends in _",
            (ask(n, d, watch=True),),
            rule="untouched",
        ),
    ]


# --- find the failing input ---------------------------------------------------------------------


def failing_checks(draw: Draw) -> list[Check]:
    """Return checks of what each fault does to a vector: one that shows its own alone is right."""

    def judged(name: str, look: str, of: int) -> Check:
        options = {"of": of}
        return Check(name, look, (asked,), "transformer_block.shows_one_fault", options)

    asked = question("", "failing_vectors")
    return [
        judged(
            "the first fault alone",
            "how the factor of the division depends on the number of features, and how little eps "
            "matters when the variance is large",
            0,
        ),
        judged(
            "the second fault alone",
            "how small the variance must be for eps to matter, and how much the factor of the "
            "division still matters then",
            1,
        ),
    ]


EXERCISES = [
    Exercise(
        "layer_norm",
        3,
        norm_checks,
        hints=(
            "Work out the vector (1, 3) by hand, with gain 1, bias 0 and eps 0. Its mean is 2. "
            "How far is each entry from the mean, and what is the average of the squared "
            "distances?",
            "Center first: subtract from each vector its mean (keep the axis, so that the shapes "
            "still fit). The variance is then the mean square of what is left, a number that "
            "cannot be negative. eps belongs to the variance, not to its root. Scale and shift "
            "come last, feature by feature.",
            "centered ← x minus the ____ over the ____ axis\n"
            "variance ← ____ of centered², over the same axis\n"
            "answer ← centered divided by the root of (____), times ____, plus ____",
        ),
        views=("leading axes", "eps"),
    ),
    Exercise(
        "gelu",
        1,
        gelu_checks,
        hints=(
            "Which function tells what share of a standard normal distribution lies below x? "
            "At 0 it is one half.",
            "Φ(x) = (1 + erf(x/√2)) / 2, and torch has erf. The answer is x times Φ(x). The "
            "formula with tanh, which you will find in many places, only comes close.",
            "share below x ← half of (1 + erf of ____)\nanswer ← ____ times that share",
        ),
        views=("any shape",),
    ),
    Exercise(
        "FeedForward",
        1,
        feed_checks,
        hints=(
            "There are three steps; self.up, self.down and gelu are all you need.",
            "Go up to the wide hidden layer, apply the activation function, come back down. An "
            "nn.Linear works on the last axis, whatever axes come before it.",
            "hidden ← ____ of (the ____ layer applied to x)\nanswer ← the ____ layer applied to "
            "hidden",
        ),
        uses=("gelu",),
        views=("up, bend, down",),
    ),
    Exercise(
        "TransformerBlock",
        5,
        block_checks,
        hints=(
            "Draw the stream as a straight line from left to right. Two branches leave it and come "
            "back to it by addition. What sits on the branches, and what sits on the line?",
            "On each branch come layer norm, sub-layer and dropout, in this order; then the "
            "result is added to the stream *as it was before the layer norm*. The second branch "
            "leaves from the new stream. The attention returns a pair, of which you need one "
            "part, and its second argument is not the mask.",
            "looked ← attention of (____ of x), with the mask passed as ____\n"
            "stream ← ____ plus dropout of (the ____ of the pair)\n"
            "thought ← feed-forward network of (____ of ____)\n"
            "answer ← ____ plus dropout of thought",
        ),
        uses=("MultiHeadAttention", "FeedForward", "layer_norm"),
        views=("the whole block", "masks"),
    ),
    Exercise(
        "block_gradients",
        2,
        stack_checks,
        hints=(
            "There are three steps: run the stack forward, compute one loss, and ask for the "
            "gradients of that loss. For post-norm you need no new class: a block's parts can be "
            "called one by one.",
            "In post-norm use the parts of the same blocks in the other order: sub-layer, sum with "
            "the stream, layer norm. torch.autograd.grad(loss, parameters) returns the gradients "
            "and leaves every .grad as it is; it wants parameters that are not frozen. The L2 norm "
            "of a block is that of all its gradients, laid out as one long vector.",
            "for each block, in pre-norm: x ← block(x)\n"
            "   in post-norm: x ← norm1 of (x plus ____);  x ← norm2 of (____ plus ____)\n"
            "loss ← mean of (____ of x - target)²\n"
            "gradients ← torch.autograd.grad of ____ for all parameters that are not ____\n"
            "answer ← for each block: root of the sum over all ____ of gradient²",
        ),
        uses=("TransformerBlock",),
        views=("pre-norm", "post-norm"),
    ),
    Exercise(
        "gradient_by_depth",
        2,
        depth_checks,
        hints=(
            "Build the blocks, draw the numbers, and hand all of it to block_gradients.",
            "A weight matrix is a parameter with two axes; nn.init.xavier_uniform_ fills it. A new "
            "nn.LayerNorm has gain 1 and bias 0 already, and the attention has no biases, but the "
            "feed-forward network's biases are drawn unless you set them to 0. Build every block "
            "anew: [block] * depth is one and the same block.",
            "with seed 0: blocks ← ____ blocks; matrices ← ____; biases ← ____; x, target ← ____\n"
            "final ← a new ____ of width ____\n"
            "answer ← block_gradients of (____, ____, x, target, ____)",
        ),
        uses=("TransformerBlock", "block_gradients"),
    ),
    Exercise(
        "repaired_layer_norm",
        1,
        repaired_checks,
        hints=(
            "Give the code (1, 0, 0, 0) and compare with torch.nn.functional.layer_norm. Then give "
            "it a vector with a very small spread. The two inputs show two different faults.",
            "Look up in the documentation of torch.Tensor.std what it divides by when you do not "
            "tell it (the argument is called correction). And is eps added to the variance, or to "
            "its root? Where the variance is large that makes hardly any difference; where it is "
            "close to 0, a large one.",
            "spread² ← mean of the ____ deviations, divided by ____ and not by ____\n"
            "answer ← gain · (x - mean) / root of (____ + ____) + bias",
        ),
        broken="as_given",
        views=("few features",),
    ),
    Exercise(
        "failing_vectors",
        1,
        failing_checks,
        hints=(
            "Take two features. What does each fault make of (1, 0)? And what of the same vector "
            "divided by 10, by 100, by 1000?",
            "The first fault changes the spread by a factor that depends on d alone, and it is "
            "farthest from 1 where d is small. The second matters where the variance is no "
            "larger than about eps, so where the spread is no larger than about √eps. Where the "
            "variance is far below eps, the root is close to √eps, whatever the squared "
            "deviations are divided by.",
            "first ← ____ features with a spread far above ____\n"
            "second ← any number of features with a spread of about ____ or less, but not ____",
        ),
        returns=("first", "second"),
    ),
]
