"""What the course's own wrong answers reply to a submission's cases: the key to name a mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grader.course.exercises import find
from grader.course.versions import Version, misconceptions
from grader.protocol.calls import DirectSeam
from grader.protocol.values import Battery, Misconception, Reply
from grader.rules.asking import put_questions


class LazyReplies(Sequence[Reply]):
    """A version's replies, each asked for when it is first looked at; shared questions once."""

    def __init__(self, version: Version, battery: Battery) -> None:
        self._seam = _seam(version, battery)
        self._asks, self._places = battery.questions()
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
            self._replies[place] = self._seam.ask([self._asks[place]])[0]
        return self._replies[place]


def _seam(version: Version, battery: Battery) -> DirectSeam:
    remotes = find(version.exercise).remotes
    functions = remotes(battery) if remotes is not None else {}
    return DirectSeam(version.namespace, functions.__getitem__)


def replies_of(version: Version, battery: Battery) -> list[Reply]:
    """What a version of ours answers to each probe that it is asked."""
    return put_questions(battery, _seam(version, battery).ask)


def known_replies(
    lesson: str, exercise: str, battery: Battery
) -> Mapping[Misconception, Sequence[Reply]]:
    """What each misconception answers to each probe: the key for naming a mistake."""
    return {
        version.misconception: LazyReplies(version, battery)
        for version in misconceptions(lesson, exercise)
        if version.misconception is not None
    }
