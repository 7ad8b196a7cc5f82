"""Find nearly identical answers for a person to look at. Nothing here changes a mark.

copydetect compares the answers: it replaces names and string literals with placeholders, so that
renaming hides nothing, and looks for runs of equal characters (winnowing; Schleimer, Wilkerson and
Aiken 2003). Answers in this course are short, so every run is kept (a window of one), not a sample.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from grader.authoring.sample import answer_text
from grader.course.assignments import Assignment, assignment, assignment_ids
from grader.course.quiz import quiz_id
from grader.course.versions import alternatives
from grader.judge.outcome import NOT_ATTEMPTED
from grader.report.read import Records, Submission
from grader.source.assembly import ANSWER, HUMAN

RUN = 20  # characters in a run; each name and each string literal counts as one
SHORTEST = 80  # of the student's own characters; shorter right answers look alike anyway
# Answers that share this much are similar. Of all accepted alternatives that are long enough, none
# shares more than 0.58 with the solution.
NEAR = 0.9
MANY = 4  # a group of at least this many, and of over half the class, wrote the usual answer
# Written answers: two people who answer the same question share terms, but few runs of words.
WORDS = 4  # words in a run
FEWEST_WORDS = 20  # of the student's own
NEAR_TEXT = 0.5
LONGEST = 20_000  # characters compared of an answer
BIGGEST = 50_000_000  # bytes of a notebook


@dataclass(frozen=True)
class Group:
    """Students whose answers to an exercise are nearly the same.

    The similarity of two answers is the smaller of the shares that each has in common with the
    other. ``similarity`` is the smallest one that links a student to the group.
    """

    assignment: str
    exercise: str
    similarity: float
    answers: tuple[tuple[str, str], ...]  # (student, what was written)
    in_words: bool = False  # written answers, not code

    @property
    def students(self) -> tuple[str, ...]:
        return tuple(student for student, _ in self.answers)

    @property
    def texts(self) -> list[tuple[list[str], str]]:
        """Each text once, with all students who wrote exactly that."""
        authors: dict[str, list[str]] = {}
        for student, text in self.answers:
            authors.setdefault(text.strip(), []).append(student)
        return [(students, text) for text, students in authors.items()]


@dataclass(frozen=True)
class Similar:
    """The groups, how many were left out as usual answers, and the notebooks not read."""

    groups: tuple[Group, ...] = ()
    usual: int = 0
    unreadable: tuple[str, ...] = field(default=())


def similar_answers(course_dir: Path, records: Records) -> Similar:
    """Find groups of near-identical answers in these submissions' executed notebooks."""
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
            # Not the quiz: its answers are multiple choice, so all right ones are equal.
            if part.role != ANSWER or exercise == quiz_id(release.lesson):
                continue
            texts = written.get(exercise, {})
            if len(texts) < 2:
                continue
            found, shared = near_identical(texts, part.source, _ours(release, exercise))
            usual += shared
            groups += [Group(name, exercise, least, tuple(them)) for least, them in found]
        for part in release.parts:
            if part.role == HUMAN:
                found, shared = near_texts(written.get(part.id, {}), part.source)
                usual += shared
                groups += [Group(name, part.id, least, tuple(them), True) for least, them in found]
    return Similar(tuple(groups), usual, tuple(unreadable))


def identical_files(records: Records) -> list[tuple[str, list[str]]]:
    """Return (assignment, students) wherever several handed in the same attempted notebook."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in records.submissions:
        if one.digest and one.outcome != NOT_ATTEMPTED:
            groups.setdefault((one.assignment, one.digest), []).append(one.student)
    found = ((name, sorted(students)) for (name, _), students in groups.items())
    return sorted((name, students) for name, students in found if len(students) > 1)


def pairs(similar: Similar) -> list[tuple[str, str, list[str]]]:
    """Return (student, student, exercises with similar answers), most exercises first."""
    found: dict[tuple[str, str], list[str]] = {}
    for group in similar.groups:
        for first, second in combinations(group.students, 2):
            found.setdefault((first, second), []).append(group.exercise)
    ranked = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(first, second, exercises) for (first, second), exercises in ranked]


def near_identical(
    answers: Mapping[str, str], stub: str, ours: Iterable[str] = ()
) -> tuple[list[tuple[float, list[tuple[str, str]]]], int]:
    """Return (similarity, [(student, answer)]) for each group, and how many were left out as usual.

    Text from the stub does not count. An answer is left out if it is short, or similar to one of
    ``ours``. A group of MANY or more is left out if it has over half of all long enough answers.
    """
    stub_print = _fingerprint(stub)
    own = {student: _fingerprint(text, stub_print) for student, text in answers.items()}
    own = {student: print_ for student, print_ in own.items() if _long_enough(print_)}
    compared = len(own)
    known = [one for text in ours if _long_enough(one := _fingerprint(text, stub_print))]
    own = {s: p for s, p in own.items() if not any(_similarity(p, one) >= NEAR for one in known)}
    return _grouped(answers, own, compared, _similarity, NEAR)


def near_texts(
    answers: Mapping[str, str], stub: str
) -> tuple[list[tuple[float, list[tuple[str, str]]]], int]:
    """Do the same for written answers, by the runs of words that two of them share."""
    given = _runs(stub)
    own = {student: _runs(text) - given for student, text in answers.items()}
    own = {student: runs for student, runs in own.items() if len(runs) > FEWEST_WORDS - WORDS}

    def similarity(first: set, second: set) -> float:
        return len(first & second) / max(len(first), len(second))

    return _grouped(answers, own, len(own), similarity, NEAR_TEXT)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text[:LONGEST].casefold())
    return {tuple(words[place : place + WORDS]) for place in range(len(words) - WORDS + 1)}


def _grouped(
    answers: Mapping[str, str],
    own: Mapping[str, Any],
    compared: int,
    similarity: Callable[[Any, Any], float],
    near: float,
) -> tuple[list[tuple[float, list[tuple[str, str]]]], int]:
    """Group answers linked by a similarity of at least ``near``; count groups left out as usual."""
    groups = {student: {student} for student in own}
    least: dict[str, float] = dict.fromkeys(own, 1.0)
    for first, second in combinations(sorted(own), 2):
        value = similarity(own[first], own[second])
        if value >= near:
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
    """Yield (exercise, answer) for attempted exercises and questions in an executed notebook."""
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
    questions = {human.id for human in assignment(name).humans}
    for cell in cells:
        marks = cell.get("metadata", {}).get("nbgrader", {}) if isinstance(cell, dict) else {}
        exercise = marks.get("grade_id") if isinstance(marks, dict) else None
        is_code = exercise in attempted and cell.get("cell_type") == "code"
        if is_code or exercise in questions:
            source = cell.get("source", "")
            yield str(exercise), "".join(source)[:LONGEST]


def _ours(release: Assignment, exercise: str) -> list[str]:
    """Return the course's solution and alternatives, which anybody may write without copying."""
    others = [answer_text(version) for version in alternatives(release.lesson, exercise)]
    return [release.solution(exercise), *others]


def _fingerprint(text: str, stub: Any = None) -> Any:
    """Return copydetect's fingerprint of a text, without the runs in the stub.

    copydetect uses the file name in messages only. Its version 0.5.0 keeps only the last place of
    a run that occurs more than once, which shortens all answers alike.
    """
    import copydetect  # here, because it imports pyplot, which is slow

    return copydetect.CodeFingerprint(
        "answer.py",
        RUN,
        1,
        boilerplate=list(stub.hashes) if stub else None,
        fp=io.StringIO(text[:LONGEST]),
        language="python",
    )


def _long_enough(print_: Any) -> bool:
    return print_.token_coverage >= SHORTEST


def _similarity(first: Any, second: Any) -> float:
    """Return the smaller of the two shares in common.

    So a short answer is not similar to a long one that contains it.
    """
    shared = first.hashes & second.hashes
    # First an upper bound, which is quick to compute and rules out most pairs.
    for one in (first, second):
        if sum(len(one.hash_idx[key]) for key in shared) * RUN < NEAR * one.token_coverage:
            return 0.0
    import copydetect

    return min(1.0, *map(float, copydetect.compare_files(first, second)[1]))
