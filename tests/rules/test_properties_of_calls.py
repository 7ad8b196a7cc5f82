"""Rules about how a call behaves: what it leaves alone, what its error says, what it is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from grader.protocol.calls import DirectCalls
from grader.protocol.step_library import leaf, operations, sliced, transposed
from grader.protocol.values import Ask, Case, Check, Failure, Ref, Reply, Tensor
from grader.rules.properties import error_names, made_without, untouched

ONE, TWO = Tensor(np.ones(2)), Tensor(np.full(2, 2.0))
RAISED = Reply(failure=Failure("exception", "TypeError", "no"))


def looked_at(*replies: Reply, kwargs: dict | None = None, args: tuple = (ONE,)):
    """What the rule says of calls with these arguments."""
    cases = tuple(Case("c", Ask("f", args, kwargs or {}, watch=True)) for _ in replies)
    return untouched(Check("c", "look", cases), list(replies))


def test_an_argument_by_name_is_looked_at_as_well() -> None:
    assert looked_at(Reply(args=(ONE, TWO)), kwargs={"mask": TWO}) is None
    found = looked_at(Reply(args=(ONE, ONE)), kwargs={"mask": TWO})
    assert found is not None and found.text == "mask was changed by the call"


def test_a_call_that_raised_is_another_checks_business_unless_all_did() -> None:
    assert looked_at(RAISED, Reply(args=(ONE,))) is None
    found = looked_at(RAISED, Reply(args=(TWO,)))
    assert found is not None and (found.case, found.text) == (
        1,
        "argument 1 was changed by the call",
    )
    found = looked_at(RAISED, RAISED)
    assert found is not None and "TypeError" in found.text


def test_what_a_step_has_made_is_not_compared() -> None:
    assert looked_at(Reply(args=(TWO,)), args=(Ref("model"),)) is None


def test_arguments_by_name_come_back_after_those_by_place() -> None:
    def change(x, *, mask):
        mask.zero_()
        return x

    ask = Ask("change", (ONE,), {"mask": TWO}, watch=True)
    (reply,) = DirectCalls({"change": change}).ask([ask])
    assert reply.args is not None
    assert [value.data.tolist() for value in reply.args] == [[1.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("3 heads do not divide 10", None),
        ("10 % 3 is not 0", None),
        ("the heads do not divide 10", 3),
        ("13 heads do not divide 10", 3),
        ("no", 10),
    ],
)
def test_a_message_names_whole_numbers(message: str, missing: int | None) -> None:
    due = Reply(failure=Failure("exception", "ValueError"))
    check = Check("c", "look", (Case("c", Ask("f"), due),), options={"numbers": [(10, 3)]})
    found = error_names(check, [Reply(failure=Failure("exception", "ValueError", message))])
    assert (found is None) == (missing is None)
    if found is not None:
        assert f"does not name the number {missing}" in found.text


@pytest.mark.parametrize(("base", "counts"), [(ValueError, True), (RuntimeError, False)])
def test_an_error_of_a_class_derived_from_the_one_due_is_that_error(
    base: type[Exception], counts: bool
) -> None:
    class TooLong(base):  # type: ignore[misc, valid-type]
        pass

    def limited(n: int) -> None:
        raise TooLong(f"{n} is more than 3")

    due = Reply(failure=Failure("exception", "ValueError"))
    check = Check("c", "look", (Case("c", Ask("f", (10,)), due),), options={"numbers": [(10, 3)]})
    found = error_names(check, DirectCalls({"f": limited}).ask([check.cases[0].ask]))
    assert (found is None) == counts
    if found is not None:
        assert "it raised TooLong: 10 is more than 3, expected a ValueError" in found.text


@pytest.mark.parametrize(
    ("form", "own"),
    [
        (lambda x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True), True),
        (lambda x: F.layer_norm(x, (3,)), False),
        (lambda x: 2 * nn.LayerNorm(3)(x) + 1, False),
        (lambda x: F.group_norm(x, 1), False),
        (lambda x: F.batch_norm(x.T, None, None, training=True).T, False),
    ],
)
def test_a_result_tells_what_it_is_made_of(form, own: bool) -> None:
    made = operations(form(leaf(torch.arange(6.0).reshape(2, 3) ** 2)))
    options = {"operations": ("LayerNorm", "GroupNorm", "BatchNorm")}
    check = Check("c", "look", (Case("c", Ask("f")),), options=options)
    assert (made_without(check, [Reply(value=(ONE, made))]) is None) == own


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (2, 1, 3, 2)])
def test_views_hold_the_same_numbers_in_other_memory(shape: tuple[int, ...]) -> None:
    x = torch.arange(float(np.prod(shape))).reshape(shape)
    for view in (sliced(x), transposed(x)):
        assert torch.equal(view, x)
        if x.dim():
            assert not view.is_contiguous()
    if x.dim() == 2:  # what view refuses
        with pytest.raises(RuntimeError, match="view size is not compatible"):
            sliced(x).view(-1)
