"""Lesson 5's specification: angles one at a time with Python's own sin and cos.

Positions stay below 60 except in the checks about far positions: float32 holds an angle of p
to about p times 1e-7, however it is computed, and the tolerances leave room for that.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from grader.course.specification import Draw, Exercise, case, raises, tensor
from grader.protocol.values import Check

INF = math.inf
BY_VALUE = {"dtype": False}
# For angles of up to 3000, computed in float32: five times the worst of six ways to do it.
FAR = {"rtol": 0.0, "atol": 2e-3, "dtype": False}
# float64 in, float64 out; the angles may come from float32 all the same.
ROUNDED = {"rtol": 1e-4, "atol": 2e-5}


# --- references ---------------------------------------------------------------------------------


def angle_of(p: float, i: int, d: int, base: float) -> float:
    """Return the angle of pair ``i`` at position ``p``."""
    return p / math.pow(base, 2 * i / d)


def encoding_at(p: int, d: int, base: float) -> list[float]:
    """Return one row of the sinusoidal encoding."""
    row = []
    for i in range(d // 2):
        angle = angle_of(p, i, d, base)
        row += [math.sin(angle), math.cos(angle)]
    return row


def sinusoidal_reference(n: int, d: int, base: float = 10000.0) -> np.ndarray:
    """Compute the encoding row by row."""
    return np.array([encoding_at(p, d, base) for p in range(n)])


def shift_reference(k: int, d: int, base: float = 10000.0) -> np.ndarray:
    """Solve for the matrix: two positions of one pair determine the four numbers of its block.

    The positions are a quarter of a turn apart, so the equations are well-conditioned.
    """
    matrix = np.zeros((d, d))
    for i in range(d // 2):
        turn, pair = angle_of(k, i, d, base), slice(2 * i, 2 * i + 2)
        before = [[math.sin(a), math.cos(a)] for a in (0.0, math.pi / 2)]
        after = [[math.sin(a + turn), math.cos(a + turn)] for a in (0.0, math.pi / 2)]
        matrix[pair, pair] = np.linalg.solve(np.array(before), np.array(after)).T
    return matrix


def learned_reference(weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Add the table sequence by sequence, position by position."""
    out = np.empty_like(x)
    for b, p in np.ndindex(*x.shape[:2]):
        out[b, p] = x[b, p] + weights["embedding.weight"][p]
    return out


def rotary_reference(x, positions=None, base: float = 10000.0) -> np.ndarray:
    """Rotate pair by pair, each as a length and a direction to which the angle is added."""
    n, d = x.shape[-2:]
    places = list(range(n)) if positions is None else [float(p) for p in positions]
    out = np.empty_like(x)
    for place in np.ndindex(*x.shape[:-1]):
        for i in range(d // 2):
            first, second = x[place][2 * i], x[place][2 * i + 1]
            angle = angle_of(places[place[-1]], i, d, base)
            if angle == 0.0:
                out[place][2 * i : 2 * i + 2] = first, second
                continue
            length, direction = math.hypot(first, second), math.atan2(second, first)
            out[place][2 * i] = length * math.cos(direction + angle)
            out[place][2 * i + 1] = length * math.sin(direction + angle)
    return out


def alibi_reference(n: int, num_heads: int) -> np.ndarray:
    """Compute the bias place by place."""
    bias = np.full((num_heads, n, n), -INF)
    for h, i in np.ndindex(num_heads, n):
        slope = math.pow(2.0, -8 * (h + 1) / num_heads)
        bias[h, i, : i + 1] = [-slope * (i - j) if j < i else 0.0 for j in range(i + 1)]
    return bias


# --- sinusoids ----------------------------------------------------------------------------------


def sinusoidal_checks(draw: Draw) -> list[Check]:
    """Return checks of small tables, other bases, wide vectors and far positions."""
    n, half = draw.sizes(2, 4, 9)
    base = float(draw.integer(20, 400))
    long = draw.integer(2060, 2200)

    def ask(n, d, *base, **more):
        name = f"{n} position{'s'[: n > 1]}, width {d}"
        name += f", base {base[0]:g}" if base else ""
        name += f", base={more['base']:g}" if "base" in more else ""
        reference = sinusoidal_reference
        return case(
            name, "sinusoidal_encoding", n, d, *base, reference=reference, dtype="float32", **more
        )

    return [
        Check(
            "the first rows",
            "row 1 first: which columns are sines, which are cosines, and the frequency of each "
            "pair of columns",
            (ask(2, 4), ask(3, 2), ask(5, 6), ask(n, 2 * half)),
            options=BY_VALUE,
            core=True,
            share=3,
        ),
        Check(
            "another base",
            "the number that the frequencies are powers of",
            (ask(4, 4, 100.0), ask(n, 6, base=base)),
            options=BY_VALUE,
        ),
        Check(
            "sizes of one",
            "a single position (it is number 0), and a single pair of columns",
            (ask(1, 6), ask(6, 2), ask(1, 2)),
            options=BY_VALUE,
        ),
        Check(
            "wide vectors",
            "the frequencies of the last columns",
            (ask(6, 64), ask(3, 2 * draw.integer(40, 60))),
            options=BY_VALUE,
        ),
        Check(
            "far positions",
            "what becomes of a large position on the way to its angle, and fixed numbers where n "
            "should be used",
            # float16 holds no odd number above 2048.
            (ask(long, 2),),
            options=FAR,
        ),
        Check(
            "float32",
            "the dtype of the result",
            (ask(4, 6),),
        ),
    ]


def shift_checks(draw: Draw) -> list[Check]:
    """Return checks of what the matrix does, then of its entries."""
    d = 2 * draw.integer(3, 5)
    k, back = draw.integer(3, 30), draw.integer(2, 30)
    base = float(draw.integer(20, 400))
    far = draw.integer(900, 2000)

    def ask(k, d, *base, **more):
        name = f"k = {k}, width {d}"
        name += f", base {base[0]:g}" if base else ""
        name += f", base={more['base']:g}" if "base" in more else ""
        return case(
            name, "shift_matrix", k, d, *base, reference=shift_reference, dtype="float32", **more
        )

    def carried(asks, places):
        """Return for each matrix positions p and the rows PE[p] and PE[p + k] (base 10000)."""
        starts, before, after = [], [], []
        for one in asks:
            k, d = one.ask.args[:2]
            starts.append([int(p) for p in places])
            before.append(np.array([encoding_at(p, d, 10000.0) for p in places]))
            after.append(np.array([encoding_at(p + k, d, 10000.0) for p in places]))
        return {"places": starts, "before": before, "after": after}

    first = (ask(1, 2), ask(3, 4), ask(k, d))
    places = [0, 1, 2, draw.integer(3, 40), draw.integer(41, 400)]
    return [
        Check(
            "it takes PE[p] to PE[p + k]",
            "sin(a + b) and cos(a + b), written with sines and cosines of a and of b; the vector "
            "is to the right of the matrix",
            first,
            rule="positional_encoding.carries",
            options=carried(first, places) | {"rtol": 0.0, "atol": 1e-4},
            core=True,
            share=3,
        ),
        Check(
            "zero steps and steps backward",
            "the sign of k, and what your code does with it",
            (ask(0, 4), ask(-1, 2), ask(-back, d)),
            options=BY_VALUE,
        ),
        Check(
            "another base",
            "the number that the frequencies are powers of",
            (ask(2, 4, 100.0), ask(k, 6, base=base)),
            options=BY_VALUE,
        ),
        Check(
            "all entries",
            "entries that should be exactly 0, and the frequencies of the last pairs",
            (ask(2, 4), ask(k, 32)),
            options=BY_VALUE,
        ),
        Check(
            "large steps",
            "what becomes of a large k on the way to its angle",
            (ask(far, 6), ask(-far, 4)),
            options=FAR,
        ),
        Check(
            "float32",
            "the dtype of the result",
            (ask(1, 4),),
        ),
    ]


# --- a learned table ----------------------------------------------------------------------------


def learned_checks(draw: Draw) -> list[Check]:
    """Return checks of tables with known rows, with lengths that fit and lengths that do not."""
    n, d, batch = draw.sizes(3, 2, 5)
    spare = draw.integer(2, 4)

    def ask(name, max_len, shape, dtype="float32", **more):
        return case(
            name,
            "LearnedPositionalEncoding",
            tensor(draw.normal(*shape), dtype),
            reference=learned_reference,
            init=(max_len, shape[-1]),
            weights={"embedding.weight": draw.normal(max_len, shape[-1]).astype(dtype)},
            **more,
        )

    def refuse(max_len, shape):
        name = f"{shape[1]} positions, a table of {max_len}"
        x, table = tensor(draw.normal(*shape)), draw.normal(max_len, shape[-1])
        refused = raises(name, "LearnedPositionalEncoding", x, init=(max_len, shape[-1]))
        known = {"embedding.weight": table.astype("float32")}  # so that a wrong result has a name
        return replace(refused, ask=replace(refused.ask, weights=known))

    return [
        Check(
            "every position gets its own row",
            "which row of the table each position gets, and what is done with it",
            (
                ask("one sequence of 2, width 3, a table of 4", 4, (1, 2, 3)),
                ask(f"one sequence of {n}, a table of {n + spare}", n + spare, (1, n, d)),
            ),
            options=BY_VALUE,
            core=True,
            share=2,
        ),
        Check(
            "batches",
            "which axis of x holds the positions; every sequence starts at position 0",
            (
                ask("2 sequences of 3, a table of 5", 5, (2, 3, 4)),
                ask(f"{batch} sequences of {n}", n + spare, (batch, n, d)),
                ask("3 sequences of 3, width 3", 5, (3, 3, 3)),
                ask("7 sequences of 2, width 6, a table of 4", 4, (7, 2, 6)),
            ),
            options=BY_VALUE,
        ),
        Check(
            "lengths from 1 to max_len",
            "a sequence of one token, and one that just fits the table",
            (
                ask("one position, a table of 3", 3, (2, 1, 4)),
                ask("4 positions, a table of 4", 4, (2, 4, 3)),
                ask("1 position, a table of 1", 1, (3, 1, 2)),
                ask(f"{n} positions, a table of {n}, width {n + 4}", n, (2, n, n + 4)),
            ),
            options=BY_VALUE,
        ),
        Check(
            "too long for the table",
            "a sequence of more than max_len positions: a ValueError says so, before PyTorch "
            "fails with an error of its own",
            (refuse(3, (1, 4, 2)), refuse(2, (1, 9, 3)), refuse(n, (2, n + 1, n + 3))),
        ),
        Check(
            "gradients of the input and of the table",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (
                ask("tiny", 4, (2, 3, 2), "float64", grad=("0", "embedding.weight"), draw=draw),
                ask("in float32", 3, (2, 2, 2), grad=("0", "embedding.weight"), draw=draw),
            ),
            options=BY_VALUE,
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (
                ask("float32", n + spare, (2, n, d)),
                ask("float64", n + spare, (2, n, d), "float64"),
            ),
        ),
        Check(
            "the input is left alone",
            "an operation that writes into the caller's tensor, such as += or a name that ends "
            "in _",
            (
                ask("x after the call", n + spare, (2, n, d), watch=True),
                ask("x after the call, float64", n + 1, (1, n, d), "float64", watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- rotations ----------------------------------------------------------------------------------


def rotary_checks(draw: Draw) -> list[Check]:
    """Return checks of pairs, batches, given positions, far positions and gradients."""
    n, half = draw.sizes(2, 2, 5)
    b, h, g = draw.sizes(3, 2, 4)
    base = float(draw.integer(20, 400))

    def ask(name, shape, positions=None, *base, dtype="float32", whole="int64", **more):
        x = tensor(draw.normal(*shape), dtype)
        given = () if positions is None else (tensor(positions, whole),)
        given = (*given, *base)
        return case(name, "rotary_encoding", x, *given, reference=rotary_reference, **more)

    def some(count, top):
        """Draw different positions in no order."""
        return draw.rng.choice(top, size=count, replace=False).tolist()

    scattered = some(4, 40)
    far = [2991, 0, *some(4, 3000), 1024]  # float16 holds no odd number above 2048
    return [
        Check(
            "one sequence",
            "which two entries make a pair, the angle of each pair, the direction of the turn, "
            "and where the two turned entries go",
            (
                ask("2 positions, width 2", (2, 2)),
                ask("3 positions, width 4", (3, 4)),
                ask("4 positions, width 6", (4, 6)),
                ask(f"{n} positions, width {2 * half}", (n, 2 * half)),
                ask("6 positions, width 6", (6, 6)),
                ask("1 position, width 4", (1, 4)),
            ),
            options=BY_VALUE,
            core=True,
            share=3,
        ),
        Check(
            "batch axes",
            "whether axes are counted from the end, and whether every batch entry is turned alike",
            (
                ask(f"one batch axis: ({b},)", (b, 3, 4)),
                ask(f"two batch axes: ({b}, {h})", (b, h, 5, 4)),
                ask(f"three batch axes: ({g}, {b}, {h})", (g, b, h, 3, 2)),
                ask("4 sequences of 4 positions, width 4", (4, 4, 4)),
                ask("a batch of one", (1, 3, 6)),
            ),
            options=BY_VALUE,
            share=2,
        ),
        Check(
            "given positions",
            "the second argument: positions with gaps, in any order, or the same one twice",
            (
                ask("positions [5, 2]", (2, 4), [5, 2]),
                ask("a single vector at position 3", (1, 4), [3]),
                ask(f"positions {scattered}", (4, 6), scattered),
                ask("positions [7, 7, 0], 2 sequences", (2, 3, 4), [7, 7, 0]),
                ask(f"{b} by {h} batch", (b, h, 3, 4), some(3, 40)),
                ask("positions in int32", (3, 4), some(3, 40), whole="int32"),
            ),
            options=BY_VALUE,
            share=2,
        ),
        Check(
            "fractional positions",
            "whether a position is rounded on its way to the angle. Positions may lie between "
            "whole numbers: lesson 10 squeezes those of a long text into a shorter range",
            (
                ask("positions [-0.75, 1.75]", (2, 4), [-0.75, 1.75], whole="float32"),
                ask("positions in steps of 0.25", (2, 5, 6), np.arange(5) / 4, whole="float32"),
            ),
            options=BY_VALUE,
        ),
        Check(
            "another base",
            "the number that the frequencies are powers of",
            (
                ask("base 100", (3, 4), [0, 1, 2], 100.0),
                ask(f"base={base:g}", (n, 6), base=base),
            ),
            options=BY_VALUE,
        ),
        Check(
            "a turn by nothing",
            "whether a vector at position 0 comes back unchanged, with all the digits of float64",
            (
                ask("1 position, float64", (1, 4), dtype="float64"),
                ask("positions [0, 0], float64", (2, 2, 6), [0, 0], dtype="float64"),
            ),
            options={"rtol": 1e-10, "atol": 1e-12, "dtype": False},
        ),
        Check(
            "far positions",
            "what becomes of a large position on the way to its angle",
            (
                ask("positions up to 3000", (7, 4), far),
                ask("positions up to 3000, float64", (7, 6), far, dtype="float64"),
            ),
            options=FAR | {"atol": 8e-3},
        ),
        Check(
            "float32 and float64",
            "the dtype of the result, and whether anything on the way is fixed to one dtype",
            (
                ask("float32", (3, 4)),
                ask("float64", (2, 3, 4), dtype="float64"),
                ask("float64 with positions", (3, 6), [4, 0, 9], dtype="float64"),
            ),
            options=ROUNDED,
        ),
        Check(
            "gradients",
            "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
            (
                ask("float64", (2, 3, 4), dtype="float64", grad="0", draw=draw),
                ask("float32", (3, 2), [1, 4, 2], grad="0", draw=draw),
            ),
            options=ROUNDED | BY_VALUE,
        ),
        Check(
            "the inputs are left alone",
            "an operation that writes into the caller's tensor, such as x[...] = or a name that "
            "ends in _",
            (
                ask("x after the call", (3, 4), watch=True),
                ask("x and the positions after the call", (2, 3, 6), [4, 1, 2], watch=True),
                ask("x after the call, float64", (2, 4), dtype="float64", watch=True),
            ),
            rule="untouched",
        ),
    ]


# --- linear biases ------------------------------------------------------------------------------


def alibi_checks(draw: Draw) -> list[Check]:
    """Return checks of few and many heads, powers of two and others."""
    heads = draw.rng.choice([5, 7, 9, 10, 11, 13], size=2, replace=False).tolist()
    n = draw.integer(5, 7)
    long = draw.integer(260, 280)

    def ask(n, num_heads):
        name = f"{n} position{'s'[: n > 1]}, {num_heads} head{'s'[: num_heads > 1]}"
        return case(name, "alibi_bias", n, num_heads, reference=alibi_reference, dtype="float32")

    return [
        Check(
            "the biases",
            "which places are hidden, the sign of the bias, how far apart i and j are, and the "
            "slope of each head",
            (ask(3, 2), ask(4, 8), ask(n, 4)),
            rule="positional_encoding.biases",
            core=True,
            share=3,
        ),
        Check(
            "any number of heads",
            "the exponent of the slope: one formula for every H",
            (ask(3, 1), ask(4, 3), ask(3, 6), ask(3, 12), *(ask(2, h) for h in heads), ask(2, 16)),
            rule="positional_encoding.biases",
            share=2,
        ),
        Check(
            "one position",
            "a sequence of length 1: the token looks at itself, at no cost",
            (ask(1, 2), ask(1, 1)),
            rule="positional_encoding.biases",
        ),
        Check(
            "long sequences",
            "fixed numbers where n should be used",
            (ask(long, 1),),
            rule="positional_encoding.biases",
        ),
        Check(
            "exactly 0 and -inf, in float32",
            "the diagonal, the hidden places, and the dtype",
            (ask(4, 2), ask(5, 4)),
            options={"rtol": 1e-4, "atol": 0.0},
        ),
    ]


EXERCISES = [
    Exercise(
        "sinusoidal_encoding",
        3,
        sinusoidal_checks,
        hints=(
            "Work out row 1 for d = 4 on paper: four numbers, two frequencies. Which columns share "
            "a frequency?",
            "There are d/2 frequencies, one for each pair of columns. All angles together are a "
            "table of n by d/2: a column of positions times a row of frequencies. Sines go into "
            "every second column, cosines into the ones between.",
            "pair ← 0, 1, … d/2 - 1\n"
            "frequency ← base to the power of ____\n"
            "angle ← column of ____ times row of ____, shape (n, ____)\n"
            "columns 0, 2, 4, … ← ____ of angle\n"
            "columns 1, 3, 5, … ← ____ of angle",
        ),
    ),
    Exercise(
        "shift_matrix",
        3,
        shift_checks,
        hints=(
            "Take one pair only: (sin a, cos a). You want (sin(a + b), cos(a + b)). School "
            "trigonometry has formulas for both.",
            "Each of the two new numbers is a weighted sum of the two old ones, and the weights "
            "depend on b alone: a block of 2 by 2. The blocks lie along the diagonal; pairs do "
            "not mix. Test it: M times row 0 of the encoding must be row k.",
            "for each pair i:\n"
            "    b ← k times ____\n"
            "    the row that makes the new sine ← (____ b, ____ b)\n"
            "    the row that makes the new cosine ← (____ b, ____ b)\n"
            "    put the two rows into rows and columns ____ and ____ of M",
        ),
        uses=("sinusoidal_encoding",),
    ),
    Exercise(
        "LearnedPositionalEncoding",
        2,
        learned_checks,
        hints=(
            "An nn.Embedding is a table whose rows are looked up by number. Which rows does a "
            "sequence of n tokens need, and in which order?",
            "Look at the length first: if it is too long, say so with an error of your own. Then "
            "take the first n rows; adding (n, d) to (B, n, d) serves the whole batch.",
            "n ← the length of axis ____ of x\n"
            "if n ____ the number of rows of the table: raise ____\n"
            "answer ← x ____ the rows ____ to ____ of the table",
        ),
        views=("every position gets its own row", "batches"),
    ),
    Exercise(
        "rotary_encoding",
        5,
        rotary_checks,
        hints=(
            "Start with one vector of width 2 at position 1. It is a point in the plane; turn it "
            "by one radian. Everything else is doing this for many pairs at once.",
            "Make two tables of (n, d/2): the cosines and the sines of all angles. Split x "
            "into the entries at even places and those at odd places; compute both new ones from "
            "the old ones before anything is put back. Finally, interleave the two results: even, "
            "odd, even, odd.",
            "frequency ← one number for each of the ____ pairs\n"
            "angle ← column of positions times row of frequencies\n"
            "first ← entries of x at places ____; second ← entries at places ____\n"
            "new first ← first times ____ minus second times ____\n"
            "new second ← first times ____ plus second times ____\n"
            "answer ← the two interleaved, in the shape of ____",
        ),
        uses=("sinusoidal_encoding",),
        views=("one sequence", "batch axes", "given positions"),
    ),
    Exercise(
        "alibi_bias",
        3,
        alibi_checks,
        hints=(
            "Write the matrix of one head for n = 3 and slope 1: three rows, zeros on the "
            "diagonal.",
            "The distance i - j is the same in every head: one (n, n) table. Each head multiplies "
            "it by its own slope. Give the slopes two axes of length 1, so that broadcasting makes "
            "(H, n, n). Hide the future last, so that nothing multiplies -inf.",
            "slope ← 2 to the power of ____, for h = 0 … H-1\n"
            "distance ← column of positions minus row of positions\n"
            "bias ← ____ slope times distance, shape (____, ____, ____)\n"
            "answer ← bias, with ____ where distance is ____",
        ),
    ),
]
