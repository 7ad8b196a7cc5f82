"""Lesson 9's specification: a decoder block in loops, and a model whose every word is scripted."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grader.course.specification import Draw, Exercise, case, question, tensor
from grader.course.wild import VIEWS
from grader.protocol.values import Ask, Case, Check, Ref, Reply, Step, Tensor
from solutions.multi_head_attention.checks import MAPS, layer_reference

INF = math.inf
# Layer norm magnifies rounding: an error 16 times that of float32 stays within the usual tolerance
# (see ``steady``), which is a tenth of this one near 0 and a fifth of it elsewhere.
ROOM = {"rtol": 1e-3, "atol": 2e-4}


def long(array: Any) -> Any:
    """Make a tensor of tokens."""
    return tensor(array, "int64")


# --- shift_right --------------------------------------------------------------------------------


def shift_reference(targets: np.ndarray, bos: int) -> np.ndarray:
    """Shift place by place."""
    return np.array([[row[t - 1] if t else bos for t in range(len(row))] for row in targets])


def shift_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``shift_right``."""
    rows, width = draw.sizes(2, 3, 7)
    square = draw.integer(3, 5)

    def given(name, targets, bos, **more):
        return case(
            name,
            "shift_right",
            long(targets),
            bos,
            reference=shift_reference,
            dtype="int64",
            **more,
        )

    def ask(batch, length, bos, **more):
        """Make a case with tokens from 3 on: 0, 1 and 2 are left for bos."""
        targets = draw.rng.integers(3, 60, (batch, length))
        return given(f"shape ({batch}, {length}), bos {bos}", targets, bos, **more)

    return [
        Check(
            "one sequence",
            "which token is at position 0, which at position 1, and what has become of the last "
            "token",
            (
                given("[[5, 6, 7]], bos 1", [[5, 6, 7]], 1),
                given("[[5, 5, 2, 9]], bos 0", [[5, 5, 2, 9]], 0),
                ask(1, width, 2),
            ),
            core=True,
        ),
        Check(
            "several sequences",
            "the axis along which the tokens move",
            (
                given("[[5, 6, 7], [8, 9, 4]], bos 1", [[5, 6, 7], [8, 9, 4]], 1),
                ask(rows, width, 2),
                ask(width, rows, 0),
                ask(square, square, draw.integer(60, 90)),
            ),
            core=True,
        ),
        Check(
            "sizes of one",
            "a target of a single token: the decoder then reads bos alone",
            (ask(1, 1, 2), ask(rows, 1, 1), ask(1, 2, 0)),
        ),
        Check(
            "the targets are left alone",
            "an assignment such as targets[...] = writes into the caller's tensor, which the loss "
            "still needs",
            (ask(rows, width, 2, watch=True), ask(2, 1, 1, watch=True)),
            rule="untouched",
        ),
    ]


# --- DecoderBlock -------------------------------------------------------------------------------

PARTS = ("self_attention", "cross_attention")


def _normed(weights: dict, name: str, x: np.ndarray) -> np.ndarray:
    """Apply layer norm, one vector at a time."""
    gain, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    out = np.empty_like(x)
    for place in np.ndindex(*x.shape[:-1]):
        off = x[place] - math.fsum(x[place]) / x.shape[-1]
        out[place] = off / math.sqrt(math.fsum(off * off) / len(off) + 1e-5) * gain + bias
    return out


def _gelu(x: np.ndarray) -> np.ndarray:
    flat = [z * 0.5 * math.erfc(-z / math.sqrt(2)) for z in x.ravel().tolist()]
    return np.array(flat).reshape(x.shape)


def block_reference(
    heads: int,
    weights: dict,
    x: np.ndarray,
    memory: np.ndarray,
    memory_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Apply sub-layer after sub-layer, with lesson 4's loops for the attention."""
    own, cross = ({path: weights[f"{part}.{path}"] for path in MAPS} for part in PARTS)
    n = x.shape[1]
    causal = np.array([[0.0 if j <= i else -INF for j in range(n)] for i in range(n)])
    x = x + layer_reference(heads, own, _normed(weights, "norm1", x), None, causal)[0]
    x = x + layer_reference(heads, cross, _normed(weights, "norm2", x), memory, memory_mask)[0]
    inner = _normed(weights, "norm3", x)
    up, down = (np.asarray(weights[f"feed_forward.{name}.weight"]) for name in ("up", "down"))
    hidden = _gelu(np.einsum("bnd,fd->bnf", inner, up) + weights["feed_forward.up.bias"])
    return x + np.einsum("bnf,df->bnd", hidden, down) + weights["feed_forward.down.bias"]


def blocks_reference(
    heads: int,
    weights: dict,
    x: np.ndarray,
    memory: np.ndarray,
    memory_mask: np.ndarray | None = None,
) -> np.ndarray:
    """Do the same for arrays with a leading axis of variants, all at once.

    It serves finite differences and tests of rounding; no expected result comes from it.
    """

    def normed(name, x):
        off = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((off * off).mean(axis=-1, keepdims=True) + 1e-5)
        return off / spread * _beside(weights[f"{name}.weight"]) + _beside(weights[f"{name}.bias"])

    def attended(part, asks, offers, mask):
        maps = [weights[f"{part}.{path}"][:, None] for path in MAPS]
        found = [
            np.matmul(a, w.swapaxes(-1, -2))
            for a, w in zip((asks, offers, offers), maps[:3], strict=True)
        ]
        query, key, value = (a.reshape(*a.shape[:-1], heads, -1) for a in found)
        scores = np.einsum("...ihd,...jhd->...hij", query, key) / math.sqrt(query.shape[-1])
        scores = scores if mask is None else scores + mask
        top = np.max(scores, axis=-1, keepdims=True)
        powers = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
        total = powers.sum(axis=-1, keepdims=True)
        shares = np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)
        brought = np.einsum("...hij,...jhd->...ihd", shares, value)
        return np.matmul(brought.reshape(*brought.shape[:-2], -1), maps[3].swapaxes(-1, -2))

    def through(name, x):
        weight = weights[f"feed_forward.{name}.weight"][:, None].swapaxes(-1, -2)
        return np.matmul(x, weight) + _beside(weights[f"feed_forward.{name}.bias"])

    causal = np.where(np.tri(x.shape[2], dtype=bool), 0.0, -INF)
    own = normed("norm1", x)
    x = x + attended("self_attention", own, own, causal)
    x = x + attended("cross_attention", normed("norm2", x), memory, memory_mask)
    return x + through("down", _gelu(through("up", normed("norm3", x))))


def _with_error(draw: Draw, array: np.ndarray) -> np.ndarray:
    """Return two variants of an array: as it is, and with a relative error of 1e-6."""
    exact = array.astype(np.float64)
    return np.stack([exact, exact * (1 + 1e-6 * draw.normal(*array.shape))])


def _beside(vectors: np.ndarray) -> np.ndarray:
    """Reshape a vector for each variant to fit arrays (variants, batch, positions, features)."""
    return vectors[:, None, None]


def _block_weights(draw: Draw, d: int, d_ff: int) -> dict[str, np.ndarray]:
    """Draw every parameter, none of them at its initial value."""
    weights = {
        f"{part}.{path}": draw.normal(d, d, scale=1.5 * d**-0.5) for part in PARTS for path in MAPS
    }
    weights["feed_forward.up.weight"] = draw.normal(d_ff, d, scale=1.5 * d**-0.5)
    weights["feed_forward.down.weight"] = draw.normal(d, d_ff, scale=1.5 * d_ff**-0.5)
    weights["feed_forward.up.bias"], weights["feed_forward.down.bias"] = (
        draw.normal(d_ff),
        draw.normal(d),
    )
    for norm in ("norm1", "norm2", "norm3"):
        signs = np.where(draw.uniform(0, 1, d) < 0.3, -1.0, 1.0)
        weights[f"{norm}.weight"] = signs * draw.uniform(0.5, 1.8, d)
        weights[f"{norm}.bias"] = draw.normal(d, scale=0.5)
    return weights


def _padding(lengths: Sequence[int], n: int) -> np.ndarray:
    return np.array([[[[0.0 if j < own else -INF for j in range(n)]]] for own in lengths])


def _places(draw: Draw, *shape: int) -> np.ndarray:
    """Draw a mask whose rows each show something and hide something."""
    mask = np.where(draw.uniform(0, 1, *shape) < 0.35, -INF, 0.0)
    for row in mask.reshape(-1, shape[-1]):
        hidden, shown = draw.permutation(shape[-1])[[0, -1]]
        row[hidden] = -INF
        row[shown] = 0.0
    return mask


def block_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``DecoderBlock``."""
    heads, width = draw.sizes(2, 2, 4)
    targets, places = draw.sizes(2, 3, 6)
    batch, square = draw.integer(2, 3), draw.integer(2, 3)
    d_ff = draw.integer(9, 13)

    def steady(draw_inputs, count, d_ff=d_ff, room=1.0):
        """Draw inputs and weights until float32 holds the result to well within the tolerance.

        Layer norm magnifies the rounding of a vector whose entries are nearly equal. A relative
        error of 1e-6 in all inputs and weights, 16 times that of float32, may use up ``room``
        times the usual tolerance, which is a fifth of ``ROOM`` or less.
        """
        while True:
            args = [np.asarray(array).astype("float32") for array in draw_inputs()]
            weights = _block_weights(draw, args[0].shape[-1], d_ff)
            weights = {key: w.astype("float32") for key, w in weights.items()}
            both = {key: _with_error(draw, w) for key, w in weights.items()}
            given = [_with_error(draw, a) for a in args[:2]] + [mask[None] for mask in args[2:]]
            result, moved = blocks_reference(count, both, *given)
            if (np.abs(moved - result) <= room * (2e-5 + 2e-4 * np.abs(result))).all():
                return args, {"init": (args[0].shape[-1], count, d_ff), "weights": weights}

    def ask(name, sizes, mask=None, dtype="float32", named=False, **more):
        """Make a case; ``sizes``: batch, targets, places of the memory, heads, head width."""
        b, n, m, count, size = sizes

        def inputs():
            x, memory = draw.normal(b, n, count * size), draw.normal(b, m, count * size, scale=2.0)
            return (x, memory + 0.5) if mask is None else (x, memory + 0.5, mask)

        own = {key: more.pop(key) for key in ("d_ff", "room") if key in more}
        args, how = steady(inputs, count, **own)
        how["weights"] = {key: w.astype(dtype) for key, w in how["weights"].items()}
        given = [tensor(arg, dtype) for arg in args[:2]] + [tensor(arg) for arg in args[2:]]
        if named:
            more |= dict(zip(("memory", "memory_mask"), given[1:], strict=True))
            given = given[:1]
        if "grad" in more:
            more["many"] = functools.partial(blocks_reference, count)
        reference = functools.partial(block_reference, count)
        return case(name, "DecoderBlock", *given, reference=reference, **how, **more)

    def called_before(name, sizes, earlier):
        """Make a case that asks also a block which has worked on inputs of other sizes before."""

        def inputs(b, n, m):
            return (
                draw.normal(b, n, heads * width),
                draw.normal(b, m, heads * width),
                _padding([m - 1] * b, m),
            )

        args, how = steady(lambda: inputs(*sizes), heads)
        given = list(map(tensor, args))

        def both(*args):
            due = block_reference(heads, *args)
            return due, due

        steps = (
            Step("block", "DecoderBlock", **how),
            Step("before", "@call", (Ref("block"), *map(tensor, inputs(*earlier)))),
        )
        again = Step("the result of the second call", "@call", (Ref("block"), *given))
        chain = {"steps": steps, "after": (again,)}
        return case(name, "DecoderBlock", *given, reference=both, how=chain, **how)

    def twins(what, draw_inputs, change):
        """Ask the same block twice, the second time about changed inputs."""
        args, how = steady(draw_inputs, heads)
        pair = (("before", args), ("after", change(*args)))
        return tuple(
            question(f"{what}, {when}", "DecoderBlock", *map(tensor, given), **how)
            for when, given in pair
        )

    def future(n, m, until):
        def inputs():
            return draw.normal(batch, n, heads * width), draw.normal(batch, m, heads * width)

        def change(x, memory):
            later = draw.normal(batch, n - until, heads * width, scale=3.0)
            return np.concatenate([x[:, :until], later], axis=1), memory

        return twins(f"{n} targets, changed from position {until} on", inputs, change)

    def padded(more):
        """Ask twice, the second time with other numbers in the padding, and ``more`` of it."""

        def inputs():
            x, memory = (draw.normal(batch, n, heads * width) for n in (targets, places))
            return x, memory, _padding(lengths, places)

        def change(x, memory, _):
            added = draw.normal(batch, more, heads * width)
            longer = np.concatenate([memory, added], axis=1)
            for row, length in zip(longer, lengths, strict=True):
                row[length:] = draw.normal(*row[length:].shape, scale=20.0)
            return x, longer, _padding(lengths, places + more)

        return twins(f"{places} places of memory, then {places + more}", inputs, change)

    lengths = [places - 1, places - 2] + [1] * (batch - 2)
    lengths = [lengths[place] for place in draw.permutation(batch)]
    biases = _places(draw, heads, targets, places)
    biases[biases == 0] = draw.normal(int((biases == 0).sum()), scale=1.5)
    usual = (batch, targets, places, heads, width)
    none_left = _padding([0, 2], 2)
    every = ("0", "1", *_block_weights(draw, 4, 3))

    return [
        Check(
            "values",
            "the order of the three sub-layers, what each of them reads, which layer norm belongs "
            "to it, and what its output is added to",
            (
                ask("1 target, 1 place of memory", (1, 1, 1, 1, 4)),
                ask("2 targets, 3 places of memory", (1, 2, 3, 1, 4)),
                ask("3 targets, 2 places of memory, 2 heads", (1, 3, 2, 2, 3)),
                ask(f"{batch} sequences, {targets} targets, {places} places of memory", usual),
                ask(f"all sizes {square}", (square, square, square, square, square)),
            ),
            options=ROOM,
            core=True,
            share=3,
        ),
        Check(
            "a memory mask",
            "which of the two attentions gets the mask, whether every sequence and every head gets "
            "its own part of it, and whether a second call gets its own",
            (
                ask(f"padding, ({batch}, 1, 1, {places})", usual, _padding(lengths, places)),
                ask(
                    f"padding, as many targets as places: {square} each",
                    (2, square, square, heads, width),
                    _padding([1, square], square),
                ),
                ask(
                    f"a mask for each head, ({heads}, {targets}, {places})",
                    usual,
                    _places(draw, heads, targets, places),
                ),
                ask("biases beside hidden places", usual, biases),
                ask("given by name", usual, _padding(lengths, places), named=True),
                called_before(
                    "after a call with other sizes",
                    (batch, targets, places),
                    (1, targets - 1, places + 1),
                ),
            ),
            options=ROOM,
            share=2,
        ),
        Check(
            "no position sees a later one",
            "whether the self-attention has its causal mask: x is changed from some position on, "
            "and no output before that may move",
            (
                *future(targets, places, 1),
                *future(targets + 1, places, targets),
                *future(2, 1, 1),
            ),
            rule="unmoved",
            options=ROOM
            | {
                "until": [1, targets, 1],
                "said": [f"x was changed from position {n} on" for n in (1, targets, 1)],
            },
        ),
        Check(
            "the memory's padding changes nothing",
            "whether hidden places of the memory are really hidden: they get different numbers, "
            "and there are more of them",
            (*padded(0), *padded(2)),
            rule="unmoved",
            options=ROOM
            | {
                "until": [targets, targets],
                "said": ["hidden places of the memory were changed", "more padding was added"],
            },
        ),
        Check(
            "nothing to see in the memory",
            "a sequence whose whole memory is padding: the cross-attention should add 0 there, "
            "and every gradient should stay finite",
            (
                ask("one of the memories is all padding", (2, 3, 2, heads, width), none_left),
                ask(
                    "gradients beside it",
                    (2, 2, 2, 2, 2),
                    none_left,
                    d_ff=2,
                    dtype="float64",
                    room=0.02,
                    grad=("0", "1"),
                    draw=draw,
                ),
            ),
            options=ROOM,
        ),
        Check(
            "sizes of one",
            "a single target, a single place of memory, a single head, heads one feature wide",
            (
                ask("one target", (batch, 1, places, heads, width)),
                ask("one place of memory", (batch, targets, 1, heads, width)),
                ask("a single head", (batch, targets, places, 1, 4)),
                ask("4 heads of width 1", (1, targets, places, 4, 1)),
            ),
            options=ROOM,
        ),
        Check(
            "gradients",
            "whether backpropagation reaches x, the memory and every weight",
            (
                ask(
                    "2 targets, 3 places of memory",
                    (1, 2, 3, 2, 2),
                    d_ff=3,
                    dtype="float64",
                    room=0.02,
                    grad=every,
                    draw=draw,
                ),
            ),
        ),
        Check(
            "float64",
            "the dtype of the result when the block is float64 and the mask float32",
            (
                ask("no mask", (2, 3, 2, 2, 3), dtype="float64"),
                ask("a float32 mask", (2, 3, 2, 2, 3), _padding([1, 2], 2), "float64"),
            ),
        ),
        Check(
            "the inputs are left alone",
            "an operation in place, such as +=, writes into the caller's tensor",
            (
                ask("x and memory after the call", usual, watch=True),
                ask("and the mask", usual, _padding(lengths, places), watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- greedy_decode ------------------------------------------------------------------------------


def decode_reference(
    tables: dict, model: Ref, source: Any, bos: int, eos: int, max_len: int
) -> tuple[np.ndarray, np.ndarray]:
    """Decode row by row, then fill up with eos; return also the unchanged source."""
    source = tables["source"]
    script, reads = tables["script"], tables["reads"]
    rows = []
    for row in source.tolist():
        written = [bos]
        while len(written) <= max_len and (written[-1] != eos or len(written) == 1):
            t = len(written) - 1
            logits = script[row[0], min(t, script.shape[1] - 1)] + reads[row[t % len(row)]]
            logits = logits + tables["current"][written[t]]
            if t:
                logits = logits + tables["previous"][written[t - 1]]
            ranked = np.sort(logits)
            assert ranked[-1] > ranked[-2], "a tie"
            written.append(int(np.argmax(logits)))
        rows.append(written[1:])
    longest = max(len(row) for row in rows)
    return np.array([row + [eos] * (longest - len(row)) for row in rows]), source


def decode_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``greedy_decode``.

    All numbers in the tables are multiples of 1/16, plus v/1024 for token v, so that sums are
    exact in float32 and there is no tie.
    """
    tokens, width = draw.integer(6, 9), draw.integer(3, 5)

    def grid(*shape):
        return np.round(draw.normal(*shape) * 16) / 16

    def ask(name, ends, max_len, width=width, special=None, as_it="@same"):
        """Make a batch whose row i writes eos at place ``ends[i]`` (None: nowhere)."""
        bos, eos = special or (int(n) for n in draw.permutation(tokens)[:2])
        batch, longest = len(ends), max_len + 2
        kinds = tokens + 1  # the source has a vocabulary of its own
        tables = {
            "script": grid(kinds, longest, tokens),
            "reads": grid(kinds, tokens),
            "current": grid(tokens, tokens) + np.arange(tokens) / 1024,
            "previous": grid(tokens, tokens),
        }
        tables["script"][:, :, eos] -= 30
        source = draw.rng.integers(0, kinds, (batch, width))
        source[:, 0] = draw.permutation(kinds)[:batch]
        for row, end in enumerate(ends):
            if end is not None:
                tables["script"][source[row, 0], end, eos] += 60
        weights = {key: table.astype("float32") for key, table in tables.items()}
        steps = (
            Step(
                "model",
                "@sequence_to_sequence.ScriptedPair",
                init=(kinds, tokens, longest),
                weights=weights,
            ),
            Step("source", as_it, (long(source),)),
        )
        return case(
            name,
            "greedy_decode",
            Ref("model"),
            Ref("source"),
            bos,
            eos,
            max_len,
            reference=functools.partial(decode_reference, tables | {"source": source}),
            dtype="int64",
            how={
                "steps": steps,
                "after": (Step("source afterwards", "@same", (Ref("source"),)),),
                "seed": 5,
            },
        )

    late = draw.integer(5, 7)
    apart = [1, late, 3, 0, late - 2]
    apart = [apart[place] for place in draw.permutation(len(apart))]
    zero_bos, zero_eos = draw.integer(1, tokens - 1), draw.integer(1, tokens - 1)

    return [
        Check(
            "one row",
            "which position's logits are read, what the model is given at each step, and whether "
            "the result holds bos",
            (
                ask("eos after 2 tokens", [2], 6),
                ask("eos after 4 tokens", [4], 7, width=2),
                ask("no eos in 5 tokens", [None], 5),
            ),
            core=True,
        ),
        Check(
            "rows that end together",
            "whether every row is decoded by itself, from its own source",
            (
                ask("2 rows, eos after 3 tokens", [3, 3], 6),
                ask("4 rows, no eos in 6 tokens", [None] * 4, 6),
            ),
            core=True,
        ),
        Check(
            "rows that end at different times",
            "what a row holds after its eos, and what happens to the other rows when one has ended",
            (
                ask("eos after 1 and after 3 tokens", [1, 3], 6),
                ask("eos after 4 and after 2 tokens", [4, 2], 8),
                ask(f"eos after {apart}", apart, late + 3),
                ask("one of 3 rows never ends", [2, None, 4], 7),
            ),
            share=2,
        ),
        Check(
            "when it ends",
            "how many tokens are written: until every row has ended, and never more than max_len",
            (
                ask("eos as the last token that is allowed", [2, 4], 5),
                ask("eos one token too late", [5, 5], 5),
                ask("max_len 1", [None, 2], 1),
                ask("far more allowed than needed", [2, 1], 40),
            ),
        ),
        Check(
            "an empty answer",
            "a row whose first token is eos",
            (
                ask("one row, eos at once", [0], 4),
                ask("both rows, eos at once", [0, 0], 4),
                ask("one of 3 rows, eos at once", [3, 0, 2], 6),
            ),
        ),
        Check(
            "other numbers for bos and eos",
            "bos and eos are arguments; 0 is a token like any other",
            (
                ask("bos is 0", [2, 4], 6, special=(0, zero_eos)),
                ask("eos is 0", [4, 1], 6, special=(zero_bos, 0)),
                ask("a source of one token", [1, 3], 5, width=1),
            ),
        ),
        Check(
            VIEWS,
            "whether the source may be a slice or a transpose of another tensor",
            (
                ask("eos after 3 tokens and after 1, sliced", [3, 1], 6, as_it="@sliced"),
                ask("eos after 2 tokens, transposed", [2, 2, 2], 6, as_it="@transposed"),
            ),
        ),
    ]


# --- sequence_accuracy --------------------------------------------------------------------------


def accuracy_reference(predicted: np.ndarray, expected: np.ndarray, pad: int) -> float:
    """Compare row by row, place by place."""
    right = 0
    for mine, due in zip(predicted.tolist(), expected.tolist(), strict=True):
        right += all(a == b for a, b in zip(mine, due, strict=True) if b != pad)
    return right / len(predicted)


def accuracy_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``sequence_accuracy``."""
    pad = draw.integer(1, 8)

    def given(name, predicted, expected, pad, **more):
        return case(
            name,
            "sequence_accuracy",
            long(predicted),
            long(expected),
            pad,
            reference=accuracy_reference,
            **more,
        )

    def tokens(*shape):
        """Draw tokens from 0 to 9 other than pad."""
        drawn = draw.rng.integers(0, 9, shape)
        return drawn + (drawn >= pad)

    def ask(rows, width, right, padded=True, **more):
        """Make ``rows`` answers; the first ``right`` are right, the others have one mistake."""
        expected = tokens(rows, width)
        lengths = draw.rng.integers(1, width + 1, rows)
        if padded:
            for row, length in zip(expected, lengths, strict=True):
                row[length:] = pad
        predicted = np.where(expected == pad, tokens(rows, width), expected)
        for row in range(right, rows):
            place = draw.integer(0, int((expected[row] != pad).sum()) - 1)
            wrong = predicted[row, place] + 1
            predicted[row, place] = (wrong + (wrong % 10 == pad)) % 10
        order = draw.permutation(rows)
        name = f"{rows} row{'s'[: rows > 1]} of {width}, {right} right"
        return given(name, predicted[order], expected[order], pad, **more)

    rows, width = draw.integer(5, 7), draw.integer(4, 6)
    few = draw.integer(2, 4)
    close = {"rtol": 1e-5, "atol": 1e-6}  # a mean in float32 is a right answer too
    return [
        Check(
            "without padding",
            "whether a row counts as a whole or by its tokens, and what the count is divided by",
            (
                given("1 of 2 rows", [[5, 6, 7], [5, 6, 7]], [[5, 6, 7], [5, 8, 7]], 0),
                given("same tokens, other order", [[5, 6], [7, 8]], [[6, 5], [7, 8]], 0),
                given("other tokens, same sum", [[4, 7], [7, 8]], [[5, 6], [7, 8]], 0),
                ask(rows, width, few, padded=False),
                ask(width + 3, 3, 3, padded=False),
            ),
            options=close,
            core=True,
        ),
        Check(
            "padding",
            "where something is expected, and where a row may hold anything: expected decides, "
            "not predicted",
            (
                given("[5, 9, 9] for [5, 9, pad]", [[5, 9, 9]], [[5, 9, 0]], 0),
                given("[5, pad, pad] for [5, 9, 9]", [[5, 0, 0]], [[5, 9, 9]], 0),
                given(
                    "padding in front and in between",
                    [[1, 4, 2, 3], [1, 4, 2, 3], [4, 4, 4, 2]],
                    [[0, 4, 0, 3], [0, 4, 0, 2], [0, 0, 4, 2]],
                    0,
                ),
                ask(rows, width, few),
                ask(rows + 6, width, few + 3),
            ),
            options=close,
            share=2,
        ),
        Check(
            "all right, all wrong",
            "the ends of the scale, 0 and 1",
            (ask(rows, width, rows), ask(rows, width, 0), ask(1, width, 1), ask(1, width, 0)),
            options=close,
        ),
        Check(
            "another pad",
            "pad is an argument: 0 can be a token like any other",
            (
                given("pad is 7", [[0, 1, 2], [0, 1, 2]], [[0, 1, 7], [3, 1, 7]], 7),
                given("pad is -1", [[0, 0], [4, 0], [4, 4]], [[0, -1], [4, 1], [4, -1]], -1),
            ),
            options=close,
        ),
        Check(
            "nothing is expected",
            "a row that is all padding: there is no place where it disagrees",
            (
                given(
                    "1 of 3 rows is empty", [[1, 2], [3, 4], [5, 6]], [[1, 3], [0, 0], [5, 6]], 0
                ),
                given("one row, empty", [[1, 2]], [[0, 0]], 0),
                given("one row of one token", [[3]], [[3]], 0),
            ),
            options=close,
        ),
        Check(
            "the inputs are left alone",
            "an assignment such as predicted[...] = writes into the caller's tensor",
            (ask(rows, width, few, watch=True), ask(2, 3, 1, watch=True)),
            rule="untouched",
        ),
    ]


# --- induction_head -----------------------------------------------------------------------------


def induction_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``induction_head``, which a rule judges without a reference."""
    tokens, positions = draw.integer(4, 6), draw.integer(9, 12)
    many, far = draw.integer(12, 20), draw.integer(70, 100)
    seed = draw.integer(0, 2**32 - 1)

    def judged(name, look, of, *sizes, **more):
        cases = tuple(
            question(f"{v} token{'s'[: v > 1]}, {t} position{'s'[: t > 1]}", "induction_head", v, t)
            for v, t in sizes
        )
        options = {"of": of, "seed": seed}
        return Check(name, look, cases, "sequence_to_sequence.continues_patterns", options, **more)

    usual = ((3, 5), (2, 6), (tokens, positions))
    return [
        judged(
            "two heads that fit",
            "the names in the dicts, and the shapes: the second head's input is V + T numbers, "
            "then the m numbers that the first head's W_value makes",
            "form",
            (2, 3),
            (tokens, positions),
            core=True,
        ),
        judged(
            "a token that has occurred once before",
            "what the second head's queries ask for and what its keys announce; then how much "
            "larger the right score is than all others after the division by the root",
            "once",
            *usual,
            core=True,
            share=2,
        ),
        judged(
            "the token that opens the sequence",
            "position 0: nothing comes before it, so the first head can look only at position 0 "
            "itself, and returns something that looks like a match",
            "start",
            *usual,
        ),
        judged(
            "the latest of several occurrences",
            "how the second head chooses among several matches",
            "latest",
            *usual,
        ),
        judged(
            "many tokens, many positions",
            "numbers that should grow with max_len, since in a long sequence many small weights "
            "add up",
            "any",
            (many, far),
            (3, far),
        ),
        judged(
            "sizes of one",
            "one position, two positions, and a vocabulary of one token",
            "any",
            (3, 1),
            (4, 2),
            (1, 4),
            (1, 1),
        ),
    ]


# --- beam_search --------------------------------------------------------------------------------

CLEAR = 1e-3  # how far apart the sums are wherever one is preferred to another, in nats


@dataclass(frozen=True)
class Searched:
    """A search's result. ``clear``: no two sums that decided anything were close."""

    beams: list[tuple[float, list[int]]]
    clear: bool
    pushed_out: bool  # a beam that had ended lost its place


Chances = Callable[[list[int]], list[float]]  # text → log-probability of each next token


def next_chances(tables: dict) -> Chances:
    """Make the function that gives each next token's log-probability by the tables of a pair."""
    script, reads, source = tables["script"], tables["reads"], tables["source"][0].tolist()

    @functools.cache  # a dozen searches of one case ask for the same few
    def chances(t: int, current: int, previous: int | None) -> list[float]:
        logits = script[source[0], min(t, script.shape[1] - 1)] + reads[source[t % len(source)]]
        logits = logits + tables["current"][current]
        if previous is not None:
            logits = logits + tables["previous"][previous]
        top = max(logits)
        total = top + math.log(math.fsum(math.exp(z - top) for z in logits))
        return [float(z - total) for z in logits]

    return lambda text: chances(len(text) - 1, text[-1], text[-2] if len(text) > 1 else None)


def beam_reference(chances: Chances, bos: int, eos: int, max_len: int, width: int) -> Searched:
    """Search text by text, in plain floats."""
    beams, clear, pushed_out = [(0.0, [bos])], True, False
    while len(max((text for _, text in beams), key=len)) <= max_len:
        done = [beam for beam in beams if has_ended(beam[1], eos)]
        longer = [
            (score + chance, [*text, token])
            for score, text in beams
            if not has_ended(text, eos)
            for token, chance in enumerate(chances(text))
        ]
        if not longer:
            break
        ranked = sorted(done + longer, reverse=True)
        beams = ranked[:width]
        pushed_out |= any(beam not in beams for beam in done)
        clear &= len(ranked) == 1 or ranked[0][0] - ranked[1][0] > CLEAR
        clear &= len(ranked) <= width or beams[-1][0] - ranked[width][0] > CLEAR
    return Searched(beams, clear, pushed_out)


def has_ended(text: list[int], eos: int) -> bool:
    """Tell whether the text ends with eos; a bos of the same number is no end."""
    return len(text) > 1 and text[-1] == eos


def set_aside(chances: Chances, bos: int, eos: int, max_len: int, width: int) -> list[int]:
    """Return the result of a wider search, in which ended beams give their place to open ones."""
    beams, ended = [(0.0, [bos])], []
    for _ in range(max_len):
        ranked = sorted(
            (
                (score + chance, [*text, token])
                for score, text in beams
                for token, chance in enumerate(chances(text))
            ),
            reverse=True,
        )
        ended += [beam for beam in ranked[:width] if beam[1][-1] == eos]
        beams = [beam for beam in ranked if beam[1][-1] != eos][:width]
        if len(ended) >= width:
            break
    return max(ended + beams)[1]


Beam = tuple[float, list[int]]


def by_sum(beam: Beam) -> float:
    """Return the sum of the text's log-probabilities, which alone should decide."""
    return beam[0]


def penalized(beam: Beam) -> float:
    """Divide the sum by the length penalty of Wu et al. 2016, with its usual power."""
    return beam[0] / ((4 + len(beam[1])) / 6) ** 0.6


def other_search(
    keep: Callable[[int, list[Beam], int, int], list[Beam]] = lambda step, ranked, eos, width: (
        ranked[:width]
    ),
    order: Callable[[Beam], float] = by_sum,
    best: Callable[[Beam], float] = by_sum,
) -> Callable[..., list[int]]:
    """Make a search in which one thing may be done another way than it should be.

    ``keep`` chooses from all that the step has found, the best first; ``order`` ranks them, and
    ``best`` chooses the result.
    """

    def search(chances: Chances, bos: int, eos: int, max_len: int, width: int) -> list[int]:
        beams: list[Beam] = [(0.0, [bos])]
        for step in range(max_len):
            found = []
            for score, text in beams:
                if has_ended(text, eos):
                    found.append((score, text))
                else:
                    more = enumerate(chances(text))
                    found += [(score + chance, [*text, token]) for token, chance in more]
            beams = keep(step, sorted(found, key=order, reverse=True), eos, width)
        return max(beams, key=best)[1]

    return search


def _split(step: int, ranked: list[Beam]) -> tuple[list[Beam], list[Beam]]:
    """Return the beams that had ended before this step, and those that it made."""
    made = [len(text) == step + 2 for _, text in ranked]
    return (
        [beam for beam, new in zip(ranked, made, strict=True) if not new],
        [beam for beam, new in zip(ranked, made, strict=True) if new],
    )


def _ended_beside(step: int, ranked: list[Beam], eos: int, width: int) -> list[Beam]:
    done, made = _split(step, ranked)
    return done + made[:width]


def _all_ended_beside(step: int, ranked: list[Beam], eos: int, width: int) -> list[Beam]:
    open_ones = [beam for beam in ranked if not has_ended(beam[1], eos)]
    return [beam for beam in ranked if has_ended(beam[1], eos)] + open_ones[:width]


def _ended_for_good(step: int, ranked: list[Beam], eos: int, width: int) -> list[Beam]:
    done, made = _split(step, ranked)
    return done + made[: max(width - len(done), 0)]


def _one_per_token(step: int, ranked: list[Beam], eos: int, width: int) -> list[Beam]:
    first: dict[int, Beam] = {}
    for beam in ranked:
        first.setdefault(beam[1][-1], beam)
    return list(first.values())[:width]


# Searches that find the right text now and then. Each has to find another one in some case.
OTHER_SEARCHES = {
    "set aside": set_aside,
    "ended beside": other_search(_ended_beside),
    "all ended beside": other_search(_all_ended_beside),
    "ended for good": other_search(_ended_for_good),
    "one for each token": other_search(_one_per_token),
    "first step uncut": other_search(
        lambda step, ranked, eos, width: ranked[:width] if step else ranked
    ),
    "one more": other_search(lambda step, ranked, eos, width: ranked[: width + 1]),
    "penalty": other_search(order=penalized, best=penalized),
    "penalty at the end": other_search(best=penalized),
}


def beam_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``beam_search``."""
    vocab, length = 5, draw.integer(3, 4)

    def ask(
        name,
        width,
        max_len,
        suits,
        *,
        tokens=vocab,
        bos_eos=None,
        end=0.0,
        as_it="@same",
        size=length,
        unlike=(),
        at_most=None,
    ):
        """Make a case whose search ``suits``; ``end`` is added to the logits of eos.

        The searches named in ``unlike`` find something else, and so does one of the width
        ``at_most``.
        """
        while True:
            bos, eos = bos_eos or (int(n) for n in draw.permutation(tokens)[:2])
            kinds = 4
            tables = {
                "script": draw.normal(kinds, max_len + 1, tokens),
                "reads": draw.normal(kinds, tokens),
                "current": draw.normal(tokens, tokens),
                "previous": draw.normal(tokens, tokens),
            }
            tables["script"][:, :, eos] += end
            weights = {key: table.astype("float32") for key, table in tables.items()}
            exact = {key: table.astype("float64") for key, table in weights.items()}
            exact["source"] = draw.rng.integers(0, kinds, (1, size))
            given = (next_chances(exact), bos, eos, max_len)
            found, greedy = beam_reference(*given, width), beam_reference(*given, 1)
            if not (found.clear and greedy.clear and suits(found, greedy, eos)):
                continue
            right = found.beams[0][1]
            if any(OTHER_SEARCHES[name](*given, width) == right for name in unlike):
                continue
            if at_most is None or beam_reference(*given, at_most).beams[0][1] != right:
                break
        source = exact["source"]
        model = Step(
            "model",
            "@sequence_to_sequence.ScriptedPair",
            init=(kinds, tokens, max_len + 1),
            weights=weights,
        )
        score, text = found.beams[0]
        ask = Ask(
            "beam_search",
            (Ref("model"), Ref("source"), bos, eos, max_len, width),
            steps=(model, Step("source", as_it, (long(source),))),
            after=(Step("source afterwards", "@same", (Ref("source"),)),),
        )
        due = ((Tensor(np.array(text[1:], np.int64)), score), Tensor(source.astype(np.int64)))
        return Case(name, ask, Reply(value=due))

    def ended(found, eos):
        return [has_ended(text, eos) for _, text in found.beams]

    def better(found, greedy, eos):
        return found.beams[0][1] != greedy.beams[0][1]

    def better_and_ended(found, greedy, eos):
        return better(found, greedy, eos) and ended(found, eos)[0]

    def open_at_last(found, greedy, eos):
        return better(found, greedy, eos) and not ended(found, eos)[0] and any(ended(found, eos))

    def ended_early(found, greedy, eos):
        """Tell whether the best beam has ended, and another is longer."""
        longest = max(len(text) for _, text in found.beams)
        return ended(found, eos)[0] and len(found.beams[0][1]) < longest

    def overtaken(found, greedy, eos):
        return found.pushed_out and ended(found, eos)[0]

    def anything(found, greedy, eos):
        return True

    def with_end(found, greedy, eos):
        return ended(found, eos)[0]

    aside = ("set aside", "ended beside", "all ended beside")
    wide = {"rtol": 1e-5, "atol": 1e-4}
    return [
        Check(
            "two beams",
            "which texts are kept: those whose tokens' log-probabilities have the highest sums",
            (
                ask("2 beams, 3 tokens at most", 2, 3, better, unlike=("one more",)),
                ask("2 beams, 5 tokens at most", 2, 5, better_and_ended),
                ask("2 beams, 6 tokens at most, a rare end", 2, 6, better, end=-2.0),
            ),
            options=wide,
            core=True,
            share=2,
        ),
        Check(
            "three beams and more",
            "whether the continuations of all beams compete for the places",
            (
                ask("3 beams, 4 tokens at most", 3, 4, better, unlike=("first step uncut",)),
                ask("3 beams, 5 tokens at most", 3, 5, better, unlike=("one for each token",)),
                ask("4 beams, 6 tokens at most", 4, 6, better_and_ended),
            ),
            options=wide,
        ),
        Check(
            "one beam",
            "a width of 1: what greedy_decode writes, and its log-probability",
            (ask("1 beam, 4 tokens at most", 1, 4, anything), ask("1 beam, eos", 1, 6, with_end)),
            options=wide,
        ),
        Check(
            "beams that have ended",
            "an ended beam is not continued, keeps its place while its sum is among the highest, "
            "and loses it when it is not",
            (
                ask(
                    "the best ends before the others",
                    2,
                    6,
                    ended_early,
                    end=1.0,
                    unlike=("penalty", "penalty at the end"),
                ),
                ask("an ended beam is pushed out", 2, 6, overtaken, unlike=("ended for good",)),
                ask("3 beams, one pushed out", 3, 6, overtaken, unlike=("ended for good",)),
                ask("3 beams, an early end", 3, 6, ended_early, end=1.0),
                ask(
                    "2 beams, of which an ended one keeps its place",
                    2,
                    6,
                    anything,
                    unlike=aside,
                ),
                ask("3 beams, likewise", 3, 6, anything, unlike=aside),
            ),
            options=wide,
            share=2,
        ),
        Check(
            "when it ends",
            "max_len tokens at most, and a text that is still open then",
            (
                ask("1 token at most", 3, 1, lambda found, greedy, eos: not ended(found, eos)[0]),
                ask("still open, and another beam has ended", 3, 4, open_at_last),
                ask(
                    "no end in sight",
                    2,
                    5,
                    lambda found, greedy, eos: not any(ended(found, eos)),
                    end=-8.0,
                ),
                ask(
                    "eos at once",
                    2,
                    5,
                    lambda found, greedy, eos: len(found.beams[0][1]) == 2 and ended(found, eos)[0],
                    end=3.0,
                ),
                ask("far more allowed than needed", 2, 30, ended_early, end=2.0),
            ),
            options=wide,
        ),
        Check(
            "more beams than tokens",
            "a width larger than the vocabulary: the first step has fewer texts than places",
            (
                ask("8 beams, 3 tokens in all", 8, 4, better, tokens=3, at_most=3),
                ask("6 beams, 3 tokens in all", 6, 5, anything, tokens=3, at_most=3),
            ),
            options=wide,
        ),
        Check(
            "other numbers for bos and eos",
            "bos and eos are arguments; 0 is a token like any other",
            (
                ask("bos is 0", 2, 5, better, bos_eos=(0, draw.integer(1, 4))),
                ask("eos is 0", 2, 5, better_and_ended, bos_eos=(draw.integer(1, 4), 0)),
                ask("a source of one token", 2, 4, better, size=1),
            ),
            options=wide,
        ),
        Check(
            VIEWS,
            "whether the source may be a slice or a transpose of another tensor",
            (
                ask("sliced", 2, 4, better, as_it="@sliced"),
                ask("transposed", 2, 4, better, as_it="@transposed"),
            ),
            options=wide,
        ),
    ]


EXERCISES = [
    Exercise(
        "shift_right",
        1,
        shift_checks,
        hints=(
            "Write a target of four tokens on paper, and under each token the one that the "
            "decoder reads just before it writes this token. Which token is never read?",
            "One column goes and one column comes, so the shape stays the same. The column that "
            "goes is the one that nobody needs to read, because nothing is predicted after it. "
            "Build a new tensor; the loss needs the targets themselves.",
            "first column ← ____ for every row\n"
            "the rest ← all columns of targets but ____\n"
            "answer ← the two side by side, along the axis of ____",
        ),
        views=("several sequences",),
    ),
    Exercise(
        "DecoderBlock",
        5,
        block_checks,
        hints=(
            "It is the block of lesson 6 with one more sub-layer in the middle. For each of the "
            "three sub-layers ask: who asks, who is asked, and what may be seen?",
            "Each sub-layer reads the stream through its own layer norm, and its output is added "
            "to the stream as it was before the norm. In the first attention the target's "
            "positions ask each other, and none may see a later one. In the second they ask the "
            "memory, which nobody normalizes here; its mask is the one that was passed in. An "
            "attention returns a pair.",
            "mask ← which of ____ positions may see which\n"
            "x ← x + output of self-attention of norm1 of ____, with mask ____\n"
            "x ← x + output of cross-attention: norm2 of ____ asks ____, with mask ____\n"
            "answer ← ____ + feed-forward of norm3 of ____",
        ),
        uses=("MultiHeadAttention", "FeedForward", "causal_mask"),
        views=("values", "a memory mask"),
    ),
    Exercise(
        "greedy_decode",
        4,
        decode_checks,
        hints=(
            "Do it by hand for one row. What do you give the model at the very first step? Which "
            "of the logits that come back are about the next token? What do you give it then?",
            "Keep what is written so far, beginning with a column of bos, and for each row a flag "
            "that says whether it has ended. A step asks the model about all that is written, "
            "takes the token with the largest logit at the last position, replaces this token by "
            "eos in rows that had ended before, adds the tokens as a column, and only then "
            "updates the flags. There are two reasons to stop.",
            "written ← a column of ____;  ended ← ____ for every row\n"
            "repeat at most ____ times, while some row has not ended:\n"
            "    logits ← model(____, ____), at position ____\n"
            "    token ← the place of the largest one; in rows that have ended: ____\n"
            "    written ← written with token as ____\n"
            "    ended ← ended or token is ____\n"
            "answer ← written without ____",
        ),
    ),
    Exercise(
        "sequence_accuracy",
        2,
        accuracy_checks,
        hints=(
            "There are two ways in which a place can be fine. Which ones?",
            "Make a table of true and false, one entry for each place: the tokens agree, or "
            "nothing is expected there. Then a row is right if all of it is true. A share is a "
            "mean of zeros and ones; make it a Python number at the end.",
            "fine ← predicted equals ____, or expected equals ____\n"
            "right ← rows of fine that are true ____\n"
            "answer ← the mean of right, as a ____",
        ),
        views=("without padding", "padding"),
    ),
    Exercise(
        "beam_search",
        3,
        beam_checks,
        hints=(
            "Search by hand: two beams, three tokens. How many texts are there after one step, "
            "and how many of them compete after two?",
            "Keep a list of pairs: a sum of log-probabilities and a text. In each step make a new "
            "list: every beam that has ended, as it is, and every open beam with each token "
            "joined on. Sort by the sum and keep the first few. Logits become log-probabilities "
            "by log_softmax; those of the last position say what comes next.",
            "beams ← one: sum ____, text ____\n"
            "max_len times, or until all beams have ____:\n"
            "    for each beam:  ended → keep it as it is\n"
            "                    open → for each token: (sum + ____ of the token, text and token)\n"
            "    beams ← the ____ of these with the highest ____\n"
            "answer ← text of the best without ____, its sum",
        ),
        returns=("tokens", "log_probability"),
    ),
    Exercise(
        "induction_head",
        4,
        induction_checks,
        hints=(
            "Say it in words first: at t I look for a position whose *previous* token is *my* "
            "token. Which head must tell a position what its previous token was?",
            "You have already built the first head in lesson 4. With it, the input of the second "
            "head at position p says three things: which token it is, which position it is, and "
            "which token came before. The second head's query reads one of the three and its key "
            "another; the value reads the token. Now there may be several matches, and position 0 "
            "looks like a match although it is not one. One more row in query and key solves both "
            "problems: something that grows with the position, small enough never to outweigh a "
            "match, steep enough that a single step decides.",
            "first ← a head that returns ____\n"
            "columns of the second head's input: V for ____, T for ____, m for ____\n"
            "key, rows 0 … V-1 ← unit vectors in the columns of ____\n"
            "query, rows 0 … V-1 ← ____ times unit vectors in the columns of ____\n"
            "key, one more row ← in the columns of the position: ____\n"
            "query, one more row ← ____ in the columns of every ____\n"
            "value ← unit vectors in the columns of ____",
        ),
        uses=("previous_token_head",),
    ),
]

SOLVED_CPU = 150.0  # seconds that the solved notebook may take
LIMITS = {"cell_cpu": 90.0, "checks_cpu": 60.0, "notebook_cpu": 300.0}
