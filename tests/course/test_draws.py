"""No draw of the cases refuses a right answer. ``tests.campaigns.draws`` is the long form."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from grader.course import specification
from grader.course.exercises import find, home_of
from grader.course.specification import Draw, case, steady, tensor
from grader.protocol.values import Case
from tests.campaigns.draws import names, refusals, right_answers


@pytest.mark.parametrize("name", names())
def test_right_answers_pass_whatever_is_drawn(name: str) -> None:
    exercise, versions = find(name), right_answers(name)
    found = [one for draw in range(3) for one in refusals(exercise, versions, draw, {})]
    assert found == []


@pytest.mark.parametrize(("name", "draw"), [("train_language_model", 465)])
def test_right_answers_pass_in_a_draw_that_once_refused_one(name: str, draw: int) -> None:
    """465: the gradient of a small model turned within nine steps, and NAdam was refused."""
    assert list(refusals(find(name), right_answers(name), draw, {})) == []


def standardized(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-12)


@pytest.mark.parametrize(("numbers", "held"), [([1.0, 3.0, 2.0], True), ([1, 1.00001, 1], False)])
def test_nearly_equal_numbers_are_not_steady_under_a_layer_norm(numbers, held: bool) -> None:
    found = case("x", "layer_norm", tensor(numbers), reference=standardized)
    assert steady(Draw(b"seed"), found, standardized) is held


@pytest.mark.parametrize("name", ["layer_norm", "TransformerBlock", "TransformerLM", "next_logits"])
def test_a_case_that_float32_does_not_hold_is_drawn_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here ``steady`` refuses the first draw of each case: each is drawn at least twice."""
    checks = importlib.import_module(f"solutions.{home_of(name)}.checks")
    drawn: Counter[str] = Counter()

    def refuse_the_first(draw: Draw, found: Case, quick: Callable[..., Any]) -> bool:
        drawn[found.name] += 1
        return drawn[found.name] > 1

    monkeypatch.setattr(checks, "steady", refuse_the_first)
    find(name).checks(Draw(b"drawn again"))
    assert drawn and min(drawn.values()) >= 2


def error_of_the_gradient(spread: float) -> float:
    """The error of a case's gradient, relative to its largest entry, against autograd's."""
    numbers = 1 + spread * np.array([0.3, -1.1, 0.7, 0.1])
    found = case("x", "layer_norm", tensor(numbers, "float64"), reference=standardized,
                 grad=("0",), draw=Draw(b"cotangent"))  # fmt: skip
    x = torch.tensor(numbers, requires_grad=True)
    result = torch.nn.functional.layer_norm(x, x.shape, eps=1e-12)
    [cotangent] = found.ask.cotangents or ()
    (due,) = torch.autograd.grad((result * torch.as_tensor(np.asarray(cotangent))).sum(), x)
    [grad] = found.expected.grads if found.expected is not None else ()
    return float(np.abs(np.asarray(grad) - due.numpy()).max() / np.abs(due.numpy()).max())


def test_gradients_are_right_where_a_row_is_nearly_constant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There a layer norm bends sharply, and plain central differences are off."""
    assert error_of_the_gradient(1e-3) < 1e-6
    monkeypatch.setattr(specification, "STEPS", ((1, 1.0),))
    assert error_of_the_gradient(1e-3) > 1e-5
