"""Comparing what an answer gave with what was expected: one difference, whatever was given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from grader.protocol.marshal import to_wire
from grader.protocol.values import Ask, Case, Check, Failure, Reply, Tensor
from grader.rules.comparing import Tolerance, difference, operation
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


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (lambda: torch.zeros(2) + torch.zeros(3), "fits shapes"),
        (lambda: torch.zeros(2, 3) @ torch.zeros(2, 3), "fits shapes"),
        (lambda: torch.zeros(2, 3).expand(4, 3), "fits shapes"),
        (lambda: torch.zeros(7).reshape(2, 3), "fits shapes"),
        (lambda: torch.cat([torch.zeros(2, 2), torch.zeros(3, 3)]), "fits shapes"),
        (lambda: np.zeros(7).reshape(2, 3), "fits shapes"),
        (lambda: np.zeros(2) + np.zeros(3), "fits shapes"),
        (lambda: torch.nn.Embedding(3, 2)(torch.arange(4)), "indexes"),
        (lambda: torch.zeros(3)[5], "indexes"),
        (lambda: np.zeros(3)[5], "indexes"),
        (lambda: list("abc").pop(5), "indexes"),
    ],
)
def test_an_operation_is_known_by_the_words_of_its_error(
    wrong: Callable[[], object], kind: str
) -> None:
    with pytest.raises((RuntimeError, ValueError, IndexError)) as raised:
        wrong()
    assert operation(Failure("exception", message=str(raised.value))) == kind


@pytest.mark.parametrize(
    "words",
    [
        "5 positions is out of range for a table of 4",
        "sequence length 5 must match at most 4",
        "cannot reshape width 5 into 2 heads",
        "shape mismatch: 2 heads, width 5",
    ],
)
def test_an_error_in_words_of_ones_own_is_no_operation(words: str) -> None:
    """The name of an answer that leaves it to PyTorch to fail would be false of it."""
    assert operation(Failure("exception", message=words)) == ""


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
