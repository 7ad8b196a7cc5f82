"""Which questions are put: what could decide nothing is not asked, and no mark depends on that."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.protocol.values import (
    NOT_ASKED,
    Ask,
    Case,
    Check,
    CheckSuite,
    Failure,
    Misconception,
    Reply,
)
from grader.rules.asking import put_questions
from grader.rules.evaluate import evaluate
from grader.rules.rule import Finding, equal, rule
from grader.student.summary import summary

QUICK_CORE, QUICK, SLOW_CORE, SLOW, TIMED = range(5)


def value(number: float) -> Reply:
    return Reply(value=np.float64(number))


def case(number: int, timed: bool = False) -> Case:
    return Case(str(number), Ask("f", (number,), timed=timed), value(0.0))


@rule
def in_time(check: Check, replies: list[Reply]) -> Finding | None:
    """Right as far as it was asked: the time counts only where somebody has taken it."""
    told = [place for place, reply in enumerate(replies) if reply is not NOT_ASKED]
    cases = tuple(check.cases[place] for place in told)
    return equal(dataclasses.replace(check, cases=cases), [replies[i] for i in told])


def suite() -> CheckSuite:
    """A check of each kind, of a case each: whoever answers 0 is right."""
    return CheckSuite(
        "f",
        3.0,
        (
            Check("quick core", "", (case(QUICK_CORE),), core=True),
            Check("quick", "", (case(QUICK),)),
            Check("slow core", "", (case(SLOW_CORE),), core=True, slow=True),
            Check("slow", "here", (case(SLOW), case(TIMED, timed=True)), "in_time", slow=True),
        ),
    )


class Answers:
    """Wrong in these, right in the others; remembers what was asked, and in how many portions."""

    def __init__(self, *wrong: int, reply: Reply | None = None) -> None:
        self.wrong, self.reply = wrong, reply or value(1.0)
        self.asked: list[list[int]] = []

    def __call__(self, asks: list[Ask]) -> list[Reply]:
        numbers = [ask.args[0] for ask in asks]
        self.asked.append(numbers)
        return [self.reply if number in self.wrong else value(0.0) for number in numbers]


def asked(*wrong: int, **how: bool) -> list[list[int]]:
    answers = Answers(*wrong)
    put_questions(suite(), answers, **how)
    return answers.asked


def test_what_is_right_is_asked_everything_the_quick_first_and_time_last() -> None:
    assert asked() == [[QUICK_CORE, QUICK], [SLOW_CORE], [SLOW], [TIMED]]


def test_where_nobody_takes_the_time_nothing_is_asked_for_it() -> None:
    assert asked(timed=False) == [[QUICK_CORE, QUICK], [SLOW_CORE], [SLOW]]


def test_a_quick_check_that_is_not_core_keeps_no_other_waiting() -> None:
    assert asked(QUICK) == asked()


def test_slow_checks_wait_for_the_quick_core_and_the_rest_of_them_for_the_slow_core() -> None:
    assert asked(QUICK_CORE) == [[QUICK_CORE, QUICK]]
    assert asked(SLOW_CORE) == [[QUICK_CORE, QUICK], [SLOW_CORE]]


def test_a_stub_is_asked_nothing_slow() -> None:
    answers = Answers(*range(5), reply=Reply(failure=Failure("not_attempted", "")))
    put_questions(suite(), answers)
    assert answers.asked == [[QUICK_CORE, QUICK]]


def test_a_question_of_a_quick_and_a_slow_check_is_quick() -> None:
    checks = list(suite().checks)
    checks[3] = dataclasses.replace(checks[3], cases=checks[1].cases)
    answers = Answers()
    replies = put_questions(dataclasses.replace(suite(), checks=tuple(checks)), answers)
    assert answers.asked == [[QUICK_CORE, QUICK], [SLOW_CORE]]
    assert NOT_ASKED not in replies


@pytest.mark.parametrize("number", range(32))
def test_no_mark_depends_on_what_was_left_out(number: int) -> None:
    """All ways to be wrong: the same points as if everything had been asked."""
    wrong = [place for place in range(5) if number >> place & 1]
    everything = Answers(*wrong)([p.ask for p in suite().cases])
    replies = put_questions(suite(), Answers(*wrong))
    found = evaluate(suite(), replies, dict)
    assert found.score == evaluate(suite(), everything, dict).score
    assert found.passed == (not wrong)


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_the_course_takes_the_time_of_is_slow(lesson: str) -> None:
    """Or else it would be passed, untimed, where a core check fails."""
    for exercise in exercises(lesson):
        for check in exercise.suite(b"any").checks:
            assert check.slow or not any(case.ask.timed for case in check.cases)


def verdict(replies: Sequence[Reply]):
    named = Misconception("one", "is one too much", "It is.")
    return evaluate(suite(), replies, lambda: {named: [value(1.0)] * 5})


def test_what_was_not_tried_is_neither_passed_nor_blamed() -> None:
    found = verdict(put_questions(suite(), Answers(QUICK_CORE, QUICK)))
    tried = {check.name: check.tried for check in found.checks}
    assert tried == {"quick core": True, "quick": True, "slow core": False, "slow": False}
    for check in found.checks[2:]:
        assert not check.passed and check.misconception is None and check.look == ""
        assert "not tried" in check.message and "“quick core”" in check.message


def test_a_report_tells_what_was_not_tried_from_what_failed() -> None:
    said = summary(verdict(put_questions(suite(), Answers(QUICK_CORE))))
    assert said.seen.startswith("Seen in “quick core”")
    waiting = next(group for group in said.rest if "not tried" in group.title)
    assert [name for name, _ in waiting.checks] == ["slow core", "slow"]
