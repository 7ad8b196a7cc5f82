"""Answers that are nearly the same, for a person to look at. Nothing here touches a mark.

copydetect compares them: it replaces names and texts by placeholders, so that renaming hides
nothing, and looks for runs of the same characters (winnowing; Schleimer, Wilkerson and Aiken 2003).
Answers in this course are short, so every run is kept (a window of one) instead of a sample.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from grader.authoring.sample import answer_text
from grader.course.assignments import Assignment, assignment, assignment_ids
from grader.course.quiz import quiz_id
from grader.course.versions import alternatives
from grader.judge.assemble import ANSWER
from grader.report.read import Records, Submission

RUN = 20  # characters, with each name and each text as one
SHORTEST = 80  # characters of a student's own; two right answers that are shorter look alike
# Of all accepted alternatives, none that is long enough has more than 0.58 of the solution's runs.
NEAR = 0.9
MANY = 4  # from here on, what more than half of a class wrote is the class's
LONGEST = 20_000
BIGGEST = 50_000_000


@dataclass(frozen=True)
class Group:
    """Students whose answers to an exercise are nearly the same.

    ``similarity`` is the least that links one of them to the group: the smaller of the two parts
    that each answer shares with the other.
    """

    assignment: str
    exercise: str
    similarity: float
    answers: tuple[tuple[str, str], ...]  # (student, what was written)

    @property
    def students(self) -> tuple[str, ...]:
        return tuple(student for student, _ in self.answers)

    @property
    def texts(self) -> list[tuple[list[str], str]]:
        """Each text once, with those who wrote it to the letter."""
        authors: dict[str, list[str]] = {}
        for student, text in self.answers:
            authors.setdefault(text.strip(), []).append(student)
        return [(students, text) for text, students in authors.items()]


@dataclass(frozen=True)
class Similar:
    """The groups; how many groups the whole class shares; notebooks that could not be read."""

    groups: tuple[Group, ...] = ()
    usual: int = 0
    unreadable: tuple[str, ...] = field(default=())


def similar_answers(course_dir: Path, records: Records) -> Similar:
    """Groups of near-identical answers in the executed notebooks of these submissions."""
    groups: list[Group] = []
    usual, unreadable = 0, []
    for name in records.assignments:
        if name not in assignment_ids():
            continue
        release = assignment(name)
        written: dict[str, dict[str, str]] = {}
        for one in records.of(name):
            if one.tried:
                try:
                    for exercise, text in _answers(course_dir, one):
                        written.setdefault(exercise, {})[one.student] = text
                except (OSError, ValueError, RecursionError):
                    unreadable.append(f"{one.student}/{name}")
        for part in release.parts:
            exercise = part.exercise
            # A quiz is filled in, not written: equal answers are what it hopes for.
            if part.role != ANSWER or exercise == quiz_id(release.lesson):
                continue
            texts = written.get(exercise, {})
            if len(texts) < 2:
                continue
            found, shared = near_identical(texts, part.source, _ours(release, exercise))
            usual += shared
            groups += [Group(name, exercise, least, tuple(them)) for least, them in found]
    return Similar(tuple(groups), usual, tuple(unreadable))


def pairs(similar: Similar) -> list[tuple[str, str, list[str]]]:
    """Two students and the exercises in which their answers are alike, the most first."""
    found: dict[tuple[str, str], list[str]] = {}
    for group in similar.groups:
        for first, second in combinations(group.students, 2):
            found.setdefault((first, second), []).append(group.exercise)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(first, second, exercises) for (first, second), exercises in ranked]


def near_identical(
    answers: Mapping[str, str], stub: str, ours: Iterable[str] = ()
) -> tuple[list[tuple[float, list[tuple[str, str]]]], int]:
    """Groups of (student, answer) with their least similarity; how many were the whole class's.

    What the stub holds does not count. An answer is left out if it is short, or nearly one of
    ``ours``; a group, if more than half of those who wrote as much are in it.
    """
    given = _prints(stub)
    own = {student: _prints(text, given) for student, text in answers.items()}
    own = {student: print_ for student, print_ in own.items() if _enough(print_)}
    compared = len(own)
    known = [one for text in ours if _enough(one := _prints(text, given))]
    own = {s: p for s, p in own.items() if not any(_similarity(p, one) >= NEAR for one in known)}
    groups = {student: {student} for student in own}
    least: dict[str, float] = dict.fromkeys(own, 1.0)
    for first, second in combinations(sorted(own), 2):
        value = _similarity(own[first], own[second])
        if value >= NEAR:
            least[first], least[second] = min(least[first], value), min(least[second], value)
            merged = groups[first] | groups[second]
            groups |= dict.fromkeys(merged, merged)
    found, usual = [], 0
    for members in {frozenset(group) for group in groups.values() if len(group) > 1}:
        if len(members) >= MANY and 2 * len(members) > compared:
            usual += 1
            continue
        texts = [(student, answers[student]) for student in sorted(members)]
        found.append((min(least[student] for student in members), texts))
    return sorted(found, key=lambda group: (-group[0], group[1])), usual


def _answers(course_dir: Path, one: Submission) -> Iterator[tuple[str, str]]:
    """(exercise, answer cell) of an executed notebook, for what was attempted."""
    name = one.assignment
    path = course_dir / "autograded" / one.student / name / f"{name}.ipynb"
    with path.open("rb") as file:
        content = file.read(BIGGEST + 1)
    if len(content) > BIGGEST:
        raise ValueError("too large")
    document = json.loads(content)
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise ValueError("not a notebook")
    attempted = {item.id for item in one.exercises if item.attempted}
    for cell in cells:
        marks = cell.get("metadata", {}).get("nbgrader", {}) if isinstance(cell, dict) else {}
        exercise = marks.get("grade_id") if isinstance(marks, dict) else None
        if exercise in attempted and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            yield exercise, "".join(source)[:LONGEST]


def _ours(release: Assignment, exercise: str) -> list[str]:
    """What anybody may come to write: the course's solution and the other ways it accepts."""
    others = [answer_text(version) for version in alternatives(release.lesson, exercise)]
    return [release.solution(exercise), *others]


@cache
def _library() -> Any:
    import copydetect  # imports pyplot, which only a report has to wait for

    return copydetect


def _prints(text: str, stub: Any = None) -> Any:
    """copydetect's fingerprint of a text, without the runs that the stub holds.

    copydetect asks for a file's name for its messages only. Of a run that occurs more than once
    its 0.5.0 then keeps the last place alone; that shortens all answers alike.
    """
    return _library().CodeFingerprint(
        "answer.py",
        RUN,
        1,
        boilerplate=list(stub.hashes) if stub else None,
        fp=io.StringIO(text[:LONGEST]),
        language="python",
    )


def _enough(print_: Any) -> bool:
    return print_.token_coverage >= SHORTEST


def _similarity(first: Any, second: Any) -> float:
    """The smaller of the two parts that are shared, so that a short answer within a long one
    is not similar to it."""
    shared = first.hashes & second.hashes
    for one in (first, second):  # what these runs can cover at most, which is quicker to say
        if sum(len(one.hash_idx[key]) for key in shared) * RUN < NEAR * one.token_coverage:
            return 0.0
    return min(1.0, *map(float, _library().compare_files(first, second)[1]))
