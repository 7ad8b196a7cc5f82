"""The rules that lesson 1 brought: numbers in any wrapping, bounds, designed queries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from grader.protocol.values import Ask, Case, Check, Failure, Reply, Tensor
from grader.rules.properties import bounded, same_numbers
from solutions.single_query_attention.public.rules import splits_attention


def designed(query: Any, keys: Any, wanted: list[int], sharpness: float, **options: Any) -> Any:
    """What the rule says about one query."""
    ask = Ask("design_query", (np.array(keys, float), wanted, sharpness))
    check = Check(
        "c", "look", (Case("p", ask),), "single_query_attention.splits_attention", options
    )
    return splits_attention(check, [Reply(value=query)])


EYE = np.eye(3)


def test_a_query_that_splits_evenly_passes() -> None:
    assert designed(np.array([9.0, 0.0, 9.0]), EYE, [2, 0], 3.0) is None
    assert designed(np.zeros(3), EYE, [0, 1, 2], 30.0) is None
    assert designed(np.array([60.0, 0.0, 0.0]), EYE, [0], 30.0) is None
    assert designed(np.array([900.0, 0.0, 0.0]), EYE, [0], 30.0) is None


def test_the_bound_itself_passes_and_below_it_does_not() -> None:
    for sharpness in (0.1, 1.0, 3.0, 30.0):
        others = 2.0
        gap = math.log(math.expm1(sharpness) * others)  # others / (e^gap + others) = e^-sharpness
        assert designed(np.array([gap, 0.0, 0.0]), EYE, [0], sharpness) is None
        below = gap - 1e-4 if sharpness < 20 else gap - 0.05
        found = designed(np.array([below, 0.0, 0.0]), EYE, [0], sharpness)
        assert found is not None
        assert "not wanted" in found.text


def test_evenness_is_one_in_a_million() -> None:
    assert designed(np.array([40.0, 40.0 + 9e-7, 0.0]), EYE, [0, 1], 3.0) is None
    found = designed(np.array([40.0, 40.0 + 1.1e-6, 0.0]), EYE, [0, 1], 3.0)
    assert found is not None
    assert "should get the same" in found.text


def test_without_the_mass_more_than_the_others_is_enough() -> None:
    assert designed(np.array([1.0, 0.5, 0.0]), EYE, [0], 9.0, mass=False) is None
    assert designed(np.array([1.0, 0.5, 0.0]), EYE, [0], 9.0) is not None
    assert designed(np.array([0.0, 0.0, 0.0]), EYE, [0], 9.0, mass=False) is not None


@pytest.mark.parametrize(
    "query",
    [
        None,
        [9.0, 0.0, 0.0],
        np.zeros(2),
        np.zeros((3, 1)),
        np.array(1.0),
        np.full(3, np.nan),
        np.array([np.inf, 0, 0]),
        np.full(3, 1e308),
        np.array([9.0 + 0j, 0, 0]),
        Tensor(np.array([9.0, 0.0, 0.0])),
    ],
)
def test_what_is_no_query_is_said(query: Any) -> None:
    found = designed(query, np.array([[9.0, 9, 9], [1, -9, 0], [0, 1, 9]]), [0, 1], 3.0)
    assert found is not None
    assert found.text


def replied(rule: Any, value: Any, expected: Any = None, **options: Any) -> Any:
    ask = Ask("f")
    check = Check("c", "look", (Case("p", ask, Reply(value=expected)),), rule.__name__, options)
    reply = value if isinstance(value, Reply) else Reply(value=value)
    return rule(check, [reply])


def test_same_numbers_in_any_wrapping() -> None:
    for value in ([1.0, 2.0], (1.0, 2), np.array([1.0, 2.0]), [np.array(1.0), np.array(2.0)]):
        assert replied(same_numbers, value, [1.0, 2.0]) is None
    wrong = [[1.0, 2.1], [1.0], [[1.0, 2.0]], ["1", "2"], None, [[1.0], [1.0, 2.0]], 1.0]
    for value in (*wrong, Reply(failure=Failure("exception", "ValueError"))):
        assert replied(same_numbers, value, [1.0, 2.0]) is not None


def test_same_numbers_keeps_the_tolerance() -> None:
    options = {"rtol": 0.0, "atol": 1e-15}
    want = [0.652497918747894, 0.852497918747894]
    assert replied(same_numbers, [0.6524979187478939, 0.8524979187478939], want, **options) is None
    assert replied(same_numbers, [0.652497918747892, 0.852497918747894], want, **options)


def test_bounds() -> None:
    options = {"low": -1.0, "high": 1.0, "slack": 1e-12}
    for inside in ([1.0, -1.0], [1.0 + 5e-13], [0.0]):
        assert replied(bounded, np.array(inside), **options) is None
    for outside in ([1.0 + 2e-12], [-1.1], [np.nan]):
        assert replied(bounded, np.array(outside), **options) is not None
    assert replied(bounded, [1.0], **options) is not None
