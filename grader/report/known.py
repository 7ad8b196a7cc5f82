"""Look up the title and text of a misconception; a record only has its name."""

from __future__ import annotations

import functools

from grader.course.layout import lesson_of
from grader.course.versions import misconceptions
from grader.protocol.values import Misconception


def misconception(assignment: str, exercise: str, name: str) -> Misconception | None:
    """Return the misconception of this name; None if the course no longer has it."""
    return _known(assignment, exercise).get(name)


@functools.cache
def _known(assignment: str, exercise: str) -> dict[str, Misconception]:
    try:
        lesson = lesson_of(assignment)
    except KeyError:  # the course no longer has it
        return {}
    versions = misconceptions(lesson, exercise)
    return {one.name: one.misconception for one in versions if one.misconception is not None}
