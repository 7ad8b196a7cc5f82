"""The records as CSV: a line for each check of each exercise of each submission."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator

from grader.judge.report.read import Submission

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
FORMULA = "=+-@\t\r\n"


def csv_text(submissions: Iterable[Submission]) -> str:
    """The whole file. ``score`` and ``max_score`` are those of the exercise.

    Where nothing was attempted there is a line without a check; where there is no exercise at
    all, one with the submission's own score.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for one in submissions:
        for row in _rows(one):
            writer.writerow(map(cell, row))
    return out.getvalue()


def cell(value: object) -> str:
    """A value as text that no spreadsheet takes for a formula.

    Text that begins with = + - @, a tab or a line end gets an apostrophe in front (OWASP, "CSV
    Injection"); so do the full-width forms, which some spreadsheets read as the usual ones.
    Quoting alone, which the csv module does, does not keep a spreadsheet from running it.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return f"'{text}" if text and unicodedata.normalize("NFKC", text[0]) in FORMULA else text


def _rows(one: Submission) -> Iterator[tuple]:
    head = (one.student, one.assignment, one.outcome)
    if not one.exercises:
        yield (*head, "", one.score, one.max_score, "", "", "", "")
    for item in one.exercises:
        about = (*head, item.id, item.score, item.max_score, item.attempted)
        if not item.checks:
            yield (*about, "", "", "")
        for check in item.checks:
            yield (*about, check.name, check.passed, check.misconception)
