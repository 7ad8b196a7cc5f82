"""Lesson 1's specification: NumPy, float64, references as loops over plain floats."""

from __future__ import annotations

import math

import numpy as np

from grader.course.specification import Draw, Exercise, case, question
from grader.protocol.values import Ask, Case, Check, Ref, Reply, Step

TIGHT = {"rtol": 1e-11, "atol": 1e-13}
# Scores in the hundreds have errors of some 1e-14 each, and weights propagate them.
LARGE = {"rtol": 1e-9, "atol": 1e-11}


def softmax_reference(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Compute exp(s_i) / sum_j exp(s_j), one slice at a time, with exact sums (math.fsum)."""
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
    """Return checks of rows, axes, large scores and an unchanged input."""
    n, m, k = draw.sizes(3, 2, 6)

    def ask(name, scores, **more):
        return case(name, "softmax", scores, reference=softmax_reference, **more)

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
                ask(f"shape ({n}, {m}, {k}), last axis", draw.normal(n, m, k)),
                ask(f"shape ({n}, {m}, {k}), axis 1", draw.normal(n, m, k), axis=1),
                ask(f"shape ({n}, {m}, {k}), axis -3", draw.normal(n, m, k), axis=-3),
            ),
            options=TIGHT,
        ),
        Check(
            "large scores",
            "what exp does to 1000, and what subtracting the same number from every score changes",
            (
                ask("scores near 1000", draw.normal(n) + 1000),
                ask("scores near -1000", draw.normal(n) - 1000),
                # The largest is neither the first nor the last, nor the largest in size.
                ask("scores from -5000 to 3", np.array([-5e3, 0.0, 3.0, -4e3])),
                ask(
                    "rows far apart: one near 5000, one near -5000",
                    np.stack([draw.normal(3) + 5000, draw.normal(3) - 5000]),
                ),
                ask(
                    "columns far apart: one near 5000, one near -5000, axis 0",
                    np.stack([draw.normal(3) + 5000, draw.normal(3) - 5000], axis=1),
                    axis=0,
                ),
            ),
            options=TIGHT,
        ),
        Check(
            "the input is left alone",
            "an in-place operation such as -= writes into the caller's array",
            (ask("the scores after the call", draw.normal(n, m), watch=True),),
            "untouched",
            options=TIGHT,
        ),
    ]


# ------------------------------------------------------------------------------- the scores


def dot_reference(query: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Compute sum_k query_k key_jk, one key at a time, with exact sums."""
    return np.array(
        [math.fsum(float(q) * float(k) for q, k in zip(query, key, strict=True)) for key in keys]
    )


def similarity_checks(draw: Draw) -> list[Check]:
    """Return checks of shapes, signs and zeros."""
    n, d, k = draw.sizes(3, 2, 7)

    def ask(name, query, keys, **more):
        return case(name, "similarity_scores", query, keys, reference=dot_reference, **more)

    half = draw.normal(d)
    return [
        Check(
            "one score for each key",
            "multiply entry by entry, then add up over the features of one key",
            (
                ask("2 keys of 3 features", draw.normal(3), draw.normal(2, 3)),
                ask(f"{n} keys of {d} features", draw.normal(d), draw.normal(n, d)),
                ask(f"{k} keys of {k} features", draw.normal(k), draw.normal(k, k)),
            ),
            options=TIGHT,
            core=True,
            share=2,
        ),
        Check(
            "one key, one feature",
            "one score for each key, on one axis, even when there is a single key",
            (
                ask("one key", draw.normal(d), draw.normal(1, d)),
                ask("one feature", draw.normal(1), draw.normal(n, 1)),
            ),
            options=TIGHT,
        ),
        Check(
            "long, opposite and perpendicular keys",
            "a dot product grows with the length of the key and may be negative or zero",
            (
                ask("perpendicular", np.array([1.0, 2.0]), np.array([[2.0, -1.0], [-4.0, 2.0]])),
                ask("opposite, and a hundred times as long", half, np.stack([-half, 100 * half])),
                ask("a key of zeros", draw.normal(d), np.stack([np.zeros(d), draw.normal(d)])),
            ),
            options=TIGHT,
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as *= writes into the caller's array",
            (ask("query and keys after the call", half, draw.normal(n, d), watch=True),),
            "untouched",
        ),
    ]


# ------------------------------------------------------------------------------- the cosine

COSINE = {"rtol": 0.0, "atol": 1e-6}


def cosine_reference(query: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Scale both vectors to length 1 (a vector of zeros stays), then multiply."""

    def unit(vector):
        numbers = [float(x) for x in vector]
        length = math.hypot(*numbers)
        return [x / length for x in numbers] if length else numbers

    one = unit(query)
    return np.array([math.fsum(a * b for a, b in zip(one, unit(key), strict=True)) for key in keys])


def cosine_checks(draw: Draw) -> list[Check]:
    """Return checks of angles, zero vectors, short and long vectors."""
    n, d, k = draw.sizes(3, 3, 7)

    def ask(name, query, keys, **more):
        return case(name, "cosine_similarity", query, keys, reference=cosine_reference, **more)

    def vectors(count, width, low, high):
        """Draw rows of random directions whose lengths are between low and high."""
        rows = draw.normal(count, width)
        lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True))
        return rows / lengths * draw.uniform(low, high, count, 1)

    def beside(query, low, high, count=1):
        """Draw keys along the query, against it, and elsewhere, of lengths between low and high."""
        along = query / math.sqrt(float(query @ query)) * draw.uniform(low, high, count, 1)
        return np.concatenate([along, -along, vectors(2, len(query), low, high)])

    short, long = vectors(1, d, 1.2e-3, 2e-3)[0], vectors(1, d, 1e3, 1e4)[0]
    middle = vectors(1, d, 1.5, 3.0)[0]
    return [
        Check(
            "the cosine of the angle",
            "the lengths of both vectors, each key with a length of its own",
            (
                ask("2 keys in the plane", np.array([3.0, 4.0]), draw.normal(2, 2)),
                ask(f"{n} keys of {d} features", middle, vectors(n, d, 0.3, 3.0)),
                ask(f"{k} keys of {k} features", draw.normal(k), vectors(k, k, 0.3, 3.0)),
                ask("one key", draw.normal(d), vectors(1, d, 2.0, 3.0)),
            ),
            options=COSINE,
            core=True,
            share=2,
        ),
        Check(
            "a vector of zeros",
            "what 0/0 is, and that the query can be the vector of zeros too",
            (
                ask(
                    "one of three keys is zero",
                    draw.normal(d),
                    np.stack([draw.normal(d), np.zeros(d), draw.normal(d)]),
                ),
                ask("the query is zero", np.zeros(d), draw.normal(n, d)),
                ask("both are zero", np.zeros(d), np.zeros((2, d))),
            ),
            options=COSINE,
        ),
        Check(
            "very short and very long vectors",
            "a cosine ignores lengths, but a constant that is added to them counts where they "
            "are small: the product of two lengths of a thousandth is 1e-6",
            (
                ask("lengths of a thousandth", short, beside(short, 1.2e-3, 2e-3)),
                ask("lengths of thousands", long, beside(long, 1e3, 1e4)),
                ask("a long query and short keys", long, beside(long, 1.2e-3, 2e-3)),
            ),
            options=COSINE,
        ),
        Check(
            "between -1 and 1",
            "vectors that point the same way: the cosine is 1, up to rounding in float64",
            (
                ask("the same and the opposite way", middle, beside(middle, 0.5, 2.0, 8)),
                ask("the same way, short", short, beside(short, 1.2e-3, 2e-3, 8)),
            ),
            "bounded",
            options=COSINE | {"low": -1.0, "high": 1.0, "slack": 1e-12},
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as /= writes into the caller's array",
            (ask("query and keys after the call", draw.normal(d), draw.normal(n, d), watch=True),),
            "untouched",
            options=COSINE,
        ),
    ]


# ------------------------------------------------------------------------------- attention


def attention_row(query, keys, values) -> tuple[list[float], list[float]]:
    """Return (output, weights) of one query, one float at a time, with exact sums."""
    scores = [
        math.fsum(float(q) * float(k) for q, k in zip(query, key, strict=True)) for key in keys
    ]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = math.fsum(powers)
    weights = [power / total for power in powers]
    columns = range(len(values[0]))
    output = [
        math.fsum(w * float(v[c]) for w, v in zip(weights, values, strict=True)) for c in columns
    ]
    return output, weights


def attention_reference(query, keys, values) -> list[float]:
    """Return the output alone, as a list."""
    return attention_row(query, keys, values)[0]


def attention_checks(draw: Draw) -> list[Check]:
    """Return checks of the worked example, shapes, types and large scores."""
    n, d, d_v = draw.sizes(3, 2, 6)
    k = draw.integer(3, 5)

    def ask(name, query, keys, values, **more):
        more.setdefault("reference", attention_reference)
        return case(name, "attention", query, keys, values, **more)

    def asked(name, rows, width, wide_value, scale=1.0, **more):
        query, keys = draw.normal(width), draw.normal(rows, width, scale=scale)
        return ask(name, query, keys, draw.normal(rows, wide_value), **more)

    plain = (draw.normal(d), draw.normal(n, d), draw.normal(n, d_v))
    whole = [draw.integer(-2, 2) for _ in range(2)]
    return [
        Check(
            "the worked example",
            "the three steps by hand: scores 0.15 and 0.25, then weights, then the average",
            (
                ask(
                    "query [0.5, 0.5]",
                    [0.5, 0.5],
                    [[0.1, 0.2], [0.2, 0.3]],
                    [[0.6, 0.8], [0.7, 0.9]],
                    reference=lambda *_: [0.652497918747894, 0.852497918747894],
                ),
            ),
            "same_numbers",
            options={"rtol": 0.0, "atol": 1e-15},
        ),
        Check(
            "a weighted average of the values",
            "which vectors are compared, along which axis the weights sum to 1, what is averaged",
            (
                asked("2 keys of 3 features, values of 2", 2, 3, 2),
                asked(f"{n} keys of {d} features, values of {d_v}", n, d, d_v),
                asked(f"{k} keys of {k} features, values of {k}", k, k, k),
                asked("one key", 1, d, d_v),
                ask(
                    "perpendicular keys",
                    np.array([1.0, 1.0]),
                    np.array([[1.0, -1], [2, -2]]),
                    draw.normal(2, 3),
                ),
            ),
            "same_numbers",
            options={"rtol": 1e-6, "atol": 1e-9},
            core=True,
            share=2,
        ),
        Check(
            "lists as well as arrays",
            "what a plain list cannot do: it has no shape and no @",
            (
                ask("three lists", *(array.tolist() for array in plain)),
                ask("a list and two arrays", plain[0].tolist(), plain[1], plain[2]),
                ask("whole numbers", whole, [[1, 0], [0, 1], [1, 2]], [[3, 0], [0, 2], [1, 1]]),
            ),
            "same_numbers",
            options=TIGHT,
        ),
        Check(
            "a Python list of floats comes back",
            "the type of the result: a list, not an array, not a list of lists",
            (
                ask("from lists", *(array.tolist() for array in plain)),
                ask("from arrays", *plain),
                asked("values of 1 feature", n, d, 1),
            ),
            options={"rtol": 1e-6, "atol": 1e-9},
        ),
        Check(
            "large scores",
            "what exp does to 1000, and what subtracting the same number from every score changes",
            (
                asked("scores in the hundreds", n, d, d_v, scale=300.0),
                ask(
                    "scores -900, 1000, 1001 and -800",
                    np.array([1000.0, 0.0]),
                    np.array([[-0.9, 0.0], [1.0, 0.0], [1.001, 0.0], [-0.8, 0.0]]),
                    draw.normal(4, 3),
                ),
                ask(
                    "scores near -1000",
                    np.array([-1000.0, 0.0]),
                    np.array([[1.0, 0.5], [1.0, 0.2], [1.001, 0.0]]),
                    draw.normal(3, 2),
                ),
            ),
            "same_numbers",
            options=LARGE,
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as *= writes into the caller's array",
            (ask("query, keys and values after the call", *plain, watch=True),),
            "untouched",
        ),
    ]


def batched_reference(queries, keys, values) -> tuple[np.ndarray, np.ndarray]:
    """Attend with one query after the other."""
    rows = [attention_row(query, keys, values) for query in queries]
    return np.array([output for output, _ in rows]), np.array([weights for _, weights in rows])


MANY = 1250  # more than NumPy prints in full
CALLS, LOOKED_AT = 64, 4  # large calls that are timed, and how many outputs are compared


def batched_checks(draw: Draw) -> list[Check]:
    """Return checks of output and weights, and of how they are computed."""
    m, n, d, d_v = draw.sizes(4, 2, 7)
    k = draw.integer(3, 4)

    def ask(name, queries, keys, values, **more):
        return case(
            name, "batched_attention", queries, keys, values, reference=batched_reference, **more
        )

    def asked(name, queries, rows, width, wide_value, scale=1.0, **more):
        return ask(
            name,
            draw.normal(queries, width, scale=scale),
            draw.normal(rows, width),
            draw.normal(rows, wide_value),
            **more,
        )

    def timed(name, queries, rows):
        """Make a timed case: many large calls, before a small one.

        What is timed must be an answer. So the outputs of some large calls, drawn by lot, are
        looked at: each comes back in the result of one more call, of which they are the queries.
        """
        arrays = (draw.normal(queries, 2), draw.normal(rows, 2), draw.normal(rows, 1))
        due, _ = batched_reference(*arrays)
        two = np.array([[0.0], [1.0]])
        large = Step("large", "batched_attention", arrays, times=CALLS, every=("outputs", 0))
        after = tuple(
            Step(f"of call {call}", "batched_attention", (Ref("outputs", (int(call),)), two, two))
            for call in draw.permutation(CALLS)[:LOOKED_AT]
        )
        return case(
            name,
            "batched_attention",
            *(draw.normal(1, 1) for _ in arrays),
            reference=lambda *small: (
                batched_reference(*small),
                *(batched_reference(due, two, two) for _ in after),
            ),
            how={"steps": (large,), "after": after, "timed": True},
        )

    far = np.array([[900.0, 0.0], [0.0, -1000.0], [0.5, 0.5]])
    return [
        Check(
            "output and weights, a row for each query",
            "the order of the pair, the shapes (m, d_v) and (m, n), the axis that sums to 1",
            (
                asked("2 queries, 3 keys", 2, 3, 2, 1),
                asked(f"{m} queries, {n} keys of {d} features, values of {d_v}", m, n, d, d_v),
                asked(f"{k} queries, {k} keys of {k} features, values of {k}", k, k, k, k),
            ),
            options=TIGHT,
            core=True,
            share=2,
        ),
        Check(
            "one query, one key",
            "axes of length 1 stay",
            (
                asked("one query", 1, n, d, d_v),
                asked("one key", m, 1, d, d_v),
                asked("one of each", 1, 1, 1, 1),
            ),
            options=TIGHT,
        ),
        Check(
            "large scores",
            "the largest score of each row on its own: rows may be thousands apart",
            (
                ask(
                    "one row from -810 to 990, one near -1000, one near 0",
                    far,
                    np.array([[-0.9, 1.004], [1.0, 1.0], [1.1, 1.002], [-0.8, 1.006]]),
                    draw.normal(4, 3),
                ),
                asked("scores in the hundreds", m, n, d, d_v, scale=300.0),
            ),
            options=LARGE,
        ),
        Check(
            "no loop over the queries",
            "one product of two matrices gives the scores of all queries",
            # The counts are made where the answer runs. The judge's clock tests them: the time of
            # 80 000 queries in many calls over that of as many keys is, measured, 0.04 to 1.4 for
            # answers that pass, 14 for one that prints the queries as a list, and 75 or more for a
            # softmax per query. One product per query (13) passes if the counts are forged.
            (
                asked("64 queries", 64, 2, 2, 1, how={"counted": "instructions"}),
                asked("512 queries", 512, 2, 2, 1, how={"counted": "instructions"}),
                asked("16 queries, by rows", 16, 2, 2, 1, how={"counted": "rows"}),
                asked("128 queries, by rows", 128, 2, 2, 1, how={"counted": "rows"}),
                timed("many keys", 4, MANY),
                timed("many queries", MANY, 4),
            ),
            "single_query_attention.no_query_loop",
            options=TIGHT
            | {
                "each": 4,
                "slower": 40.0,
                "names": {"loop": "loops_over_queries", "call": "maps_over_queries"},
            },
            share=3,
            slow=True,
        ),
        Check(
            "the inputs are left alone",
            "an in-place operation such as -= writes into the caller's array",
            (asked("the three arrays after the call", m, n, d, d_v, watch=True),),
            "untouched",
        ),
    ]


# ------------------------------------------------------------------------------ design a query


def alike_keys(draw: Draw, n: int, d: int) -> np.ndarray:
    """Draw n ≤ d independent but similar keys, which a naive design cannot tell apart."""
    while True:
        keys = draw.normal(n, d) + 2.0 * draw.normal(d)
        if np.linalg.cond(keys) < 100:
            return keys


def nearly_dependent_keys(draw: Draw, n: int, d: int, condition: float) -> np.ndarray:
    """Draw n ≤ d keys whose singular values fall from 3 to 3 / condition."""
    left, _, right = np.linalg.svd(alike_keys(draw, n, d), full_matrices=False)
    return left @ np.diag(np.geomspace(3.0, 3.0 / condition, n)) @ right


def design_checks(draw: Draw) -> list[Check]:
    """Return checks of the query's attention; any query with the right properties passes."""
    n = draw.integer(4, 6)
    several = [int(j) for j in draw.permutation(n)]

    def ask(name, keys, wanted, sharpness):
        return question(name, "design_query", keys, wanted, sharpness)

    def alike(name, count, width, wanted, sharpness):
        return ask(name, alike_keys(draw, count, width), wanted, sharpness)

    falling = sorted(several[:2], reverse=True)
    watched = Ask("design_query", (alike_keys(draw, n, n), falling, 2.0), watch=True)
    return [
        Check(
            "an even split, and less for the others",
            "which score each key has to get: query · key, for wanted keys and for the others",
            (
                alike("2 keys, one wanted", 2, 2, [1], 3.0),
                alike("3 keys, two wanted", 3, 3, [2, 0], 4.0),
                alike(f"{n} keys, two wanted", n, n, several[:2], 3.0),
                alike(f"{n} keys, three wanted", n, n, several[:3], 5.0),
            ),
            "single_query_attention.splits_attention",
            options={"mass": False},
            core=True,
            share=2,
        ),
        Check(
            "enough of the attention",
            "how much the other keys get together, and how that grows with their number",
            (
                alike("5 keys, one wanted", 5, 5, [3], 3.0),
                alike("7 keys, two wanted", 7, 7, [6, 2], 2.0),
                alike("9 keys, one wanted", 9, 9, [0], 6.0),
            ),
            "single_query_attention.splits_attention",
            share=2,
        ),
        Check(
            "blunt and sharp",
            "what sharpness has to do with the difference of two scores",
            (
                alike("sharpness 0.1", 6, 6, [4], 0.1),
                alike("sharpness 1", 6, 6, [1, 5], 1.0),
                alike("sharpness 30", 6, 6, [0, 3], 30.0),
            ),
            "single_query_attention.splits_attention",
        ),
        Check(
            "one key, and all keys wanted",
            "when every key is wanted, an even split is all that is asked",
            (
                alike("a single key", 1, 1, [0], 2.0),
                alike(f"all {n} keys", n, n, several, 3.0),
            ),
            "single_query_attention.splits_attention",
        ),
        Check(
            "more features than keys",
            "fewer equations than unknowns: many queries solve them, and the matrix is not square",
            (
                alike("2 keys of 5 features", 2, 5, [0], 3.0),
                alike(f"{n} keys of {n + 4} features", n, n + 4, several[1:3], 4.0),
            ),
            "single_query_attention.splits_attention",
        ),
        Check(
            "keys that are nearly dependent",
            "how accurately the equations are solved: weights must agree to one part in a million",
            (
                ask("condition 900", nearly_dependent_keys(draw, 4, 6, 900.0), [1, 2], 5.0),
                ask(
                    "condition 900, sharpness 30",
                    nearly_dependent_keys(draw, 5, 5, 900.0),
                    [4, 0, 2],
                    30.0,
                ),
            ),
            "single_query_attention.splits_attention",
        ),
        Check(
            "the inputs are left alone",
            "writing into keys, or sorting wanted in place, changes what the caller holds",
            (Case("keys and wanted after the call", watched, Reply(args=watched.args)),),
            "untouched",
        ),
    ]


EXERCISES = [
    Exercise(
        "similarity_scores",
        1,
        similarity_checks,
        hints=(
            "Take one key and the query. Which entries of the two belong together?",
            "Multiply entries that stand for the same feature and add the products up: one number "
            "for each key. A matrix times a vector does this for every row of the matrix.",
            "for each key j:\n"
            "    score[j] ← sum over features k of query[____] times keys[____, ____]\n"
            "(or one product of a matrix of shape ____ and a vector of shape ____)",
        ),
    ),
    Exercise(
        "cosine_similarity",
        3,
        cosine_checks,
        hints=(
            "Two keys point the same way, and one is ten times as long. How do their dot products "
            "with the query differ, and what would make the difference go away?",
            "Divide each dot product by the length of the query and by the length of that key. "
            "A vector of length zero has no direction: decide what to divide by in that case, so "
            "that the answer is 0 and every other answer stays exact.",
            "dots ← one dot product for each key\n"
            "lengths ← (length of ____) times (length of each ____)\n"
            "divisor ← lengths, but ____ where lengths is ____\n"
            "answer ← dots divided by ____",
        ),
        uses=("similarity_scores",),
    ),
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
    Exercise(
        "attention",
        4,
        attention_checks,
        hints=(
            "Compare, normalize, combine: you have written the first two steps already.",
            "The weights say how much of each value goes into the answer. Lists become arrays on "
            "the way in, and the array becomes a list of floats on the way out.",
            "query, keys, values ← each as an array of ____\n"
            "scores ← query compared with ____\n"
            "weights ← ____ of scores\n"
            "answer ← sum over j of weights[j] times ____\n"
            "return answer as ____",
        ),
        uses=("softmax", "similarity_scores"),
    ),
    Exercise(
        "batched_attention",
        4,
        batched_checks,
        hints=(
            "Write the shapes on paper first: what has shape (m, n), and which two arrays could "
            "have made it?",
            "Entry (i, j) of the scores is the dot product of query i and key j: a product of two "
            "matrices, one of them transposed. Each row of scores belongs to one query, so each "
            "row becomes weights on its own.",
            "scores (m, n) ← queries (m, d) times ____ (d, n)\n"
            "weights (m, n) ← softmax of scores along axis ____\n"
            "output (m, d_v) ← weights (m, n) times ____ (n, d_v)\n"
            "return the pair (____, ____)",
        ),
        uses=("softmax", "similarity_scores", "attention"),
        returns=("output", "weights"),
    ),
    Exercise(
        "design_query",
        5,
        design_checks,
        hints=(
            "You choose the weights, so work backwards: which scores would give them?",
            "Equal weights come from equal scores. Give every wanted key one score and every other "
            "key a lower one; how far apart they must be follows from sharpness and from how "
            "many keys there are. Then the query solves linear equations, one for each key.",
            "gap ← a difference of scores for which the others, all together, get at most "
            "exp(-sharpness):\n"
            "    depends on ____ and on the number of ____\n"
            "target[j] ← gap if j is ____, otherwise ____\n"
            "query ← a solution of (____ times query = target); there may be more unknowns than "
            "equations",
        ),
        uses=("softmax", "attention"),
    ),
]
