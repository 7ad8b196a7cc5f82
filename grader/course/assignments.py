"""Read the release for the judge: each assignment's cells, exercises, stubs and solutions."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, assignment_id, lesson_of, notebook_path
from grader.course.sources import answer_source
from grader.course.specification import Exercise
from grader.course.versions import misconceptions
from grader.source.assembly import HUMAN, Part, parts_of
from grader.source.cells import readable

PACKAGE = __name__.partition(".")[0]


@dataclass(frozen=True)
class Human:
    """A question that a person grades."""

    id: str
    points: float


@dataclass(frozen=True)
class Assignment:
    """One lesson as it was released."""

    id: str
    lesson: str
    path: Path
    parts: tuple[Part, ...]
    exercises: tuple[Exercise, ...]
    humans: tuple[Human, ...]
    fingerprint: str

    @property
    def max_score(self) -> float:
        """The points that the checks can give, without those that a person gives."""
        return float(sum(exercise.points for exercise in self.exercises))

    def solution(self, exercise: str) -> str:
        """Return the source of the course's answer to an exercise."""
        return answer_source(self.lesson, exercise)


def modules_of(names: Iterable[str]) -> list[str]:
    """Return the modules that these assignments' notebooks import, for the forkserver to import.

    This package is left out: the forkserver itself knows which of its modules workers need.
    """
    found: set[str] = set()
    for part in (part for name in names for part in assignment(name).parts if part.kind == "code"):
        read = readable(part.source)
        for node in ast.walk(read[1]) if read else ():
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return sorted(name for name in found if name.partition(".")[0] != PACKAGE)


def load(name: str) -> None:
    """Load all that judging an assignment needs: its exercises and misconceptions."""
    release = assignment(name)
    for exercise in release.exercises:
        misconceptions(release.lesson, exercise.id)


def assignment_ids() -> list[str]:
    """Return the ids of the course's assignments, in order."""
    return [assignment_id(lesson) for lesson in LESSONS]


@functools.cache
def assignment(name: str) -> Assignment:
    """Read the assignment with this id; KeyError names the ones that exist."""
    lesson = lesson_of(name)
    path = notebook_path(lesson, NOTEBOOKS)
    content = path.read_bytes()
    document = json.loads(content)
    parts, humans = [], []
    for part, points in parts_of(document):
        parts.append(part)
        if part.role == HUMAN:
            humans.append(Human(part.id, points))
    return Assignment(
        name,
        lesson,
        path,
        tuple(parts),
        exercises(lesson),
        tuple(humans),
        hashlib.sha256(content).hexdigest(),
    )
