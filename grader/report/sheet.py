"""Write records as CSV: a line for each check of each exercise of each submission."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from grader.lms.csv_injection import without_formula
from grader.report.read import Submission

COLUMNS = (
    "student",
    "assignment",
    "outcome",
    "exercise",
    "score",
    "max_score",
    "attempted",
    "check",
    "passed",
    "misconception",
)


def csv_text(submissions: Iterable[Submission]) -> str:
    """Return the whole file. ``score`` and ``max_score`` are those of the exercise.

    An exercise that was not attempted has one line, without a check. A submission without exercises
    (a rejected one) has one line, with its own score.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in submissions:
        for row in _rows(one):
            writer.writerow(map(cell, row))
    return out.getvalue()


def cell(value: object) -> str:
    """Format a value as text that no spreadsheet takes for a formula."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else without_formula(str(value))


def _rows(one: Submission) -> Iterator[tuple]:
    head = (one.student, one.assignment, one.outcome)
    if not one.exercises:
        yield (*head, "", one.score, one.max_score, "", "", "", "")
    for item in one.exercises:
        exercise = (*head, item.id, item.score, item.max_score, item.attempted)
        if not item.checks:
            yield (*exercise, "", "", "")
        for check in item.checks:
            yield (*exercise, check.name, check.passed, check.misconception)
