"""The replies of the course's known wrong answers: a mistake is named by comparing with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grader.course.exercises import exercises, find
from grader.course.specification import Exercise
from grader.course.versions import Version, families
from grader.protocol.calls import DirectCalls
from grader.protocol.values import CheckSuite, Misconception, Reply
from grader.rules.asking import put_questions


class LazyReplies(Sequence[Reply]):
    """A version's replies; each question is asked once, when its reply is first needed."""

    def __init__(self, exercise: Exercise, version: Version, suite: CheckSuite) -> None:
        self._calls = _calls(exercise, version, suite)
        self._asks, self._places = suite.questions()
        self._replies: dict[int, Reply] = {}

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0 or index >= len(self):
            raise IndexError(index)
        place = self._places[index]
        if place not in self._replies:
            self._replies[place] = self._calls.ask([self._asks[place]])[0]
        return self._replies[place]


def _calls(exercise: Exercise, version: Version, suite: CheckSuite) -> DirectCalls:
    functions = exercise.callbacks(suite) if exercise.callbacks is not None else {}
    return DirectCalls(version.namespace, functions.__getitem__)


def replies_of(version: Version, suite: CheckSuite) -> list[Reply]:
    """Return a course version's replies, asked in the same order as a student's."""
    return put_questions(suite, _calls(find(version.exercise), version, suite).ask)


def known_replies(
    lesson: str, exercise: str, suite: CheckSuite
) -> Mapping[Misconception, Sequence[Reply]]:
    """Return the replies of each misconception, and of each of its variants, to the suite's cases.

    The exercise is looked up in its lesson alone: :func:`find` loads every lesson, and so PyTorch,
    which would cost each judge of a NumPy lesson some 200 MB.
    """
    own = next(one for one in exercises(lesson) if one.id == exercise)
    return {
        version.misconception: LazyReplies(own, version, suite)
        for version in families(lesson, exercise)
        if version.misconception is not None
    }
