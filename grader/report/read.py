"""Read the records of graded submissions, and the marks in the gradebook."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.files import named_for
from grader.judge.outcome import NOT_ATTEMPTED, OUTCOMES, REJECTED
from grader.records.late import duration
from grader.records.manual_grading import read_names
from grader.records.nbgrader_tables import read_gradebook, standings
from grader.records.written import RECORDS

NO_SANDBOX = "none"  # the level of sandbox in a record made with --no-sandbox


@dataclass(frozen=True)
class Check:
    """One check's result."""

    name: str
    passed: bool
    misconception: str = ""


@dataclass(frozen=True)
class Exercise:
    """One exercise of one submission."""

    id: str
    score: float
    max_score: float
    attempted: bool
    checks: tuple[Check, ...] = ()

    @property
    def passed(self) -> bool:
        return self.attempted and all(check.passed for check in self.checks)


@dataclass(frozen=True)
class Submission:
    """One record."""

    student: str
    assignment: str
    outcome: str
    score: float
    max_score: float
    reason: str = ""
    exercises: tuple[Exercise, ...] = ()
    sandbox: str = ""
    notices: tuple[str, ...] = ()  # why a person has to look
    digest: str = ""  # of the bytes handed in; empty if an earlier version graded them

    @property
    def counted(self) -> bool:
        """Whether it could be read; if not, it says nothing about what its author can do."""
        return self.outcome != REJECTED

    @property
    def tried(self) -> bool:
        """Whether anything was attempted."""
        return self.counted and self.outcome != NOT_ATTEMPTED


@dataclass(frozen=True)
class Mark:
    """The gradebook's mark: a person's points included, minus the late penalty.

    ``by_person``: a person gave or changed points. ``waiting``: a person has yet to give points.
    ``penalty`` was taken off because the submission was ``seconds_late``.
    """

    score: float
    max_score: float
    by_person: bool = False
    waiting: bool = False
    penalty: float = 0.0
    seconds_late: float = 0.0

    @property
    def late(self) -> str:
        """How late it was, in words; empty if in time."""
        return f"{duration(self.seconds_late)} late" if self.seconds_late else ""


@dataclass(frozen=True)
class Unreadable:
    """A record that cannot be used, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class Records:
    """The data for a report; ``marks`` are the gradebook's, by (student, assignment)."""

    submissions: tuple[Submission, ...]
    unreadable: tuple[Unreadable, ...] = ()
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of students, where they are known

    @property
    def assignments(self) -> list[str]:
        return sorted({one.assignment for one in self.submissions})

    @property
    def students(self) -> list[str]:
        return sorted({one.student for one in self.submissions})

    @property
    def unsandboxed(self) -> list[Submission]:
        """The submissions that ran without a sandbox."""
        return [one for one in self.submissions if one.sandbox == NO_SANDBOX]

    @property
    def to_look_at(self) -> list[Submission]:
        """The submissions that a person has to look at."""
        return [one for one in self.submissions if one.notices]

    def result(self, one: Submission) -> Mark | Submission:
        """Return the gradebook's mark of a submission, or the submission itself if it has none."""
        return self.marks.get((one.student, one.assignment), one)

    def of(self, assignment: str) -> list[Submission]:
        return [one for one in self.submissions if one.assignment == assignment]


def read_records(course_dir: Path, only: str | None = None) -> Records:
    """Read all records below ``course_dir``, and the gradebook's marks for the same submissions.

    ``only`` selects one assignment. A record that cannot be read is listed, and does not stop the
    report. GradebookError if the gradebook cannot be opened.
    """
    found: list[Submission] = []
    unreadable: list[Unreadable] = []
    for path in sorted((course_dir / RECORDS).glob("*/*.json")):
        if only is not None and path.parent.name != only:
            continue
        try:
            found.append(submission_of(path))
        except (OSError, ValueError, RecursionError) as error:
            unreadable.append(Unreadable(path, _reason(error)))
    marks = _marks(course_dir, {one.assignment for one in found})
    names = read_names(course_dir / "gradebook.db")
    return Records(tuple(found), tuple(unreadable), marks, names)


def submission_of(path: Path) -> Submission:
    """Read a submission from its record; ValueError says what is wrong with the record."""
    record = json.loads(path.read_bytes())
    result = _get(record, "result", dict)
    submission = Submission(
        student=_get(result, "student", str),
        assignment=_get(result, "assignment", str),
        outcome=_get(result, "outcome", str),
        score=_points(result, "score"),
        max_score=_points(result, "max_score"),
        reason=_get(result, "reason", str),
        exercises=tuple(map(_exercise, _get(result, "exercises", list))),
        sandbox=_get(record, "sandbox", str),
        notices=tuple(map(str, result.get("notices") or ())),
        digest=str(record.get("submission") or ""),
    )
    if submission.outcome not in OUTCOMES:
        raise ValueError(f"there is no outcome {submission.outcome!r}")
    # Notebooks are looked up by these names: a record must not lead to another student's notebook.
    place = (submission.assignment, named_for(submission.student, path.suffix))
    if place != (path.parent.name, path.name):
        raise ValueError("it is the record of another submission")
    return submission


def _exercise(item: Any) -> Exercise:
    return Exercise(
        id=_get(item, "id", str),
        score=_points(item, "score"),
        max_score=_points(item, "max_score"),
        attempted=_get(item, "attempted", bool),
        checks=tuple(map(_check, _get(item, "checks", list))),
    )


def _check(item: Any) -> Check:
    known = _get(item, "misconception", (str, type(None)))
    return Check(_get(item, "name", str), _get(item, "passed", bool), known or "")


def _get(item: Any, name: str, kind: Any) -> Any:
    value = item.get(name) if isinstance(item, dict) else None
    if not isinstance(value, kind) or (name not in item):
        raise ValueError(f"it has no usable {name!r}")
    return value


def _points(item: Any, name: str) -> float:
    value = _get(item, name, (int, float))
    if isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise ValueError(f"it has no usable {name!r}")
    return float(value)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError)):
        return "it is not JSON"
    return str(error)


def _marks(course_dir: Path, wanted: set[str]) -> dict[tuple[str, str], Mark]:
    """Read the gradebook's marks, a person's in place of automatic ones; {} without a gradebook."""
    with read_gradebook(course_dir / "gradebook.db") as book:
        found = standings(book) if book is not None else {}
    return {
        owner: Mark(
            round(max(0.0, one.score - (one.penalty or 0.0)), 2),
            round(one.max_score, 2),
            one.by_person,
            one.waiting,
            one.penalty or 0.0,
            one.seconds_late,
        )
        for owner, one in found.items()
        if owner[1] in wanted
    }
