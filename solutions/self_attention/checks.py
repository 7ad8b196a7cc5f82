"""Lesson 2's specification: PyTorch answers, references in NumPy, one query at a time.

Float64 cases use a d_k whose square root is a power of two, so that a scale computed in float32
(a common idiom) is exact and only a loss of precision in the data shows. For the same reason the
large scores in float32 are made of whole numbers: no order of operations rounds them.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from grader.course.specification import Draw, Exercise, case, tensor
from grader.protocol.values import Ask, Case, Check

# A fused float32 kernel may be off by the last digit of a score of 1000; overflow is far worse.
ROUGH = {"rtol": 2e-3, "atol": 2e-4}
# Where gradients or inputs are the point, a value rounded to float32 is another check's business.
ROUNDED = {"rtol": 1e-4, "atol": 1e-6}
DTYPES = "float32 and float64"


def by_value(checks: list[Check]) -> list[Check]:
    """Leave the dtype of results to the one check about it, so that a slip fails that alone."""
    return [
        check
        if check.name == DTYPES
        else dataclasses.replace(check, options={"dtype": False} | check.options)
        for check in checks
    ]


def attention_reference(
    query: np.ndarray, key: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute scores, weights and weighted mean for one batch entry and one query at a time."""
    batch, n_q, n_k = query.shape[:-2], query.shape[-2], key.shape[-2]
    output = np.empty((*batch, n_q, value.shape[-1]))
    weights = np.empty((*batch, n_q, n_k))
    for place in np.ndindex(*batch, n_q):
        entry = place[:-1]
        scores = [float(np.dot(query[place], k)) / math.sqrt(len(k)) for k in key[entry]]
        top = max(scores)
        powers = [math.exp(score - top) for score in scores]
        total = math.fsum(powers)
        weights[place] = [power / total for power in powers]
        output[place] = sum(w * v for w, v in zip(weights[place], value[entry], strict=True))
    return output, weights


def scaled_dot_product_attention_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``scaled_dot_product_attention``."""
    n_q, n_k, d_k, d_v = draw.sizes(4, 2, 7)
    b, h, g = draw.sizes(3, 2, 4)
    square, width = draw.sizes(2, 3, 5)

    def ask(name, query, key, value, dtype="float32", **more):
        arrays = (tensor(array, dtype) for array in (query, key, value))
        target = "scaled_dot_product_attention"
        return case(name, target, *arrays, reference=attention_reference, **more)

    def random(name, sizes, batch=(), dtype="float32", scale=1.0, **more):
        """Make a case of sizes (n_q, n_k, d_k, d_v); a larger ``scale`` makes larger scores."""
        q, k, d, v = sizes
        return ask(
            name,
            draw.normal(*batch, q, d, scale=scale),
            draw.normal(*batch, k, d),
            draw.normal(*batch, k, v),
            dtype,
            **more,
        )

    def far(name, tops, drop, dtype="float32"):
        """Make a case of whole-numbered queries and keys, one row of scores for each of ``tops``.

        The two largest scores are near the row's top, the first and the last are far below it: by
        ``drop``, and by half of that.
        """
        width = 16
        query = draw.rng.integers(-3, 4, size=(len(tops), width)).astype(float)
        key = draw.rng.integers(-3, 4, size=(4, width)).astype(float)
        query[:, 0], key[:, 0] = tops, math.sqrt(width)
        query[:, 1], key[:, 1] = drop, math.sqrt(width) * np.array([-1, 0, 0, -0.5])
        return ask(name, query, key, draw.normal(4, 3), dtype)

    hole = draw.integer(0, 3)
    axes = draw.permutation(4).astype(int)
    unit = np.eye(4)[axes] * draw.uniform(0.5, 3, 4, 1)
    return by_value(
        [
            Check(
                "one sequence",
                "the scores (every query against every key), the number they are divided by, and "
                "the axis along which the weights sum to 1",
                (
                    random("2 queries, 3 keys, d_k = 5, d_v = 1", (2, 3, 5, 1)),
                    random(
                        f"{n_q} queries, {n_k} keys, d_k = {d_k}, d_v = {d_v}", (n_q, n_k, d_k, d_v)
                    ),
                    random(
                        f"{n_k} queries, {n_q} keys, d_k = {d_v}, d_v = {d_k}", (n_k, n_q, d_v, d_k)
                    ),
                    random(
                        f"{square} queries and {square} keys, all vectors of width {width}",
                        (square, square, width, width),
                    ),
                    random(f"everything {width} long and wide", (width, width, width, width)),
                ),
                core=True,
                share=2,
            ),
            Check(
                "batch axes",
                "which two axes are transposed, and that axes are counted from the end",
                (
                    random(f"one batch axis: ({b},)", (2, 3, 5, 4), (b,)),
                    random(f"two batch axes: ({b}, {h})", (3, 2, 4, 5), (b, h)),
                    random(f"three batch axes: ({g}, {b}, {h})", (3, 4, 5, 2), (g, b, h)),
                    random("a batch of one", (3, 2, 5, 4), (1,)),
                    random(
                        f"equal sizes and two batch axes of {square}",
                        (square, square, width, width),
                        (square, square),
                    ),
                ),
                share=2,
            ),
            Check(
                "special keys",
                "what the weights are when all scores are equal, and what a score of exactly 0 "
                "means",
                (
                    random("a single key", (3, 1, d_k, d_v)),
                    random("a single query", (1, n_k, d_k, d_v)),
                    random("vectors of width 1", (3, 2, 1, 1)),
                    ask(
                        "queries of zeros",
                        np.zeros((2, d_k)),
                        draw.normal(3, d_k),
                        draw.normal(3, d_v),
                    ),
                    ask(
                        "equal keys",
                        draw.normal(2, d_k),
                        np.repeat(draw.normal(1, d_k), 3, axis=0),
                        draw.normal(3, d_v),
                    ),
                    ask(
                        "keys at right angles to the query",
                        unit[hole : hole + 1],
                        unit,
                        draw.normal(4, 3),
                    ),
                ),
            ),
            Check(
                "large scores",
                "what exp does to a large number, and whether one row of scores can spoil another",
                (
                    far("rows up to 300, -300 and 0", (300, -300, 0), 400),
                    far("all scores below -1400", (-1500, -1500), 400),
                    far("rows up to 10000, -10000 and 0, float64", (1e4, -1e4, 0), 3e3, "float64"),
                    random(
                        "scores hundreds apart, float64", (3, 4, 16, 2), dtype="float64", scale=150
                    ),
                ),
                options=ROUGH,
            ),
            Check(
                DTYPES,
                "the dtype of the result, and whether anything on the way is fixed to one dtype",
                (
                    random("float32", (3, 5, 4, 2)),
                    random("float64", (3, 5, 4, 2), dtype="float64", scale=4),
                    random("float64 with a batch axis", (2, 3, 16, 5), (2,), "float64", scale=4),
                ),
            ),
            Check(
                "gradients",
                "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
                (
                    random(
                        "of all three inputs", (2, 3, 4, 2), dtype="float64", grad="012", draw=draw
                    ),
                ),
                options=ROUNDED,
            ),
            Check(
                "the inputs are left alone",
                "an operation that writes into the caller's tensor, such as /= or a name that "
                "ends in _",
                (
                    random("query, key and value after the call", (n_q, n_k, d_k, d_v), watch=True),
                    random("the same in float64", (2, 3, 4, 5), (2,), "float64", watch=True),
                ),
                rule="untouched",
                options=ROUNDED,
            ),
        ]
    )


def self_attention_reference(
    weights: dict[str, np.ndarray], x: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Apply the three maps by einsum, then the reference above."""
    maps = (weights[f"{name}.weight"] for name in ("W_query", "W_key", "W_value"))
    return attention_reference(*(np.einsum("...m,km->...k", x, matrix) for matrix in maps))


def self_attention_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``SelfAttention``."""
    n, d_model, d_k, d_v = draw.sizes(4, 2, 6)
    b, h, g = draw.sizes(3, 2, 4)
    square = draw.integer(3, 5)

    def loaded(sizes, dtype="float32", whole=False):
        """Draw weights of the three maps: normal, or whole numbers."""
        m, k, v = sizes

        def fill(rows):
            numbers = draw.rng.integers(-2, 3, size=(rows, m)) if whole else draw.normal(rows, m)
            return numbers.astype(dtype)

        return {
            "W_query.weight": fill(k),
            "W_key.weight": fill(k),
            "W_value.weight": fill(v) / (32 if whole else 1),
        }

    def ask(name, x, weights, dtype="float32", **more):
        rows = {part: len(weights[f"{part}.weight"]) for part in ("W_query", "W_value")}
        return case(
            name,
            "SelfAttention",
            tensor(x, dtype),
            reference=self_attention_reference,
            init=(x.shape[-1], rows["W_query"], rows["W_value"]),
            weights=weights,
            **more,
        )

    def random(name, length, sizes, batch=(), dtype="float32", **more):
        """Make a case of ``length`` positions and sizes (d_model, d_k, d_v)."""
        x = draw.normal(*batch, length, sizes[0])
        return ask(name, x, loaded(sizes, dtype), dtype, **more)

    def whole(name, factor, dtype="float32"):
        """Make a case of whole numbers: large scores are exact in any order of operations."""
        x = draw.rng.integers(-3, 4, size=(4, 3)).astype(float) * factor
        return ask(name, x, loaded((3, 4, 2), dtype, whole=True), dtype)

    def with_scores(name, scores):
        """Make a case of 3 positions with exactly these scaled scores."""
        weights = loaded((3, 4, 2))
        weights["W_query.weight"][:] = 2 * np.eye(4, 3)
        weights["W_key.weight"][:] = [*scores, (0, 0, 0)]
        return ask(name, np.eye(3), weights)

    again = random("asked twice", 3, (4, 5, 2))
    twice = tuple(
        Case(name, Ask(again.ask.target, again.ask.args, {}, again.ask.init, again.ask.weights))
        for name in ("asked once", "asked again")
    )
    every = ("0", "W_query.weight", "W_key.weight", "W_value.weight")
    return by_value(
        [
            Check(
                "one sequence",
                "which map makes the queries, which the keys and which the values, and the width "
                "by which the scores are scaled",
                (
                    random("2 positions, d_model = 3, d_k = 5, d_v = 1", 2, (3, 5, 1)),
                    random(
                        f"{n} positions, d_model = {d_model}, d_k = {d_k}, d_v = {d_v}",
                        n,
                        (d_model, d_k, d_v),
                    ),
                    random(
                        f"{d_k} positions, d_model = {d_v}, d_k = {n}, d_v = {d_model}",
                        d_k,
                        (d_v, n, d_model),
                    ),
                    random(f"everything {square} long and wide", square, (square, square, square)),
                ),
                core=True,
                share=2,
            ),
            Check(
                "batch axes",
                "that axes are counted from the end, and that no entry of a batch looks into "
                "another",
                (
                    random(f"one batch axis: ({b},)", 3, (4, 5, 2), (b,)),
                    random(f"two batch axes: ({b}, {h})", 4, (3, 2, 5), (b, h)),
                    random(f"three batch axes: ({g}, {b}, {h})", 2, (5, 3, 4), (g, b, h)),
                    random("a batch of one", 3, (5, 4, 2), (1,)),
                ),
                share=2,
            ),
            Check(
                "special sequences",
                "what comes out for a position that is alone, and for positions that are equal",
                (
                    random("a single position", 1, (d_model, d_k, d_v)),
                    ask(
                        "equal positions",
                        np.repeat(draw.normal(1, d_model), 3, axis=0),
                        loaded((d_model, d_k, d_v)),
                    ),
                    ask("positions of zeros", np.zeros((3, d_model)), loaded((d_model, d_k, d_v))),
                ),
            ),
            Check(
                "large scores",
                "what exp does to a large number, and whether one row of scores can spoil another",
                (
                    whole("scores in the hundreds", 3),
                    whole("scores around a thousand", 6),
                    with_scores(
                        "one row near -3000, one up to 2",
                        [[-3002, -3001, -3000], [-3e3, 2, 1], [0] * 3],
                    ),
                    whole("scores in the tens of thousands, float64", 40, "float64"),
                ),
                options=ROUGH,
            ),
            Check(
                DTYPES,
                "the dtype of the result, and whether anything on the way is fixed to one dtype",
                (
                    random("float32 weights and inputs", 3, (5, 4, 2)),
                    random("float64 weights and inputs", 3, (5, 4, 2), dtype="float64"),
                    random("float64 with a batch axis", 2, (3, 16, 4), (2,), "float64"),
                ),
            ),
            Check(
                "gradients of the input and of the three maps",
                "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
                (random("tiny", 3, (2, 4, 3), dtype="float64", grad=every, draw=draw),),
                options=ROUNDED,
            ),
            Check(
                "the same answer twice",
                "what is created anew in every call although the layer should keep it",
                twice,
                rule="repeatable",
                options={"names": "fresh_weights"},
            ),
            Check(
                "the input is left alone",
                "an operation that writes into the caller's tensor, such as /= or a name that "
                "ends in _",
                (
                    random("x after the call", 3, (4, 5, 2), (2,), watch=True),
                    random("x after the call, float64", 4, (3, 2, 5), dtype="float64", watch=True),
                ),
                rule="untouched",
                options=ROUNDED,
            ),
        ]
    )


def additive_reference(
    query: np.ndarray, keys: np.ndarray, w_q: np.ndarray, w_k: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Score one key at a time, one hidden unit at a time."""
    from_query = [math.fsum(row * query) for row in w_q]
    scores = [
        math.fsum(
            weight * math.tanh(asked + math.fsum(row * k))
            for weight, asked, row in zip(v, from_query, w_k, strict=True)
        )
        for k in keys
    ]
    return np.array(scores)


def additive_scores_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``additive_scores``."""
    n, d_q, d_k, a = draw.sizes(4, 2, 6)
    square = draw.integer(3, 5)

    def ask(name, sizes, dtype="float32", scale=1.0, **more):
        """Make a case of sizes (n, d_q, d_k, a); ``scale`` enlarges the arguments of tanh."""
        count, q, k, units = sizes
        arrays = (
            draw.normal(q, scale=scale),
            draw.normal(count, k, scale=scale),
            draw.normal(units, q),
            draw.normal(units, k),
            draw.normal(units),
        )
        given = (tensor(array, dtype) for array in arrays)
        return case(name, "additive_scores", *given, reference=additive_reference, **more)

    return by_value(
        [
            Check(
                "the formula",
                "what goes into tanh, and what is done with its result",
                (
                    ask("2 keys of width 3, a query of width 1, 4 hidden units", (2, 1, 3, 4)),
                    ask(
                        f"{n} keys of width {d_k}, a query of width {d_q}, {a} hidden units",
                        (n, d_q, d_k, a),
                    ),
                    ask(
                        f"{a} keys of width {d_q}, a query of width {d_k}, {n} hidden units",
                        (a, d_k, d_q, n),
                    ),
                    ask(f"everything {square} long and wide", (square, square, square, square)),
                ),
                core=True,
                share=3,
            ),
            Check(
                "sizes of one",
                "the shape of the result when there is a single key or a single hidden unit",
                (
                    ask("a single key", (1, d_q, d_k, a)),
                    ask("a single hidden unit", (3, d_q, d_k, 1)),
                    ask("vectors of width 1", (3, 1, 1, 2)),
                ),
            ),
            Check(
                "large vectors",
                "what tanh gives for large arguments, and whether every step can cope with them",
                (ask("arguments in the hundreds", (n, d_q, d_k, a), scale=200),),
                options=ROUGH,
            ),
            Check(
                DTYPES,
                "the dtype of the result, and whether anything on the way is fixed to one dtype",
                (
                    ask("float32", (n, d_q, d_k, a)),
                    ask("float64", (n, d_q, d_k, a), "float64"),
                    ask("float64, longer", (7, 5, 6, 8), "float64"),
                ),
            ),
            Check(
                "gradients",
                "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
                (ask("of all five inputs", (2, 3, 2, 4), "float64", grad="01234", draw=draw),),
                options=ROUNDED,
            ),
            Check(
                "the inputs are left alone",
                "an operation that writes into the caller's tensor, such as += or a name that "
                "ends in _",
                (ask("all five inputs after the call", (n, d_q, d_k, a), watch=True),),
                rule="untouched",
                options=ROUNDED,
            ),
        ]
    )


def multiplicative_reference(query: np.ndarray, keys: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Sum q_i W_ij k_j over i and j, one key at a time."""
    return np.array(
        [
            math.fsum(query[i] * w[i, j] * k[j] for i in range(len(query)) for j in range(len(k)))
            for k in keys
        ]
    )


def multiplicative_scores_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``multiplicative_scores``."""
    n, d_q, d_k = draw.sizes(3, 2, 6)
    square = draw.integer(3, 5)

    def ask(name, sizes, dtype="float32", scale=1.0, **more):
        """Make a case of sizes (n, d_q, d_k)."""
        count, q, k = sizes
        arrays = (
            draw.normal(q, scale=scale),
            draw.normal(count, k, scale=scale),
            draw.normal(q, k),
        )
        given = (tensor(array, dtype) for array in arrays)
        target = "multiplicative_scores"
        return case(name, target, *given, reference=multiplicative_reference, **more)

    return by_value(
        [
            Check(
                "the formula",
                "which side of the matrix meets the query and which meets a key",
                (
                    ask("2 keys of width 3, a query of width 1", (2, 1, 3)),
                    ask(f"{n} keys of width {d_k}, a query of width {d_q}", (n, d_q, d_k)),
                    ask(f"{d_q} keys of width {n}, a query of width {d_k}", (d_q, d_k, n)),
                    ask(f"everything {square} long and wide", (square, square, square)),
                ),
                core=True,
                share=3,
            ),
            Check(
                "sizes of one",
                "the shape of the result when there is a single key",
                (ask("a single key", (1, d_q, d_k)), ask("vectors of width 1", (3, 1, 1))),
            ),
            Check(
                DTYPES,
                "the dtype of the result, and whether anything on the way is fixed to one dtype",
                (
                    ask("float32", (n, d_q, d_k)),
                    ask("float64", (n, d_q, d_k), "float64"),
                    ask("float64, longer", (7, 5, 6), "float64"),
                ),
            ),
            Check(
                "gradients",
                "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
                (ask("of all three inputs", (2, 3, 4), "float64", grad="012", draw=draw),),
                options=ROUNDED,
            ),
            Check(
                "the inputs are left alone",
                "an operation that writes into the caller's tensor, such as *= or a name that "
                "ends in _",
                (ask("all three inputs after the call", (n, d_q, d_k), watch=True),),
                rule="untouched",
                options=ROUNDED,
            ),
        ]
    )


def jacobian_reference(weights: np.ndarray) -> np.ndarray:
    """Fill in entry by entry: p_i - p_i^2 on the diagonal, -p_i p_j off it."""
    matrix = np.empty((len(weights), len(weights)))
    for i, j in np.ndindex(*matrix.shape):
        matrix[i, j] = (weights[i] if i == j else 0.0) - weights[i] * weights[j]
    return matrix


def softmax_jacobian_checks(draw: Draw) -> list[Check]:
    """Return the checks of ``softmax_jacobian``."""
    n, m = draw.sizes(2, 4, 7)

    def share(count):
        """Draw ``count`` positive numbers that sum to 1."""
        return draw.rng.dirichlet(np.full(count, 2.0))

    def ask(name, weights, dtype="float32", **more):
        given = tensor(weights, dtype)
        return case(name, "softmax_jacobian", given, reference=jacobian_reference, **more)

    one_hot = np.eye(n)[draw.integer(0, n - 1)]
    return by_value(
        [
            Check(
                "weights that sum to 1",
                "the formula's two matrices: which is diagonal, which is full, which is subtracted",
                (
                    ask("2 weights", share(2)),
                    ask("3 weights", share(3)),
                    ask(f"{n} weights", share(n)),
                ),
                core=True,
                share=3,
            ),
            Check(
                "vectors that do not sum to 1",
                "whether the formula is applied to the vector as it is",
                (
                    ask("positive numbers", draw.uniform(0.5, 2, m)),
                    ask("numbers of both signs", draw.normal(n)),
                    ask("one number", draw.uniform(0.2, 0.8, 1)),
                ),
            ),
            Check(
                "extreme weights",
                "what the formula gives where a weight is exactly 0 or exactly 1",
                (
                    ask("one weight has it all", one_hot),
                    ask("a single weight", np.ones(1)),
                    ask("equal weights", np.full(m, 1 / m)),
                    ask("some weights are 0", np.append(share(m), [0.0, 0.0])),
                ),
            ),
            Check(
                DTYPES,
                "the dtype of the result, and whether anything on the way is fixed to one dtype",
                (
                    ask(f"{n} weights, float32", share(n)),
                    ask(f"{n} weights, float64", share(n), "float64"),
                    ask("any numbers, float64", draw.normal(m), "float64"),
                ),
            ),
            Check(
                "gradients",
                "anything that leaves the graph (detach, data, item, numpy, torch.tensor, no_grad)",
                (
                    ask("of 3 weights", share(3), "float64", grad="0", draw=draw),
                    ask("of any 4 numbers", draw.normal(4), "float64", grad="0", draw=draw),
                ),
                options=ROUNDED,
            ),
            Check(
                "the input is left alone",
                "an operation that writes into the caller's tensor, such as -= or a name that "
                "ends in _",
                (ask("the weights after the call", share(m), watch=True),),
                rule="untouched",
                options=ROUNDED,
            ),
        ]
    )


EXERCISES = [
    Exercise(
        "scaled_dot_product_attention",
        5,
        scaled_dot_product_attention_checks,
        hints=(
            "Write the shapes down first. Which two axes must meet in the first product so that "
            "(..., n_q, n_k) is left? All batch axes stay where they are.",
            "Three steps: one matrix product gives all scores at once, a softmax turns each "
            "query's scores into weights, a second product mixes the values. Between the first "
            "and the second step, divide the scores by the square root of one of the widths. "
            "Count axes from the end (-1, -2), and batch axes take care of themselves.",
            "scores ← query times key with its last ____ axes swapped\n"
            "scores ← scores divided by the square root of ____\n"
            "weights ← softmax of scores along axis ____\n"
            "return weights times ____, and weights",
        ),
        views=("one sequence", "batch axes"),
        returns=("output", "weights"),
    ),
    Exercise(
        "softmax_jacobian",
        3,
        softmax_jacobian_checks,
        hints=(
            "Both terms of the formula are (n, n) matrices made of one vector. What does each "
            "look like for p = (0.5, 0.3, 0.2)?",
            "The first term has p on its diagonal and zeros elsewhere. The second has p_i p_j at "
            "place (i, j): every entry of p times every entry of p, a table, not a number.",
            "first ← matrix with ____ on the diagonal\n"
            "second ← table with entry (i, j) = ____\n"
            "answer ← first ____ second",
        ),
        views=("weights that sum to 1",),
    ),
    Exercise(
        "SelfAttention",
        4,
        self_attention_checks,
        uses=("scaled_dot_product_attention",),
        hints=(
            "Self means that queries, keys and values come from the same x. What makes them "
            "differ from one another?",
            "Each of the three layers in __init__ turns x into one of the three roles; a linear "
            "layer acts on the last axis and leaves the others alone. You have already written "
            "what comes after that.",
            "queries ← x through ____\n"
            "keys ← x through ____\n"
            "values ← x through ____\n"
            "return what ____ gives for the three",
        ),
        views=("one sequence", "batch axes"),
        returns=("output", "weights"),
    ),
    Exercise(
        "additive_scores",
        3,
        additive_scores_checks,
        hints=(
            "Query and key may have different widths. The two matrices bring both to the same "
            "width a; only then can they be added.",
            "Every key meets the same mapped query, so one row per key is enough: (n, a) after "
            "the addition. tanh acts entry by entry, and v turns each row into one number.",
            "asked ← W_q applied to the query, shape ____\n"
            "offered ← W_k applied to every row of keys, shape ____\n"
            "hidden ← tanh of ____\n"
            "answer ← each row of hidden times ____, summed",
        ),
        views=("the formula",),
    ),
    Exercise(
        "multiplicative_scores",
        2,
        multiplicative_scores_checks,
        hints=(
            "Look at the shape of W: which of its axes can meet the query, which a key?",
            "Turn the query into something as wide as a key, once. Then every score is a plain "
            "dot product, and all of them are one matrix-vector product.",
            "mapped ← the query times ____, shape (d_k,)\nanswer ← ____ times mapped, shape ____",
        ),
        views=("the formula",),
    ),
]
