"""Read a list of students from an LMS, and find the course's students in it.

Only letters and digits of a heading count, not case: ``SIS Login ID`` equals ``sis_login_id``.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from grader.errors import ExportError
from grader.judge import intake
from grader.lms import uploads
from grader.lms.uploads import Upload

# The headings in Canvas's export of its gradebook and in Moodle's exports of grades and of
# participants, with this module's name for each.
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
    # In lists that only ``collect`` uses: Moodle's grading worksheet, Brightspace's classlist,
    # Gradescope's roster, and lists made by hand.
    "identifier": "Identifier",
    "fullname": "Student",
    "lastmodifiedsubmission": "Last modified",
    "orgdefinedid": "OrgDefinedId",
    "sid": "ID number",
    "login": "Username",
    "loginid": "Username",
}
MOST = 50_000_000  # characters in a list
# The columns by which a student is found, in the order in which they are tried. A column
# ``student_id`` holds the course's own ids: if there is one, no other column is tried.
KEYS = ("SIS Login ID", "SIS User ID", "Username", "ID number", "Email address")
MORE_KEYS = ("Identifier", "OrgDefinedId")  # further columns by which archives name students
LMS_KEYS = ("ID", "SIS User ID", "ID number")  # columns that lms_user_id may come from


@dataclass(frozen=True)
class Line:
    """One student on the list: the cells under known headings."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, heading: str) -> str:
        return self.cells.get(heading, "")

    @property
    def name(self) -> str:
        """The name on the list, or one composed from its parts as Canvas does, last name first."""
        return self["Student"] or ", ".join(filter(None, (self["last"], self["first"])))

    @property
    def key(self) -> str:
        """A text that names the student, who may be unknown to the course."""
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
    """The lines by student id, the ids without a line, and the lines without a known student."""

    lines: Mapping[str, Line]
    missing: tuple[str, ...]
    unmatched: tuple[Line, ...]


@dataclass(frozen=True)
class Content:
    """The text of a list, and its encoding in the file."""

    text: str
    mark: str = ""  # the byte order mark at the beginning
    codec: str = "utf-8"

    def encode(self, text: str) -> bytes:
        """Encode another text in the same way."""
        return (self.mark + text).encode(self.codec)


def content_of(path: Path) -> Content:
    """Read a list in UTF-8, or in UTF-16 as Blackboard writes it. ExportError if that fails."""
    try:
        with path.open("rb") as file:
            is_huge = os.fstat(file.fileno()).st_size > 2 * MOST
            content = b"" if is_huge else file.read(2 * MOST + 1)
        codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(content[:2], "utf-8")
        text = content.decode(codec)
    except UnicodeDecodeError as error:
        raise ExportError(f"{path} is not text in UTF-8: save it as CSV in UTF-8") from error
    except OSError as error:
        raise ExportError(
            f"{path} cannot be read ({error.strerror}): name the LMS's CSV file"
        ) from error
    if is_huge or len(text) > MOST or len(content) > 2 * MOST:
        raise ExportError(f"{path} is too large for a list of students: name the LMS's CSV file")
    plain = text.removeprefix("\ufeff")
    return Content(plain, text[: len(text) - len(plain)], codec)


def load(path: Path) -> Roster:
    """Read the list in a file. ExportError if it has none."""
    return read(content_of(path).text, path.name)


def separator(text: str) -> str:
    """Return the separator of cells: Canvas writes commas or semicolons, Blackboard also tabs."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return max(",;\t", key=first.count)


def read(text: str, name: str) -> Roster:
    """Read a list from a text of separated values. ExportError if it has none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator(text), strict=True)
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
            raise ExportError(f"{name} has two columns for {heading}; remove one of them")
    if not {"student_id", *KEYS, *MORE_KEYS} & set(known):
        raise ExportError(
            f"{name} has no column that identifies students (it has "
            f"{', '.join(title for title in titles if title) or 'no headings'}); it needs "
            f"student_id, {', '.join(KEYS[:-1])} or {KEYS[-1]}"
        )
    others = tuple(title for title, heading in zip(titles, headings, strict=True) if not heading)
    lines, points = [], {}
    for number, row in rows[1:]:
        # Between headings and students Canvas has lines for the points and for hidden marks.
        if "Points Possible" in row[0]:
            points = {title: cell.strip() for title, cell in zip(titles, row, strict=False)}
            continue
        pairs = zip(headings, row, strict=False)
        cells = {heading: cell.strip() for heading, cell in pairs if heading and cell.strip()}
        for heading in ("OrgDefinedId", "Username"):  # as Brightspace exports them
            if cells.get(heading, "").startswith("#"):
                cells[heading] = cells[heading][1:]
        if cells:
            lines.append(Line(number, cells))
    return Roster(name, frozenset(known), tuple(lines), others, points)


def match(
    roster: Roster,
    people: Iterable[tuple[str, str, str]],
    more: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType({}),
) -> Match:
    """Find each (id, e-mail, id in the LMS) in the list.

    ``more`` maps ids to further pairs (heading, value), which are tried last. ExportError if a
    student has two lines, or two students share one: a mark would go to somebody else.
    """
    keys = ("student_id",) if "student_id" in roster.known else KEYS
    others = {heading for pairs in more.values() for heading, _ in pairs}
    index = _index(roster, {*keys, *LMS_KEYS, *others})
    found: dict[str, Line] = {}
    owners: dict[int, str] = {}
    missing = []
    for student, email, lms in people:
        wanted = [(key, student) for key in keys]
        if "student_id" not in keys:
            wanted += [("Email address", email), *((key, lms) for key in LMS_KEYS)]
        wanted += more.get(student, ())
        line = _find(index, wanted, student, roster.name)
        if line is None:
            missing.append(student)
            continue
        if line.number in owners:
            raise ExportError(
                f"{roster.name}, line {line.number}, fits {owners[line.number]} and {student}; "
                "give a list whose column student_id says who is who"
            )
        owners[line.number] = student
        found[student] = line
    unmatched = tuple(line for line in roster.lines if line.number not in owners)
    return Match(found, tuple(missing), unmatched)


def _index(roster: Roster, headings: Iterable[str]) -> dict[tuple[str, str], list[Line]]:
    """Index lines by (heading, value), with the value as written and with its case folded."""
    index: dict[tuple[str, str], list[Line]] = {}
    for line in roster.lines:
        for heading in headings:
            if value := line[heading]:
                numbers = re.findall(r"\d+$", value) if heading == "Identifier" else []
                for spelling in {value, _folded(value), *numbers}:
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
                f"{heading} of {student}; remove one of them"
            )
        if value and lines:
            return lines[0]
    return None


def _plain(title: str) -> str:
    return re.sub(r"[\W_]", "", title.casefold())


# -- finding the student of an upload --------------------------------------------------------------

# For each kind of key by which an archive names a student: the columns that may contain it, most
# reliable first. Numbers differ between columns: Moodle's "Participant 4711" is not an ID number.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    uploads.LMS_ID: ("ID", "OrgDefinedId", "ID number", "SIS User ID", "student_id"),
    uploads.PARTICIPANT: ("Identifier", "student_id"),
    uploads.LOGIN: ("Username", "SIS Login ID", "student_id"),
    uploads.EMAIL: ("Email address", "SIS Login ID", "Username", "student_id"),
    uploads.NAME: ("Student",),
    uploads.ANY: (
        *("student_id", "SIS Login ID", "Username", "Email address", "SIS User ID", "ID number"),
        *("OrgDefinedId", "ID", "Identifier", "Student"),
    ),
}
# Characters that Moodle drops from names in paths (clean_filename): O'Brien becomes OBrien.
_NOT_IN_FILES = re.compile(r"""[\x00-\x1f\x7f&<>"`|':\\/]""")
_TEST_STUDENT = "student, test"  # Canvas's own, on every list that it exports


@dataclass(frozen=True)
class Student:
    """A student on the roster: the id in the course, which names folders, and the line."""

    id: str
    line: Line

    @property
    def names(self) -> tuple[str, str]:
        """First and last name; a name that does not separate the two is all last name."""
        if self.line["first"] or self.line["last"]:
            return self.line["first"], self.line["last"]
        last, comma, first = self.line["Student"].partition(", ")
        return (first, last) if comma else ("", last)

    @property
    def shown(self) -> str:
        """Id and name, safe to print: students may choose their names in an LMS."""
        name = intake.in_one_line(self.line.name)
        return self.id if not name or name == self.id else f"{self.id} ({name})"


class Directory:
    """Finds students on a roster by what an archive says about them.

    ``unusable`` has a line for each student without an id that could name a folder.
    """

    def __init__(self, roster: Roster) -> None:
        """Index the students. ExportError if there are none, or two have the same id."""
        self.name = roster.name
        self.students: list[Student] = []
        self.unusable: list[str] = []
        for line in roster.lines:
            if line["Student"].casefold() == _TEST_STUDENT:
                continue
            own = _course_id(line)
            if own:
                self.students.append(Student(own, line))
            else:
                self.unusable.append(
                    f"{roster.name}, line {line.number}: no id that can name a folder; add one "
                    "in a column student_id"
                )
        if not self.students:
            raise ExportError(f"{roster.name} lists no students")
        first: dict[str, int] = {}
        for one in self.students:
            before = first.setdefault(one.id.casefold(), one.line.number)
            if before != one.line.number:
                raise ExportError(
                    f"{roster.name}: lines {before} and {one.line.number} both have the id "
                    f"{one.id!r}; correct one of them, or add a column student_id"
                )
        self._index: dict[tuple[str, str], list[Student]] = {}
        for one in self.students:
            named = {"Student": one.line.name} if one.line.name else {}
            for heading, value in {**one.line.cells, **named}.items():
                for spelling in _spellings(heading, value):
                    self._index.setdefault((heading, spelling), []).append(one)

    def find(self, upload: Upload) -> Student | str:
        """Find the student of an upload; else return why there is none, and what to do."""
        for kind, value in upload.keys:
            for heading in _COLUMNS[kind]:
                found = self._index.get((heading, folded(value)), [])
                if len(found) > 1:
                    names = " and ".join(one.shown for one in found[:3])
                    return f"{names} have the same {heading}, {value!r}: file this by hand"
                if found:
                    rivals = [one for keys in upload.rivals for one in self._named_by(keys)]
                    if any(one != found[0] for one in rivals):
                        names = " and ".join(one.shown for one in [found[0], *rivals[:2]])
                        return f"the name in the archive fits {names}: file this by hand"
                    return self._checked(found[0], upload)
        if not upload.keys:
            return "its entry in the metadata names a group, or is unclear: file it by hand"
        return (
            f"{upload.shown!r} is not on {self.name}: add a line there and collect again, or "
            "put the file into the student's folder"
        )

    def _named_by(self, keys: Sequence[tuple[str, str]]) -> list[Student]:
        """Return the students who match all of these keys, each key in one of its columns."""
        fits = [
            [one for heading in _COLUMNS[kind] for one in self._index.get((heading, own), [])]
            for kind, own in ((kind, folded(value)) for kind, value in keys)
        ]
        return [one for one in fits[0] if all(one in others for others in fits[1:])]

    def knows(self, value: str) -> bool:
        """Tell whether a value is an id, a login, an address or a name of anybody on the roster."""
        return any((heading, folded(value)) in self._index for heading in _COLUMNS[uploads.ANY])

    def _checked(self, student: Student, upload: Upload) -> Student | str:
        """Return the student, or a refusal if the archive also gives somebody else's name."""
        names = [value for kind, value in upload.keys if kind == uploads.NAME]
        own = student.line.name
        if not names or not own or folded(names[0]).startswith("participant "):
            return student
        said, spellings = folded(names[0]), _spellings("Student", own)
        # Moodle puts a group's name before its member's.
        in_group = upload.system == uploads.MOODLE and said.endswith(
            tuple(f"-{one}" for one in spellings)
        )
        if said in spellings or in_group:
            return student
        return (
            f"the archive says {names[0]!r}, but with the number of {student.shown}: file this by "
            "hand"
        )


def folded(text: str) -> str:
    """Normalize form, case and spaces for comparison. Accents stay: they distinguish names."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _spellings(heading: str, value: str) -> set[str]:
    """Return the forms in which an archive may write a value in this column of the roster."""
    plain = folded(value)
    found = {plain}
    if heading == "Identifier":  # "Participant 4711", in whatever language
        found |= set(re.findall(r"\d+$", plain))
    if heading in ("Email address", "SIS Login ID", "Username") and "@" in plain:
        found.add(plain.partition("@")[0])
    if heading == "Student":
        last, comma, first = plain.partition(", ")
        if comma:
            found |= {f"{first} {last}", f"{last} {first}"}
        found |= {folded(_NOT_IN_FILES.sub("", name).replace("_", " ")) for name in found}
    return found


def _course_id(line: Line) -> str:
    """Return a student's id in the course, which names a folder and by which ``export`` matches.

    Empty if nothing on the line can name a folder.
    """
    number = re.findall(r"\d+$", line["Identifier"])
    values = [line[heading] for heading in ("student_id", *KEYS, "OrgDefinedId", "ID")]
    for value in [*values, *number]:
        if value:
            try:
                return intake.student_id(value)
            except intake.Rejected:
                continue
    return ""
