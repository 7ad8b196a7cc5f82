"""Comparing what an answer gave with what was expected: one difference, whatever was given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grader.protocol.marshal import to_wire
from grader.protocol.values import Ask, Case, Check, Reply, Tensor
from grader.rules.comparing import Tolerance, difference
from grader.rules.rule import Finding, rule_named

NEAR = Tolerance(1e-6, 1e-9)


@pytest.mark.parametrize("odd", ["x", None, {"k": 2.0}, [2.0], (1.0,)])
def test_a_list_that_holds_more_than_numbers_differs_in_its_first_wrong_item(odd: object) -> None:
    """It cannot be shown as a row of numbers, and that is no error of the judge's."""
    found = difference([9.0, odd], [1.0, 2.0], NEAR)
    assert found is not None and found.kind == "value"
    assert "result[0]" in found.text and "9" in found.text
    assert found.expected is None or found.expected.shape == ()


def test_a_list_of_numbers_is_shown_whole() -> None:
    found = difference([1.0, 3], [1.0, 2.0], NEAR)
    assert found is not None and found.yours is not None and found.expected is not None
    assert found.yours.tolist() == [1, 3] and found.expected.tolist() == [1, 2]


def test_whole_numbers_are_shown_in_full_and_floats_with_six_digits() -> None:
    found = difference(42_950_000_000, 42_949_672_960, NEAR)
    assert found is not None
    assert found.text == "the result is 42950000000, expected 42949672960"
    large = 2**53 * 10
    found = difference(large, large + 1, NEAR)
    assert found is not None and f"{large}, expected {large + 1}" in found.text
    tokens = np.array([123_456_789])
    found = difference(Tensor(tokens), Tensor(tokens + 1), NEAR)
    assert found is not None and "123456789, expected 123456790" in found.text
    found = difference(4.2949672e10, 1.0, NEAR)
    assert found is not None and "4.29497e+10, expected 1" in found.text


@pytest.mark.parametrize(("by_dtype", "due"), [(True, "float32"), (False, "float32 (or float64)")])
def test_a_bfloat16_tensor_has_the_wrong_dtype_not_the_wrong_kind(by_dtype: bool, due: str) -> None:
    given = to_wire(torch.zeros(8, dtype=torch.bfloat16))
    found = difference(given, Tensor(np.zeros(8, np.float32)), Tolerance(dtype=by_dtype))
    assert found is not None and found.kind == "dtype"
    assert found.text == f"the result has dtype bfloat16, expected {due}"


def test_where_any_wide_dtype_will_do_bfloat16_is_too_narrow() -> None:
    check = Check("", "", (Case("", Ask("f")),))
    reply = Reply(value=to_wire(torch.zeros(8, dtype=torch.bfloat16)))
    found = rule_named("floating")(check, [reply])
    assert isinstance(found, Finding)
    assert found.text == "the result has dtype bfloat16, expected float32 (or float64)"
