"""That a call leaves its arguments alone is shown by a second call, not by the worker's word."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from grader.course.specification import Draw, case
from grader.protocol.calls import answer
from grader.protocol.values import Case, Check, Reply
from grader.rules.properties import untouched
from grader.rules.rule import Finding, equal

GIVEN = Draw(b"untouched").normal(4, 3)


def totals(array: np.ndarray) -> np.ndarray:
    return np.array([float(sum(row)) for row in array])


def sums(array):
    return array.sum(axis=1)


def sums_and_clears(array):
    found = array.sum(axis=1)
    array[:] = 0
    return found


def sums_and_sorts(array):
    found = array.sum(axis=1)
    array.sort(axis=0)
    return found


def asked(function: object) -> tuple[Case, Reply]:
    one = case("sums", "f", GIVEN, reference=totals, watch=True)
    return one, answer({"f": function}, one.ask)


def findings(one: Case, reply: Reply) -> list[Finding | None]:
    check = Check("left alone", "", (one,))
    return [rule(check, [reply]) for rule in (equal, untouched)]  # type: ignore[misc]


def test_what_leaves_its_argument_alone_passes() -> None:
    assert findings(*asked(sums)) == [None, None]


@pytest.mark.parametrize("function", [sums_and_clears, sums_and_sorts])
def test_what_writes_into_its_argument_is_found_whatever_the_worker_says(function: object) -> None:
    one, honest = asked(function)
    assert all(findings(one, honest))
    echo = dataclasses.replace(honest, args=one.ask.args)
    for lie in (
        echo,
        dataclasses.replace(echo, again=honest.value),
        dataclasses.replace(echo, again=None),
    ):
        assert all(finding and finding.kind == "argument" for finding in findings(one, lie))


def test_a_wrong_result_is_not_held_against_it_twice() -> None:
    """Its own check says so; this one is about the arguments alone."""
    one, reply = asked(lambda array: array.sum(axis=1) + 1)
    of_result, of_arguments = findings(one, reply)
    assert of_result is not None and of_arguments is None
