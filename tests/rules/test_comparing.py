"""Comparing what an answer gave with what was expected: one difference, whatever was given."""

from __future__ import annotations

import pytest

from grader.rules.comparing import Tolerance, difference

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
