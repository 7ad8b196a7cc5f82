"""No draw of the cases refuses a right answer. ``tests.campaigns.draws`` is the long form."""

from __future__ import annotations

import numpy as np
import pytest

from grader.course.exercises import find
from grader.course.specification import Draw, case, steady, tensor
from tests.campaigns.draws import names, refusals, right_answers


@pytest.mark.parametrize("name", names())
def test_right_answers_pass_whatever_is_drawn(name: str) -> None:
    exercise, versions = find(name), right_answers(name)
    found = [one for draw in range(3) for one in refusals(exercise, versions, draw, {})]
    assert found == []


def standardized(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-12)


@pytest.mark.parametrize(("numbers", "held"), [([1.0, 3.0, 2.0], True), ([1, 1.00001, 1], False)])
def test_nearly_equal_numbers_are_not_steady_under_a_layer_norm(numbers, held: bool) -> None:
    found = case("x", "layer_norm", tensor(numbers), reference=standardized)
    assert steady(Draw(b"seed"), found, standardized) is held
