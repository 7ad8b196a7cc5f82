"""The release as the judge knows it: each assignment's cells, exercises, stubs and solutions."""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, assignment_id, lesson_of, notebook_path
from grader.course.sources import answer_source
from grader.course.specification import Exercise
from grader.course.versions import misconceptions
from grader.judge.assemble import ANSWER, CHECK, GIVEN, HUMAN, OWN, TEXT, Part
from grader.sandbox.host.forkserver_client import PYPLOT


@dataclass(frozen=True)
class Human:
    """A question that a human grades."""

    id: str
    points: float


@dataclass(frozen=True)
class Assignment:
    """One lesson, as it was given out."""

    id: str
    lesson: str
    path: Path
    parts: tuple[Part, ...]
    exercises: tuple[Exercise, ...]
    humans: tuple[Human, ...]
    fingerprint: str

    @property
    def max_score(self) -> float:
        """The points that the checks give; a human's come on top."""
        return float(sum(exercise.points for exercise in self.exercises))

    def solution(self, exercise: str) -> str:
        return answer_source(self.lesson, exercise)


@functools.cache
def needs_torch(name: str) -> bool:
    """Does the notebook of this assignment import torch?"""
    imports = re.compile(r"^\s*(import|from)\s+torch\b", re.M)
    return any(imports.search(part.source) for part in assignment(name).parts)


def ahead_of(names: Iterable[str], all_cells: bool = False) -> tuple[str, ...]:
    """What is worth importing, once, before submissions to these assignments are graded."""
    torch = ("torch",) if any(map(needs_torch, names)) else ()
    return (*torch, PYPLOT) if all_cells else torch


def load(name: str) -> None:
    """Load all that judging an assignment needs: its exercises and the mistakes that are known."""
    release = assignment(name)
    for exercise in release.exercises:
        misconceptions(release.lesson, exercise.id)


def assignment_ids() -> list[str]:
    """Every assignment of the course, in order."""
    return [assignment_id(lesson) for lesson in LESSONS]


@functools.cache
def assignment(name: str) -> Assignment:
    """The assignment of this id; KeyError names the ones that exist."""
    lesson = lesson_of(name)
    path = notebook_path(lesson, NOTEBOOKS)
    content = path.read_bytes()
    document = json.loads(content)
    parts, humans = [], []
    for cell in document["cells"]:
        part, points = _part(cell)
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


def _part(cell: dict) -> tuple[Part, float]:
    source = "".join(cell["source"]).rstrip()
    marks = cell["metadata"].get("nbgrader", {})
    name = marks.get("grade_id", cell["id"])
    points = float(marks.get("points", 0))
    if cell["cell_type"] == "markdown":
        role = HUMAN if marks.get("grade") else TEXT
        return Part(role, "markdown", name, source, name if role == HUMAN else "", source), points
    if marks.get("solution"):
        return Part(ANSWER, "code", name, source, name, source), points
    if marks.get("grade"):
        return Part(CHECK, "code", name, source, name.removeprefix("check_"), source), points
    role = GIVEN if marks.get("locked") else OWN
    return Part(role, "code", name, source, "", source), points
