"""The ledger against the gradebook: every mark is one that the ledger can account for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.records import ledger


@dataclass(frozen=True)
class Difference:
    """One thing that does not agree, and where."""

    where: str
    what: str


@dataclass(frozen=True)
class Verified:
    """How much was compared, and what differs."""

    lines: int
    marks: int
    differences: tuple[Difference, ...]


def verify(course_dir: Path, secret: bytes) -> Verified:
    """Walk the chain, then derive each mark from the newest line and compare it."""
    lines = list(ledger.read(course_dir, secret))
    found = [
        Difference(f"{ledger.NAME}, line {one.place}", one.fault) for one in lines if one.fault
    ]
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        if line.entry and "altered" not in line.fault:
            newest[line.entry["student"], line.entry["assignment"]] = line.entry
    marks = 0
    for place, given, due in _marks(course_dir, newest):
        marks += 1
        if given != due:
            found.append(Difference(place, f"the gradebook says {given}, the ledger {due}"))
    return Verified(len(lines), marks, tuple(found))


def _marks(
    course_dir: Path, newest: dict[tuple[str, str], dict[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """(where, the gradebook's mark, the ledger's mark) for every exercise that either knows."""
    book = _gradebook(course_dir)
    for student, assignment in sorted(newest.keys() | book.keys()):
        where = f"{student}/{assignment}"
        entry, grades = newest.get((student, assignment)), book.get((student, assignment))
        if entry is None:
            yield where, "marks", "nothing"
            continue
        due = {f"check_{one['id']}": one["score"] for one in entry["exercises"]}
        if grades is None:
            yield where, "nothing", f"{entry['score']:g}"
            continue
        for name in sorted(due.keys() | grades.keys()):
            exercise = f"{where}/{name.removeprefix('check_')}"
            said = f"{due[name]:g}" if name in due else "nothing"
            yield exercise, grades.get(name, "nothing"), said


def _gradebook(course_dir: Path) -> dict[tuple[str, str], dict[str, str]]:
    """What the gradebook gives for each check cell: a person's mark over an automatic one."""
    from grader.records.nbgrader_gradebook import nbgrader_gradebook

    path = course_dir / "gradebook.db"
    if not path.exists():
        return {}
    marks: dict[tuple[str, str], dict[str, str]] = {}
    with nbgrader_gradebook(path) as book:
        for assignment in book.assignments:
            for submission in assignment.submissions:
                own = marks.setdefault((submission.student.id, assignment.name), {})
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        if grade.name.startswith("check_"):
                            own[grade.name] = _shown(grade)
    return marks


def _shown(grade: Any) -> str:
    if grade.manual_score is not None:
        return f"{grade.manual_score:g} (given by a person)"
    extra = f" + {grade.extra_credit:g} extra" if grade.extra_credit else ""
    return ("nothing" if grade.auto_score is None else f"{grade.auto_score:g}") + extra
