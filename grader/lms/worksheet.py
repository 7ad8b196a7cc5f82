"""Fill marks into a file from an LMS, and leave the rest of it unchanged, byte for byte.

Moodle
    The grading worksheet of one assignment. By ``mod/assign/feedback/offline/importgradeslib.php``
    of https://github.com/moodle/moodle its import reads the columns ``Identifier``, ``Grade`` and
    ``Last modified (grade)``, and the columns of feedback, and ignores the rest. It skips grades
    that were changed in Moodle since the worksheet was downloaded, unless told otherwise.
Blackboard
    The grade center, downloaded with *Work Offline*: a student is the ``Username``, a column is
    identified by the number after the ``|`` in its heading, and a heading without a number makes a
    new text column: http://library.blackboard.com/ref/3ea64795-6ecc-4abd-b595-0a9a8dfdec94/Content/_instructor_grade_center/grade_center_upload_download.htm
    So marks go into existing columns only.
Brightspace
    The grades, exported with *Points grade*: a student is ``OrgDefinedId`` or ``Username``, a
    column is the item's name followed by ``Points Grade``:
    https://community.d2l.com/brightspace/kb/articles/3538-importing-grades
    It puts # before ids, so that no spreadsheet takes them for numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from grader.errors import ExportError
from grader.lms import roster
from grader.lms.roster import Match, Roster
from grader.lms.sheets import Marks, Task, text, worth_otherwise


@dataclass(frozen=True)
class Form:
    """One system's file: its name, the columns it must have, and the column for marks.

    ``column`` is a pattern for an assignment's heading, with its id in place of ``{task}``;
    ``points`` is one for the maximum points in that heading. ``students``: the columns of which one
    must identify the student.
    """

    called: str
    students: tuple[str, ...]
    column: str
    points: str = ""
    single: bool = False  # about one assignment only


FORMS: Mapping[str, Form] = {
    "moodle-worksheet": Form("Moodle's grading worksheet", ("Identifier",), r"Grade", single=True),
    "blackboard": Form(
        "Blackboard's grade center",
        ("Username", "student_id"),
        r"{task}( \[.*\])? ?\|\d+",
        r"\[Total Pts: (?:up to )?([\d.,]+)",
    ),
    "brightspace": Form(
        "Brightspace's exported grades",
        ("OrgDefinedId", "Username", "student_id"),
        r"{task} Points Grade( <.*>)?",
        r"MaxPoints:([\d.,]+)",
    ),
}
CHANGEABLE, MAXIMUM = "Grade can be changed", "Maximum Grade"  # Moodle's headings
MODIFIED = "Last modified (grade)"


@dataclass(frozen=True)
class _Row:
    """A line of the file: where each cell begins and ends in the text, and its value."""

    number: int  # of its last line, as the csv module counts
    spans: tuple[tuple[int, int], ...]
    cells: tuple[str, ...]


def filled(
    form: str,
    content: roster.Content,
    name: str,
    marks: Marks,
    participants: Mapping[str, str],
    missing: float | None = None,
    everybody: bool = True,
) -> tuple[bytes, list[str]]:
    """Return the file with marks filled in, and notices; without a mark, a cell is left unchanged.

    ``participants``: students' participant numbers in Moodle's archive, where known. ``missing``,
    if not None, is written where nothing was handed in. ``everybody``: the marks are those of the
    whole course, so that whoever else is in the file has handed in nothing.
    """
    kind = FORMS[form]
    listed = roster.read(content.text, name)
    if not listed.known & set(kind.students):
        raise ExportError(
            f"{name} is not {kind.called}: it has no column {' or '.join(kind.students)}"
        )
    if kind.single and len(marks.tasks) > 1:
        names = ", ".join(task.id for task in marks.tasks)
        raise ExportError(f"{name} is for one assignment: name it with --assignment ({names})")
    rows = _rows(content.text, roster.separator(content.text), name)
    titles = [cell.strip() for cell in rows[0].cells]
    columns = {task: _column(titles, kind, task, name) for task in marks.tasks}
    found = _matched(marks, listed, participants)
    notices = _about_points(columns, titles, rows[1:], kind)
    if form == "moodle-worksheet" and MODIFIED not in titles:
        notices.append(
            f"{name} has no column {MODIFIED!r}: Moodle may refuse it; download it again"
        )
    if found.missing:
        notices.append(f"not in {name}, and left out: {', '.join(found.missing)}")
    by_number = {row.number: row for row in rows}
    new: dict[tuple[int, int], str] = {}
    locked = []
    for one in marks.people:
        line = found.lines.get(one.id)
        if line is None:
            continue
        row = by_number[line.number]
        if _is_locked(row, titles):
            locked.append(one.id)
            continue
        for task, column in columns.items():
            submission = marks.submissions.get((one.id, task.id))
            mark = missing if submission is None else submission.mark
            if mark is None:
                continue
            if column >= len(row.spans):
                raise ExportError(
                    f"{name}, line {row.number}, ends before the column {task.id}: download the "
                    "file again"
                )
            new[row.spans[column]] = text(mark)
    if missing is not None and everybody:
        for line in found.unmatched:
            row = by_number[line.number]
            if _is_locked(row, titles):
                continue
            for column in columns.values():
                if column < len(row.spans) and not row.cells[column].strip():
                    new[row.spans[column]] = text(missing)
    if locked:
        notices.append(f"locked in {name}, and left unchanged: {', '.join(locked)}")
    return content.encode(_spliced(content.text, new)), notices


def _column(titles: list[str], kind: Form, task: Task, name: str) -> int:
    pattern = re.compile(kind.column.replace("{task}", re.escape(task.id)))
    places = [place for place, title in enumerate(titles) if pattern.fullmatch(title)]
    if len(places) != 1:
        what = "no column" if not places else "more than one column"
        where = "Grade" if kind.single else task.id
        raise ExportError(
            f"{name} has {what} for {where}: {kind.called} needs one; "
            + ("" if kind.single else "make it there under this name, and ")
            + f"download the file {'in English' if kind.single else 'again'}"
        )
    return places[0]


def _matched(marks: Marks, listed: Roster, participants: Mapping[str, str]) -> Match:
    more = {
        one.id: (
            ("Identifier", participants.get(one.id, "")),
            ("OrgDefinedId", one.id),
            ("OrgDefinedId", one.lms),
            ("Username", one.id),
        )
        for one in marks.people
    }
    return roster.match(listed, ((one.id, one.email, one.lms) for one in marks.people), more)


def _about_points(
    columns: Mapping[Task, int], titles: list[str], rows: list[_Row], kind: Form
) -> list[str]:
    """Return a notice for each assignment whose maximum points differ in the LMS."""
    notices: list[str] = []
    for task, column in columns.items():
        stated = {_cell(row, titles, MAXIMUM) for row in rows} if kind.single else set()
        if kind.points:
            stated = set(re.findall(kind.points, titles[column])[:1])
        for points in sorted(stated):
            notices += worth_otherwise(task, points, "there")
    return notices


def _is_locked(row: _Row, titles: list[str]) -> bool:
    return _cell(row, titles, CHANGEABLE).casefold() == "no"


def _cell(row: _Row, titles: list[str], heading: str) -> str:
    place = titles.index(heading) if heading in titles else len(row.cells)
    return row.cells[place].strip() if place < len(row.cells) else ""


def _rows(content: str, separator: str, name: str) -> list[_Row]:
    """Parse a CSV file into lines with each cell's place. ExportError if it is not CSV."""
    field = re.compile(
        rf'("(?:[^"]|"")*"|[^{re.escape(separator)}\r\n"]*)({re.escape(separator)}|\r\n|\r|\n|\Z)'
    )
    rows, spans, place, number = [], list[tuple[int, int]](), 0, 0
    while place < len(content) or spans:
        found = field.match(content, place)
        if found is None:
            raise ExportError(f"{name}, line {number + 1}, is not CSV; download the file again")
        spans.append(found.span(1))
        ended = found[2] != separator
        number += len(re.findall(r"\r\n|\r|\n", found[1])) + ended
        place = found.end()
        if ended:
            rows.append(_Row(number, tuple(spans), tuple(_plain(content[a:b]) for a, b in spans)))
            spans = []
    return [row for row in rows if any(cell.strip() for cell in row.cells)]


def _plain(cell: str) -> str:
    return next(iter(csv.reader(io.StringIO(cell, newline=""))), [""])[0] if '"' in cell else cell


def _spliced(content: str, new: Mapping[tuple[int, int], str]) -> str:
    parts, end = [], 0
    for (first, last), cell in sorted(new.items()):
        parts += [content[end:first], cell]
        end = last
    return "".join([*parts, content[end:]])
