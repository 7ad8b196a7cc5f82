"""Freezing does no work that nobody uses: it asks nothing that is not kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from grader.authoring.freeze import kept, next_exercise
from grader.course import versions
from grader.course.exercises import exercises
from grader.course.foundations import callers, foundations, may_call
from grader.course.layout import LESSONS
from grader.protocol.recorded import connected
from grader.protocol.values import NOT_ASKED, Ask, Case, Check, CheckSuite, Reply, Tensor
from grader.student.foundations import names_used


class Replies(Sequence[Reply]):
    """Gives the reply to a case, and notes that it was asked for."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.replies = replies
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.replies)

    def __getitem__(self, place: Any) -> Any:
        self.asked.append(place)
        return self.replies[place]


def test_a_timed_question_is_asked_of_no_version_and_a_shared_one_once() -> None:
    plain, timed, last = Ask("f", (1,)), Ask("f", (2,), timed=True), Ask("f", (3,))
    first = Check("first", "", (Case("plain", plain), Case("timed", timed)))
    second = Check("second", "", (Case("plain", plain), Case("last", last)))
    replies = Replies([Reply(value=value) for value in (10, 20, 10, 30)])
    found = kept(CheckSuite("f", 1.0, (first, second)), replies)
    assert [reply.value for reply in found] == [10, NOT_ASKED.value, 10, 30]
    assert found[1] is NOT_ASKED
    assert replies.asked == [0, 3]


def test_an_argument_that_was_left_alone_is_the_questions_own_and_another_is_kept() -> None:
    given = (Tensor(np.array([1.0, np.nan])), np.array([1, 2]), np.array([1.0, 2.0]))
    ask = Ask("f", given, watch=True)
    after = (
        Tensor(np.array([1.0, np.nan])),
        np.array([1, 3]),
        np.array([1.0, 2.0], np.float32),
    )
    suite = CheckSuite("f", 1.0, (Check("one", "", (Case("case", ask),)),))
    (reply,) = kept(suite, [Reply(args=after, lines={"a line of ours": (1, 2, 3)})])
    assert reply.args is not None
    assert [own is kept_ for own, kept_ in zip(given, reply.args, strict=True)] == [
        True,
        False,
        False,
    ]
    assert reply.lines == {}


def test_what_comes_next_is_in_a_lesson_that_is_handed_out() -> None:
    last = exercises(LESSONS[3])[-1].id
    kept_lessons = [*LESSONS[:4], *LESSONS[5:]]
    first_after = exercises(LESSONS[5])[0].id
    assert next_exercise(LESSONS[3], last, kept_lessons) == f"{first_after}, in lesson 6"
    assert next_exercise(LESSONS[3], last, LESSONS[:4]) == ""


SOURCES = (
    "from lesson import answer, earlier as other\n"
    "def helper(x): return earlier(x)\n"
    "class Base:\n    def forward(self, x): return helper(x)\n"
    "def alone(x):\n    return other_thing(x)\n",
    "from answers import Base, helper, unused\n"
    "class Derived(Base):\n    pass\n"
    "def by_attribute(x):\n    return answers.earlier(x)\n"
    "table = {'one': helper}\n"
    "def by_table(x):\n    return table['one'](x)\n",
)


def test_who_may_call_an_answer_is_found_through_helpers_bases_and_tables() -> None:
    found = callers(SOURCES, ("earlier",))
    assert found >= {"earlier", "helper", "Base", "Derived", "by_attribute", "table", "by_table"}
    assert not found & {"alone", "unused", "answer"}


@pytest.mark.parametrize("lesson", LESSONS)
def test_no_version_is_skipped_whose_code_names_an_earlier_answer(lesson: str) -> None:
    """By the names in its compiled code, where freezing goes by words in its source."""
    for exercise in exercises(lesson):
        names = foundations(lesson, exercise.id)
        for version in (
            versions.solution(lesson, exercise.id),
            *versions.alternatives(lesson, exercise.id),
            *versions.misconceptions(lesson, exercise.id),
        ):
            if names and names_used(version.target, version.namespace) & set(names):
                assert may_call(version, names, set()), version.label
        asked = {names[0]} if names else set()
        assert not names or may_call(versions.solution(lesson, exercise.id), names, asked)


def test_a_recorded_function_on_arrays_needs_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Numbers:
        outputs: Sequence[Any] = ()

        def backward(self, cotangents: Sequence[Any]) -> Sequence[Any]:
            raise AssertionError("nothing goes backward")

    monkeypatch.setitem(sys.modules, "torch", None)
    assert connected(Numbers(), []) == []
