"""Comparing what an answer gave with what was expected: one difference, whatever was given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from grader.protocol.values import Failure
from grader.rules.comparing import Tolerance, difference, operation

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
