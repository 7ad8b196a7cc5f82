"""Compare the gradebook with the ledger, which must account for every mark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.records import ledger


@dataclass(frozen=True)
class Difference:
    """One disagreement, and where it is."""

    where: str
    what: str


@dataclass(frozen=True)
class Verified:
    """How much was compared, and what differs."""

    lines: int
    marks: int
    differences: tuple[Difference, ...]


def verify(course_dir: Path, secret: bytes) -> Verified:
    """Follow the ledger's chain; compare each mark with the newest line that gives it."""
    lines = list(ledger.read(course_dir, secret))
    found = [
        Difference(f"{ledger.NAME}, line {one.place}", one.fault) for one in lines if one.fault
    ]
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for line in lines:
        if line.entry and "altered" not in line.fault:
            newest[line.entry["student"], line.entry["assignment"]] = line.entry
    marks = 0
    for where, in_gradebook, in_ledger in _marks(course_dir, newest):
        marks += 1
        if in_gradebook != in_ledger:
            what = f"the gradebook says {in_gradebook}, the ledger {in_ledger}"
            found.append(Difference(where, what))
    return Verified(len(lines), marks, tuple(found))


def _marks(
    course_dir: Path, newest: dict[tuple[str, str], dict[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """(where, the gradebook's mark, the ledger's mark) for every exercise that either has."""
    book = _gradebook(course_dir)
    for student, assignment in sorted(newest.keys() | book.keys()):
        where = f"{student}/{assignment}"
        entry, grades = newest.get((student, assignment)), book.get((student, assignment))
        if entry is None:
            yield where, "marks", "nothing"
            continue
        scores = {f"check_{one['id']}": one["score"] for one in entry["exercises"]}
        if grades is None:
            yield where, "nothing", f"{entry['score']:g}"
            continue
        for name in sorted(scores.keys() | grades.keys()):
            exercise = f"{where}/{name.removeprefix('check_')}"
            in_ledger = f"{scores[name]:g}" if name in scores else "nothing"
            yield exercise, grades.get(name, "nothing"), in_ledger


def _gradebook(course_dir: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The gradebook's mark for each check cell: a person's, where there is one."""
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
                            own[grade.name] = _mark_text(grade)
    return marks


def _mark_text(grade: Any) -> str:
    if grade.manual_score is not None:
        return f"{grade.manual_score:g} (given by a person)"
    extra = f" + {grade.extra_credit:g} extra" if grade.extra_credit else ""
    return ("nothing" if grade.auto_score is None else f"{grade.auto_score:g}") + extra
