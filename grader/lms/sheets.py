"""Turn marks into the rows of a file for Canvas or Moodle, or of a plain table.

Only data goes in and only rows come out: nothing here reads or writes a file. The sources of the
formats:

Canvas
    Names or ids, ``SIS Login ID``, ``Section``, then the assignments, as
    https://teaching.resources.osu.edu/toolsets/carmencanvas/guides/calculating-final-grades/import-csv-file-carmen-grades
    lists them. How Canvas reads and writes such a file is in its own source,
    https://github.com/instructure/canvas-lms, ``lib/gradebook_importer.rb`` and
    ``lib/gradebook_exporter.rb``: the points are in the line whose first cell holds the words
    Points Possible (Canvas writes four spaces before them); a column belongs to the assignment
    whose title, alone or followed by its number in brackets, is the heading; an unknown heading
    makes a new assignment. An empty cell counts as a change where Canvas has a mark already.
Moodle
    One column that identifies the student (username, ID number or e-mail address) and one for
    each grade item; a form after the upload asks which is which:
    https://docs.moodle.org/311/en/Grade_import. By ``grade/import/csv/classes/load_data.php`` of
    https://github.com/moodle/moodle a user that is not found ends the whole import, and the marks
    of a line without a user go to the user of the line before; so no such line is written.
    There is no column for feedback, since imported feedback replaces what Moodle has.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from grader.errors import ExportError
from grader.judge.intake import in_one_line
from grader.lms.csv_injection import NUMBER, without_formula
from grader.lms.roster import Line, Match, Roster, match

Cell = str | float | None  # None is an empty cell
NOBODY = Line(0, {})

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
CANVAS_POINTS = "    Points Possible"
# Canvas takes a column with these words for one of its computed ones, and skips it.
CANVAS_TOTALS = re.compile(r"(Current|Final|Override) (Score|Points|Grade|Status)")
MOODLE = ("Username", "ID number", "Email address")
PLAIN = (
    "student",
    "name",
    "e-mail",
    "assignment",
    "score",
    "max_score",
    "timestamp",
    "needs_manual_grade",
)


@dataclass(frozen=True)
class Person:
    """A student in the gradebook; all but the id may be empty."""

    id: str
    first: str = ""
    last: str = ""
    email: str = ""
    lms: str = ""

    @property
    def name(self) -> str:
        """The name, or the id where there is none."""
        return " ".join(filter(None, (self.first, self.last))) or self.id

    @property
    def sortable(self) -> str:
        """The name as Canvas sorts by it, last name first, or the id."""
        return ", ".join(filter(None, (self.last, self.first))) or self.id


@dataclass(frozen=True)
class Task:
    """An assignment, and what it is worth."""

    id: str
    max_score: float


@dataclass(frozen=True)
class SubmissionScore:
    """One student's score for one assignment that was handed in."""

    score: float
    penalty: float = 0.0
    timestamp: datetime.datetime | None = None  # in UTC, as nbgrader keeps it
    needs_mark: bool = False  # from a human
    unread: bool = False  # no part of it has a mark: all of it waits for a human
    blank: bool = False

    @property
    def mark(self) -> float | None:
        """The score minus the late penalty, never below 0; None for an empty cell."""
        return None if self.blank else max(0.0, self.score - self.penalty)


@dataclass(frozen=True)
class Marks:
    """A gradebook: students, assignments, and submissions by (student, assignment)."""

    people: tuple[Person, ...]
    tasks: tuple[Task, ...]
    submissions: Mapping[tuple[str, str], SubmissionScore]


@dataclass(frozen=True)
class Sheet:
    """Rows of text, the first of which contains the headings, and notices for the user."""

    rows: tuple[tuple[str, ...], ...]
    notices: tuple[str, ...] = ()


def sheet(
    form: str,
    marks: Marks,
    *,
    roster: Roster | None = None,
    assignments: Iterable[str] = (),
    students: Iterable[str] = (),
    missing_as_zero: bool = False,
    unreadable_as_zero: bool = False,
) -> Sheet:
    """Put the marks into the form ``canvas``, ``moodle`` or ``csv``.

    ``assignments`` and ``students`` select; the default is every student and every assignment that
    anybody has handed in. ExportError for a name that does not exist, and wherever the file could
    give one student the marks of another.
    """
    marks, notices = chosen(marks, tuple(assignments), tuple(students), unreadable_as_zero)
    found = Match({}, (), ())
    if roster is not None:
        _check_columns(form, roster)
        if "student_id" in roster.known and roster.others and not roster.points:
            # In a list made by hand, an unknown heading may be a known one that is misspelt.
            notices.append(f"{roster.name}: skipped {', '.join(filter(None, roster.others))}")
        found = match(roster, ((one.id, one.email, one.lms) for one in marks.people))
        if found.missing:
            what = "exported without its columns" if form == "csv" else "left out"
            notices.append(f"not in {roster.name}, and {what}: {', '.join(found.missing)}")
        if found.unmatched and not tuple(students):
            marks, found, note = _with_unmatched(marks, found, roster, missing_as_zero)
            notices.append(note)
    still = waiting(marks)
    rows, more = FORMS[form](marks, found, roster, 0.0 if missing_as_zero else None)
    notices = [in_one_line(notice) for notice in (*notices, *more, *still)]
    return Sheet(tuple(tuple(map(text, row)) for row in rows), tuple(notices))


def text(cell: Cell) -> str:
    """Format a cell: a number with at most five decimals, text so that it is never a formula."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return without_formula(cell)
    return f"{cell:.5f}".rstrip("0").rstrip(".")


def chosen(
    marks: Marks, assignments: tuple[str, ...], students: tuple[str, ...], unread: bool
) -> tuple[Marks, list[str]]:
    """Select marks; an assignment that nobody handed in is included only if it is named.

    With ``unread``, submissions that could not be read get the mark 0, otherwise none.
    """
    tasks, people = marks.tasks, marks.people
    _check_exist("assignment", assignments, [task.id for task in tasks])
    _check_exist("student", students, [one.id for one in people])
    notices = []
    if students:
        people = tuple(one for one in people if one.id in students)
    if assignments:
        tasks = tuple(task for task in tasks if task.id in assignments)
    else:
        handed_in = {assignment for _, assignment in marks.submissions}
        empty = [task.id for task in tasks if task.id not in handed_in]
        tasks = tuple(task for task in tasks if task.id in handed_in)
        if empty:
            notices.append(
                f"no column for {', '.join(empty)}, which nobody handed in; --assignment adds one"
            )
    if not tasks:
        raise ExportError("the gradebook holds no marks: grade something first")
    submissions = {
        place: replace(one, blank=one.unread and not unread)
        for place, one in marks.submissions.items()
    }
    return replace(marks, tasks=tasks, people=people, submissions=submissions), notices


def _check_exist(kind: str, selected: tuple[str, ...], known: list[str]) -> None:
    for one in selected:
        if one not in known:
            raise ExportError(
                f"the gradebook has no {kind} {one!r}; it has {', '.join(known) or 'none at all'}"
            )


def _check_columns(form: str, roster: Roster) -> None:
    needed = {"canvas": CANVAS[1:4], "moodle": MOODLE}.get(form)
    if needed and not roster.known & set(needed):
        raise ExportError(
            f"{roster.name} has none of the columns by which {form.capitalize()} knows a student: "
            f"{', '.join(needed)}; export it from there"
        )


def _with_unmatched(
    marks: Marks, found: Match, roster: Roster, zero: bool
) -> tuple[Marks, Match, str]:
    """With ``zero``, add the students who are only on the roster; a notice names them in any case.

    The gradebook may know only students who have handed in something.
    """
    names = ", ".join(line.key for line in found.unmatched)
    if not zero:
        return marks, found, f"only in {roster.name}, and left out: {names}"
    new = [Person(line.key) for line in found.unmatched]
    lines = {**found.lines, **{line.key: line for line in found.unmatched}}
    marks = replace(marks, people=(*marks.people, *new))
    _distinct([one.id for one in marks.people], "student", roster.name)
    note = f"only in {roster.name}, and given zeros: {names}"
    return marks, Match(lines, found.missing, ()), note


def waiting(marks: Marks) -> list[str]:
    """Return a notice for each assignment in which a human has yet to give marks."""
    notices = []
    for task in marks.tasks:
        found = ((one.id, marks.submissions.get((one.id, task.id))) for one in marks.people)
        own = [(student, one) for student, one in found if one is not None]
        blank = [student for student, one in own if one.blank]
        if blank:
            notices.append(
                f"{task.id}: a human has yet to mark all of it, such as an unreadable file; "
                f"the cell is empty (--unreadable zero gives 0): {', '.join(blank)}"
            )
        names = [student for student, one in own if one.needs_mark and not one.blank]
        if names:
            notices.append(
                f"{task.id}: {len(names)} {'wait' if len(names) > 1 else 'waits'} for a human's "
                f"mark (Formgrader), not yet in the score: {', '.join(names)}"
            )
    return notices


def _check_titles(names: Iterable[str], what: str) -> None:
    """Raise ExportError if two names are equal to an LMS that ignores case and spaces."""
    seen: dict[str, str] = {}
    for name in names:
        plain = " ".join(name.split()).casefold()
        if plain in seen:
            raise ExportError(f"two {what} called {name!r}: give one of them another name")
        seen[plain] = name


def _distinct(values: Iterable[str], what: str, name: str) -> None:
    """Raise ExportError if two students share an id in the LMS: one would get the other's marks."""
    seen: set[str] = set()
    for value in values:
        if value and value in seen:
            raise ExportError(f"{name} has the {what} {value!r} for two students: fix one of them")
        seen.add(value)


def _cells(marks: Marks, one: Person, missing: float | None) -> list[Cell]:
    found = (marks.submissions.get((one.id, task.id)) for task in marks.tasks)
    return [missing if submission is None else submission.mark for submission in found]


Made = tuple[list[list[Cell]], list[str]]  # rows and notices


def _canvas(marks: Marks, found: Match, roster: Roster | None, missing: float | None) -> Made:
    titles, notices = _canvas_titles(marks, roster)
    _check_titles([*CANVAS, *titles], "columns are")
    rows: list[list[Cell]] = [
        [*CANVAS, *titles],
        [CANVAS_POINTS, *[None] * 4, *(task.max_score for task in marks.tasks)],
    ]
    names: dict[str, list[str]] = {}
    altered = []
    # Canvas's import asks which student an unknown row belongs to, and a wrong answer gives one
    # student the marks of another.
    people = [one for one in marks.people if roster is None or one.id in found.lines]
    for one in people:
        identity = _canvas_columns(one, found.lines.get(one.id))
        names.setdefault(identity[0], []).append(one.id)
        if any(text(cell) != cell for cell in identity[1:]):
            altered.append(one.id)
        rows.append([*identity, *_cells(marks, one, missing)])
    for column, what in enumerate(CANVAS[1:4], start=1):
        where = roster.name if roster else "the gradebook"
        _distinct((str(row[column]) for row in rows[2:]), what, where)
    for name, ids in names.items():
        if len(ids) > 1:
            notices.append(f"{', '.join(ids)} are all called {name}: check whom Canvas chooses")
    return rows, notices + _apostrophes(altered)


def _canvas_columns(one: Person, line: Line | None) -> list[str]:
    if line is not None:
        return [line.name or one.sortable, *(line[heading] for heading in CANVAS[1:])]
    # Canvas reads only the digits at the beginning of an ID: "12x" would be taken for the student
    # with number 12.
    number = re.fullmatch(r"[0-9]+", one.lms) is not None
    return [one.sortable, one.lms if number else "", "" if number else one.lms, one.id, ""]


def _canvas_titles(marks: Marks, roster: Roster | None) -> tuple[list[str], list[str]]:
    """Return the headings: Canvas's own, with the assignment's number, if the roster has one."""
    titles: list[str] = []
    notices: list[str] = []
    for task in marks.tasks:
        if CANVAS_TOTALS.search(task.id):
            raise ExportError(f"Canvas skips a column called {task.id!r}: rename the assignment")
        own = re.compile(rf"{re.escape(task.id)}( \([0-9]+\))?")
        in_canvas = [title for title in (roster.others if roster else ()) if own.fullmatch(title)]
        if roster and len(in_canvas) > 1:
            raise ExportError(
                f"{roster.name} has the assignment {task.id} more than once "
                f"({', '.join(in_canvas)}): rename or remove one in Canvas"
            )
        titles.append(in_canvas[0] if in_canvas else task.id)
        points = roster.points.get(in_canvas[0], "") if roster and in_canvas else ""
        notices += worth_otherwise(task, points, "in Canvas")
    return titles, notices


def worth_otherwise(task: Task, points: str, where: str) -> Iterator[str]:
    """Yield a notice if the LMS and the gradebook give the assignment different points."""
    if NUMBER.fullmatch(points) and float(points.replace(",", ".")) != task.max_score:
        yield (
            f"{task.id} is worth {text(task.max_score)} here and {points} {where}: "
            "make them equal there, scores are not scaled"
        )


def _moodle(marks: Marks, found: Match, roster: Roster | None, missing: float | None) -> Made:
    titles = [task.id for task in marks.tasks]
    heading, notices = MOODLE[0], []
    people = [(one, one.id) for one in marks.people]
    if roster is not None:
        heading, people, without = _moodle_identified(marks, found, roster)
        _distinct((name for _, name in people), heading, roster.name)
        if without:
            notices.append(f"no {heading} in {roster.name}, and left out: {', '.join(without)}")
    _check_titles([heading, *titles], "columns are")
    rows: list[list[Cell]] = [[heading, *titles]]
    rows += [[name, *_cells(marks, one, missing)] for one, name in people]
    return rows, notices + _apostrophes([name for _, name in people if text(name) != name])


def _moodle_identified(
    marks: Marks, found: Match, roster: Roster
) -> tuple[str, list[tuple[Person, str]], list[str]]:
    """Return the column that identifies most students, those with it, and the others' ids."""
    matched = [one for one in marks.people if one.id in found.lines]
    heading = max(
        (one for one in MOODLE if one in roster.known),
        key=lambda heading: sum(bool(found.lines[one.id][heading]) for one in matched),
    )
    people = [(one, name) for one in matched if (name := found.lines[one.id][heading])]
    return heading, people, [one.id for one in matched if not found.lines[one.id][heading]]


def _apostrophes(ids: list[str]) -> list[str]:
    if not ids:
        return []
    names = ", ".join(map(repr, ids))
    return [f"ids that look like formulas got an apostrophe, which the LMS may not know: {names}"]


def _plain(marks: Marks, found: Match, roster: Roster | None, missing: float | None) -> Made:
    rows: list[list[Cell]] = [[*PLAIN]]
    for one in marks.people:
        line = found.lines.get(one.id, NOBODY)
        identity = [one.id, line.name or one.name, line["Email address"] or one.email]
        for task in marks.tasks:
            submission = marks.submissions.get((one.id, task.id))
            mark = missing if submission is None else submission.mark
            needs_mark = "true" if submission and submission.needs_mark else "false"
            about = [task.id, mark, task.max_score, _when(submission), needs_mark]
            rows.append([*identity, *about])
    return rows, []


def _when(submission: SubmissionScore | None) -> str | None:
    if submission is None or submission.timestamp is None:
        return None
    return f"{submission.timestamp.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


FORMS: Mapping[str, Callable[[Marks, Match, Roster | None, float | None], Made]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "csv": _plain,
}
