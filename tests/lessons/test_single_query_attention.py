"""Laws of lesson 1, against plain Python and the course's own worked example."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from solutions.single_query_attention import (
    attention,
    batched_attention,
    cosine_similarity,
    design_query,
    similarity_scores,
    softmax,
)

RNG = np.random.default_rng(1)
ROWS = hnp.arrays(np.float64, st.integers(1, 8), elements=st.floats(-1e4, 1e4))


def test_the_worked_example_to_the_last_digits() -> None:
    output = attention([0.5, 0.5], [[0.1, 0.2], [0.2, 0.3]], [[0.6, 0.8], [0.7, 0.9]])
    assert type(output) is list and all(type(x) is float for x in output)
    assert output == pytest.approx([0.652497918747894, 0.852497918747894], abs=1e-15, rel=0)


@given(ROWS)
@settings(max_examples=200, deadline=None)
def test_weights_are_a_distribution_that_only_differences_decide(scores: np.ndarray) -> None:
    weights = softmax(scores)
    assert (weights >= 0).all() and abs(weights.sum() - 1) < 1e-12
    np.testing.assert_allclose(softmax(scores + 7.0), weights, atol=1e-9)
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    np.testing.assert_allclose(weights, np.array(powers) / math.fsum(powers), rtol=1e-12)


def test_the_output_is_an_average_of_the_values() -> None:
    query, keys, values = RNG.normal(size=4), RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3))
    output = np.array(attention(query, keys, values))
    assert (output <= values.max(0) + 1e-12).all() and (output >= values.min(0) - 1e-12).all()


def test_a_query_does_not_care_in_which_order_the_pairs_stand() -> None:
    query, keys, values = RNG.normal(size=4), RNG.normal(size=(5, 4)), RNG.normal(size=(5, 3))
    order = RNG.permutation(5)
    moved = attention(query, keys[order], values[order])
    np.testing.assert_allclose(moved, attention(query, keys, values), rtol=1e-12)


def test_many_queries_are_one_query_many_times() -> None:
    queries, keys, values = (
        RNG.normal(size=(3, 4)),
        RNG.normal(size=(5, 4)),
        RNG.normal(size=(5, 2)),
    )
    output, weights = batched_attention(queries, keys, values)
    for row, query in enumerate(queries):
        np.testing.assert_allclose(output[row], attention(query, keys, values), rtol=1e-12)
        np.testing.assert_allclose(
            weights[row], softmax(similarity_scores(query, keys)), rtol=1e-12
        )


def test_cosine_is_blind_to_length_and_calm_about_nothing() -> None:
    query, keys = RNG.normal(size=4), RNG.normal(size=(5, 4))
    np.testing.assert_allclose(cosine_similarity(100 * query, keys), cosine_similarity(query, keys))
    keys[2] = 0
    assert cosine_similarity(query, keys)[2] == 0
    assert (cosine_similarity(np.zeros(4), keys) == 0).all()


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 5.0, 30.0])
def test_a_designed_query_splits_evenly_and_ignores_the_rest(sharpness: float) -> None:
    keys = RNG.normal(size=(4, 6))
    wanted = [0, 2]
    weights = softmax(keys @ design_query(keys, wanted, sharpness))
    assert weights[wanted].sum() >= 1 - math.exp(-sharpness)
    assert weights[0] == pytest.approx(weights[2], rel=1e-6)
