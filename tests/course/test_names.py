"""The names that wrong answers are given are true, as students write them."""

from __future__ import annotations

import pytest

from grader.course.exercises import find, home_of
from grader.course.specification import PUBLIC_SEED
from grader.judge.known_replies import known_replies, replies_of
from grader.protocol.values import Failure, Reply, Verdict
from grader.rules.evaluate import evaluate
from tests.campaigns.wrong_answers import FALSELY_NAMED, Wrong, version_of

DRAWS = {"notebook": PUBLIC_SEED, "judge": b"names 1"}


def verdict_on(wrong: Wrong, where: str) -> Verdict:
    version = version_of(wrong.exercise, wrong.what, wrong.source)
    suite = find(wrong.exercise).suite(DRAWS[where], where)
    lesson = home_of(wrong.exercise)
    return evaluate(
        suite, replies_of(version, suite), lambda: known_replies(lesson, wrong.exercise, suite)
    )


def names_in(verdict: Verdict) -> set[str]:
    return {check.misconception.id for check in verdict.checks if check.misconception is not None}


@pytest.mark.parametrize("where", DRAWS)
@pytest.mark.parametrize("wrong", FALSELY_NAMED, ids=lambda w: f"{w.exercise}: {w.what}")
def test_no_name_is_given_that_is_not_true(wrong: Wrong, where: str) -> None:
    verdict = verdict_on(wrong, where)
    assert not verdict.passed
    assert names_in(verdict) <= set(wrong.true)


@pytest.mark.parametrize("kind", ["timed_out", "crashed", "out_of_memory"])
def test_an_answer_that_never_stops_is_no_mistake_of_another_kind(kind: str) -> None:
    """Some mistakes fail in every case, too, which is no likeness."""
    suite = find("greedy_decode").suite(PUBLIC_SEED, "notebook")
    replies = [Reply(failure=Failure(kind)) for _ in suite.cases]
    known = known_replies("sequence_to_sequence", "greedy_decode", suite)
    assert names_in(evaluate(suite, replies, lambda: known)) == set()
