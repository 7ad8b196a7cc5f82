"""Read a list of students from an LMS, and find the course's students in it.

Only the letters and digits of a heading count: ``SIS Login ID`` is the same as ``sis_login_id``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from grader.errors import ExportError

# The headings in Canvas's export of its gradebook and in Moodle's exports of grades and of
# participants, with the name that this module has for each.
HEADINGS = {
    "studentid": "student_id",
    "student": "Student",
    "name": "Student",
    "firstname": "first",
    "lastname": "last",
    "surname": "last",
    "id": "ID",
    "sisuserid": "SIS User ID",
    "sisloginid": "SIS Login ID",
    "section": "Section",
    "username": "Username",
    "idnumber": "ID number",
    "email": "Email address",
    "emailaddress": "Email address",
}
# The columns by which a student is found, tried in this order. A column ``student_id`` holds the
# course's own ids: where there is one, no other column is tried.
KEYS = ("SIS Login ID", "SIS User ID", "Username", "ID number", "Email address")
LMS_KEYS = ("ID", "SIS User ID", "ID number")  # which a gradebook's lms_user_id may hold


@dataclass(frozen=True)
class Line:
    """One student on the list: the cells under known headings."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, heading: str) -> str:
        return self.cells.get(heading, "")

    @property
    def name(self) -> str:
        """The name on the list, or one composed as Canvas does, last name first."""
        return self["Student"] or ", ".join(filter(None, (self["last"], self["first"])))

    @property
    def key(self) -> str:
        """A name for the student, who may be unknown to the course."""
        keys = ("student_id", *KEYS, "ID")
        return next((self[one] for one in keys if self[one]), f"line {self.number}")


@dataclass(frozen=True)
class Roster:
    """The list: its known headings, its students, its other headings, and Canvas's points."""

    name: str
    known: frozenset[str]
    lines: tuple[Line, ...]
    others: tuple[str, ...] = ()
    points: Mapping[str, str] = field(default_factory=dict)  # by other heading, from Canvas


@dataclass(frozen=True)
class Match:
    """The line of each of the course's students; who has none; the lines of nobody."""

    lines: Mapping[str, Line]
    missing: tuple[str, ...]
    unmatched: tuple[Line, ...]


def read(text: str, name: str) -> Roster:
    """Read a list from comma- or semicolon-separated values. ExportError if there is none."""
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","  # Canvas writes either
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ExportError(
            f"{name}, line {reader.line_num}: {error}; save it as CSV once more"
        ) from error
    if not rows:
        raise ExportError(f"{name} is empty; export the list of students once more")
    titles = [title.strip() for title in rows[0][1]]
    headings = [HEADINGS.get(_plain(title)) for title in titles]
    known = [heading for heading in headings if heading]
    for heading in known:
        if known.count(heading) > 1:
            raise ExportError(f"{name} has two columns for {heading}; leave one of them")
    if not {"student_id", *KEYS} & set(known):
        raise ExportError(
            f"{name} has none of the columns by which a student is found (it has "
            f"{', '.join(title for title in titles if title) or 'no headings'}); it needs "
            f"student_id, {', '.join(KEYS[:-1])} or {KEYS[-1]}"
        )
    others = tuple(title for title, heading in zip(titles, headings, strict=True) if not heading)
    lines, points = [], {}
    for number, row in rows[1:]:
        # Between headings and students Canvas has lines for points and for which marks are hidden.
        if "Points Possible" in row[0]:
            points = {title: cell.strip() for title, cell in zip(titles, row, strict=False)}
            continue
        pairs = zip(headings, row, strict=False)
        cells = {heading: cell.strip() for heading, cell in pairs if heading and cell.strip()}
        if cells:
            lines.append(Line(number, cells))
    return Roster(name, frozenset(known), tuple(lines), others, points)


def match(roster: Roster, people: Iterable[tuple[str, str, str]]) -> Match:
    """Find each (id, e-mail, id in the LMS) in the list.

    ExportError if a student has two lines, or two students share one: a mark would go to somebody
    else.
    """
    keys = ("student_id",) if "student_id" in roster.known else KEYS
    index = _index(roster, {*keys, *LMS_KEYS})
    found: dict[str, Line] = {}
    owners: dict[int, str] = {}
    missing = []
    for student, email, lms in people:
        wanted = [(key, student) for key in keys]
        if "student_id" not in keys:
            wanted += [("Email address", email), *((key, lms) for key in LMS_KEYS)]
        line = _find(index, wanted, student, roster.name)
        if line is None:
            missing.append(student)
            continue
        if line.number in owners:
            raise ExportError(
                f"{roster.name}, line {line.number}, is both {owners[line.number]} and {student}; "
                "give a list with a column student_id that says who is who"
            )
        owners[line.number] = student
        found[student] = line
    unmatched = tuple(line for line in roster.lines if line.number not in owners)
    return Match(found, tuple(missing), unmatched)


def _index(roster: Roster, headings: Iterable[str]) -> dict[tuple[str, str], list[Line]]:
    """Lines by (heading, value): the value as it is written, and with its case folded."""
    index: dict[tuple[str, str], list[Line]] = {}
    for line in roster.lines:
        for heading in headings:
            if value := line[heading]:
                for spelling in {value, _folded(value)}:
                    index.setdefault((heading, spelling), []).append(line)
    return index


def _folded(value: str) -> str:
    return f"\0{value.casefold()}"  # no cell begins with \0, so the two spellings stay apart


def _find(
    index: Mapping[tuple[str, str], list[Line]],
    wanted: Sequence[tuple[str, str]],
    student: str,
    name: str,
) -> Line | None:
    for heading, value in wanted:
        lines = index.get((heading, value)) or index.get((heading, _folded(value))) or []
        if value and len(lines) > 1:
            raise ExportError(
                f"{name}: lines {' and '.join(str(line.number) for line in lines)} both have the "
                f"{heading} of {student}; leave one of them"
            )
        if value and lines:
            return lines[0]
    return None


def _plain(title: str) -> str:
    return re.sub(r"[\W_]", "", title.casefold())
