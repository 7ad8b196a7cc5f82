"""The names that wrong answers are given are true, as students write them."""

from __future__ import annotations

import pytest

from grader.authoring.composed import Truth, together, try_exercise
from grader.authoring.composing import Composed, has_all_of, with_other_numbers
from grader.course.exercises import find, home_of
from grader.course.specification import PUBLIC_SEED
from grader.course.versions import families
from grader.judge.known_replies import known_replies, replies_of
from grader.protocol.values import Failure, Reply, Verdict
from grader.rules.evaluate import evaluate
from tests.campaigns.wrong_answers import FALSELY_NAMED, NAMED, Wrong, version_of

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


@pytest.mark.parametrize("where", DRAWS)
@pytest.mark.parametrize("wrong", NAMED, ids=lambda w: f"{w.exercise}: {w.what}")
def test_a_mistake_is_named_in_whatever_way_it_is_made(wrong: Wrong, where: str) -> None:
    names = names_in(verdict_on(wrong, where))
    assert names and names <= set(wrong.true)


def test_composed_mistakes_are_named_truly_or_not_at_all() -> None:
    """`python -m grader prove` tries those to all exercises."""
    tally = together(try_exercise(name, 5) for name in ("softmax", "causal_mask", "local_mask"))
    assert tally.false == []
    assert tally.count.total() >= 40 and tally.named.total() >= 15


def test_each_number_is_replaced_by_others_and_constants_are_told_from_counts() -> None:
    changed = list(with_other_numbers("def f(x):\n    return x[1] * 0.5\n"))
    assert [(old, text.split("return ")[1].strip()) for old, _, text in changed] == [
        (0.5, "x[1] * 1.5"),
        (0.5, "x[1] * 0.05"),
        (1, "x[2] * 0.5"),
        (1, "x[3] * 0.5"),
    ]


def test_a_class_that_defines_all_that_a_mistake_does_has_made_it() -> None:
    mistake = "class Other(_Layer):\n    def split(self, x):\n        return x\n"
    both = mistake.replace("Other", "Both") + "    def merge(self, x):\n        return -x\n"
    assert has_all_of(both, mistake)
    assert not has_all_of(mistake, both)
    assert not has_all_of(both.replace("_Layer", "_Model"), mistake)
    assert not has_all_of(both.replace("return x", "return 2 * x"), mistake)
    assert not has_all_of("def f(x):\n    x = x - 1\n    return x\n", "def f(x):\n    return x\n")


def test_the_campaign_knows_a_false_name() -> None:
    truth = Truth("softmax")
    by_name = {one.name: one for one in families("single_query_attention", "softmax")}
    made = Composed("", "", by_name["overflows"], frozenset())
    assert truth.of("overflows", made)
    assert not truth.of("ignores_axis", made)
