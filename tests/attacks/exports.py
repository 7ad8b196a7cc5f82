"""What could be wrong with the tables that are exported of students with such names.

Each table is read again as spreadsheets read it, also in countries where the separator is ``;``.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator

from grader.errors import ExportError
from grader.lms import roster, worksheet
from grader.lms.csv_injection import NUMBER
from grader.lms.export import encode
from grader.lms.roster import Directory
from grader.lms.sheets import FORMS, Marks, Person, SubmissionScore, Task, sheet
from grader.report.read import Submission
from grader.report.sheet import csv_text

TASK = Task("02_self_attention", 10.0)
NEIGHBOURS, OTHERS, SHOWN = 7.25, 0.0, "7.25"


def exported_faults(listed: str) -> Iterator[str]:
    """What is wrong with tables in which the neighbour has 7.25 points, and all others none."""
    known = roster.read(listed, "roster.csv")
    students = Directory(known).students
    marks = Marks(
        tuple(Person(one.id, *one.names, one.line["Email address"]) for one in students),
        (TASK,),
        {
            (one.id, TASK.id): SubmissionScore(NEIGHBOURS if one.id == "neighbour" else OTHERS)
            for one in students
        },
    )
    for form in FORMS:
        for listing in (None, known):
            try:
                made = sheet(form, marks, roster=listing)
            except ExportError:  # it says so, and writes nothing
                continue
            text = encode(made).decode()
            yield from (
                f"a notice that is not printable: {ascii(notice)[:100]}"
                for notice in made.notices
                if not notice.isprintable()
            )
            yield from _formulas(form, text)
            yield from _misplaced(form, text, [one.id for one in students])
    reported = [Submission(one.id, TASK.id, "rejected", 0.0, 10.0) for one in students]
    yield from _formulas("report", csv_text(reported))
    if "Identifier" in known.known and "Grade" in listed:
        yield from _in_the_worksheet(listed, marks)


def _formulas(form: str, text: str) -> Iterator[str]:
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            for cell in row:
                first = unicodedata.normalize("NFKC", cell.strip()[:1])
                if first in ("=", "+", "-", "@") and not NUMBER.fullmatch(cell.strip()):
                    yield f"{form}, cut at {separator!r}: the formula {ascii(cell)[:60]}"


def _misplaced(form: str, text: str, ids: list[str]) -> Iterator[str]:
    """A line for each student, and the neighbour's points in the neighbour's alone."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    heads = 2 if form == "canvas" else 1
    if len(rows) != len(ids) + heads:
        yield f"{form}: {len(rows)} lines for {len(ids)} students"
    for row in rows[heads:]:
        if (SHOWN in row) != ("neighbour" in row):
            yield f"{form}: the points of another in the line {ascii(row)[:100]}"


def _in_the_worksheet(listed: str, marks: Marks) -> Iterator[str]:
    content = roster.Content(listed)
    try:
        filled, _ = worksheet.filled("moodle-worksheet", content, "roster.csv", marks, {})
    except ExportError:
        return
    before = list(csv.reader(io.StringIO(listed, newline="")))
    after = list(csv.reader(io.StringIO(filled.decode(), newline="")))
    column = before[0].index("Grade")
    if len(before) != len(after):
        yield "the worksheet has more lines or fewer than before"
    for old, new in zip(before[1:], after[1:], strict=False):
        if old[:column] != new[:column] or old[column + 1 :] != new[column + 1 :]:
            yield "the worksheet has other cells than before"
        if (new[column] == SHOWN) != ("neighbour" in new):
            yield f"the worksheet has the points of another in {ascii(new)[:100]}"
