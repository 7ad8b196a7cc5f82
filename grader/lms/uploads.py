"""Read from a path in an LMS's archive which student and attempt it belongs to, and its time.

The forms are those of each system's own download:

==============  ===================================================================================
Canvas          ``lovelaceada_LATE_811_98765_03_masking-1.ipynb``: ID of the user, of the file
Moodle          ``Ada Lovelace_4711_assignsubmission_file/03_masking.ipynb``: Participant 4711
Blackboard      ``Lab 3_alovelace_attempt_2026-02-01-11-59-59_03_masking.ipynb``: username, time
Brightspace     ``811-4711 - Ada Lovelace - Feb 1, 2026 1159 AM/03_masking.ipynb``: name, time
Gradescope      ``assignment_5_export/submission_98765/03_masking.ipynb``, and
                ``submission_metadata.yml`` with name, SID, e-mail address and time
==============  ===================================================================================

Anything else is taken for students' folders, ``ada/03_masking/03_masking.ipynb`` or ``ada/x.zip``:
see :mod:`grader.records.collect`.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace

CANVAS, MOODLE, BLACKBOARD = "Canvas", "Moodle", "Blackboard"
BRIGHTSPACE, GRADESCOPE, FOLDER = "Brightspace", "Gradescope", "a folder"
METADATA = "submission_metadata.yml"  # Gradescope's
# The kinds of key; the kind decides which columns of a roster may contain the key.
LMS_ID, PARTICIPANT, LOGIN, EMAIL, NAME, ANY = (
    "id in the LMS", "participant", "login", "e-mail address", "name", "folder",
)  # fmt: skip

# Each form matches at the first place where it fits: anything later is a student's own file name.
_CANVAS = re.compile(
    r"(?P<who>.*?)_(?P<late>LATE_|late_)?(?P<id>\d+)_(?P<file>\d+)_(?P<name>.+)", re.S
)
_MOODLE = re.compile(
    r"(?P<who>.+?)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<name>.*))?", re.S
)
_MOODLES_MARK = re.compile(r"_(?P<id>\d+)_assignsubmission_")
_BLACKBOARD = re.compile(
    r"(?P<who>.+?)_attempt_(?P<when>\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d)(?:\.txt|_(?P<name>.+))"
)
# The time is in the language of whoever downloads, but contains a year in every language.
_BRIGHTSPACE = re.compile(
    r"(?P<id>\d+)-\d+ ?- ?(?P<who>.+?) ?- "
    r"(?P<when>[^-]*(?<!\d)\d{4}(?!\d)[^-]*|\d{4}-\d\d-\d\d[^-]*)"
)
# The names that systems give the archives themselves; a browser may add a number.
_ARCHIVE = re.compile(
    r"(submissions"  # Canvas
    r"|.+-.+-\d+"  # Moodle: course, assignment, number
    r"|gradebook_.+"  # Blackboard
    r"|.+ Download( .+)?"  # Brightspace
    r"|assignment_\d+_export"  # Gradescope
    r")( ?\(\d+\)|-\d+)?\.zip",
    re.S | re.I,
)
LONGEST_NAME = 300  # characters: Moodle lets a first name and a last name have 100 each
_TIMES = (
    *("%b %d, %Y %I%M %p", "%b %d, %Y %I:%M %p", "%B %d, %Y %I%M %p", "%B %d, %Y %I:%M %p"),
    *("%d %B, %Y %I%M %p", "%d %B, %Y %I:%M %p", "%d %b, %Y %I:%M %p", "%d %b, %Y %I%M %p"),
    *("%b %d, %Y %H%M", "%d %B, %Y %H%M", "%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M"),
    *("%A, %B %d, %Y, %I:%M %p", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"),
)


@dataclass(frozen=True)
class Upload:
    """The student and the attempt that a file belongs to.

    ``keys``: pairs (kind, value); the first one that the roster knows names the student. ``name``
    is the student's path for the file; None for files that the system itself added. ``attempt`` is
    the same for all files that were handed in together; ``number`` grows with each upload, if the
    system gives one. ``when`` is in UTC; ``unread`` is the system's text for the time if that could
    not be read. ``rivals`` holds the keys of other readings, if the path's form fits in several
    places: students choose names, which may look like another student's path.
    """

    system: str
    keys: tuple[tuple[str, str], ...]
    name: str | None
    attempt: str
    number: int = 0
    late: bool = False
    when: datetime.datetime | None = None
    unread: str = ""
    rivals: tuple[tuple[tuple[str, str], ...], ...] = ()

    @property
    def shown(self) -> str:
        return self.keys[0][1] if self.keys else "nobody"


def read(
    parts: tuple[str, ...],
    zone: datetime.tzinfo = datetime.UTC,
    submitters: Mapping[str, Upload] | None = None,
) -> Upload | None:
    """Return the upload that a file belongs to by its path; None if no system's form fits.

    Only the first part counts: the student named everything after it, and could imitate another
    student's path there. For the same reason the first place where a form fits is taken.

    Args:
        parts: the path within the archive, without folders that enclose everything.
        zone: the time zone of the times in file names.
        submitters: the uploads in Gradescope's metadata, by folder name.
    """
    part, rest = parts[0], parts[1:]
    if rest and submitters and part in submitters:
        own = submitters[part]
        return replace(own, name="/".join(rest))
    if rest and (found := _BRIGHTSPACE.fullmatch(part)):
        keys = ((NAME, found["who"]), (LMS_ID, found["id"]))
        upload = Upload(BRIGHTSPACE, keys, "/".join(rest), part)
        return _timed(upload, found["when"], _time(found["when"], zone))
    fits = [one for form in (_MOODLE, _BLACKBOARD, _CANVAS) if (one := form.fullmatch(part))]
    fits = [one for one in fits if one.re is not _CANVAS or not rest]
    if not fits:
        return None
    first = min(fits, key=lambda one: one.end("who"))
    if first.re is _MOODLE:
        upload = _moodle(first, rest)
    elif first.re is _BLACKBOARD:
        upload = _blackboard(first, rest, zone)
    else:
        ids = ((LMS_ID, first["id"]),)
        number, is_late = int(first["file"][:18]), bool(first["late"])
        upload = Upload(CANVAS, ids, first["name"], first["id"], number, is_late)
    return replace(upload, rivals=_rivals(part, upload))


def is_from_lms(name: str) -> bool:
    """Tell whether an archive's name has a form that an LMS gives to the archives it makes."""
    return _ARCHIVE.fullmatch(name) is not None


def _rivals(part: str, upload: Upload) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return the keys of all other ways to read the path in Moodle's form.

    That form begins with the student's name, which may look like the beginning of another student's
    path in any system's form.
    """
    marks = _MOODLES_MARK.finditer(part, 0, LONGEST_NAME)
    found = (((PARTICIPANT, one["id"]), (NAME, part[: one.start()])) for one in marks)
    return tuple(keys for keys in found if keys != upload.keys)


def _moodle(found: re.Match[str], rest: tuple[str, ...]) -> Upload:
    name = "/".join(filter(None, (found["name"], *rest)))
    keys = ((PARTICIPANT, found["id"]), (NAME, found["who"]))
    own = found["kind"] == "onlinetext"  # text typed into Moodle's own editor
    number = int(found["id"][:18])
    shown = None if own and not name else name or None
    return Upload(MOODLE, keys, shown, f"{number}")


def _blackboard(found: re.Match[str], rest: tuple[str, ...], zone: datetime.tzinfo) -> Upload:
    words = found["who"].split("_")
    # The assignment's name comes first; both it and a username may contain _. The longest username
    # that the roster knows is the student's.
    logins = ["_".join(words[place:]) for place in range(1, len(words))] or words
    keys = tuple((LOGIN, login) for login in logins)
    name = "/".join(filter(None, (found["name"], *rest))) or None
    when = _in_utc(found["when"], "%Y-%m-%d-%H-%M-%S", zone)
    upload = Upload(BLACKBOARD, keys, name, found["when"])
    return _timed(upload, found["when"], when)


def _time(text: str, zone: datetime.tzinfo) -> datetime.datetime | None:
    plain = " ".join(text.replace("\u202f", " ").split())
    found = (_in_utc(plain, form, zone) for form in _TIMES)
    return next((one for one in found if one is not None), None)


def by_worksheet(upload: Upload, text: str, zone: datetime.tzinfo) -> Upload:
    """Add the time in column "Last modified (submission)" of Moodle's grading worksheet."""
    return _timed(upload, text, _time(text, zone))


def _timed(upload: Upload, text: str, when: datetime.datetime | None) -> Upload:
    """Add a time to an upload, or its text if the time could not be read."""
    is_lost = when is None and bool(text.strip(" -"))
    return replace(upload, when=when, unread=text.strip() if is_lost else "")


def _in_utc(text: str, form: str, zone: datetime.tzinfo) -> datetime.datetime | None:
    try:
        when = datetime.datetime.strptime(text, form).replace(tzinfo=zone)
        return when.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def zone_called(name: str) -> datetime.tzinfo:
    """Return the time zone of this name. ValueError if there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(name) from error


# -- Gradescope's metadata -------------------------------------------------------------------------

MOST_METADATA = 200 << 20  # bytes: it also contains all results of all tests
_ENTRY = re.compile(r"^(submission_\d+):\s*$")
_FIELD = re.compile(r"^ {2}(?:- |  )?:(name|sid|email|created_at): *(.*?)\s*$")


def submitters(text: str) -> dict[str, Upload]:
    """Read who handed in what from ``submission_metadata.yml``, by folder name.

    The file is read line by line, not as YAML: it contains the output of tests, which students
    control and which may nest endlessly. The lines of interest have a fixed indent. A submission
    whose lines are ambiguous (a name may be written to look like further lines) gets no keys.
    """
    found: dict[str, Upload] = {}
    folder, fields = "", dict[str, str]()
    for line in text.splitlines():
        if entry := _ENTRY.match(line):
            found |= _submitter(folder, fields)
            folder, fields = entry[1], {}
        elif folder and (field := _FIELD.match(line)):
            name, value = field.groups()
            if name in fields and "created_at" not in fields:
                fields["unclear"] = "yes"  # a group, or a name that continues on the next line
            fields.setdefault(name, value.strip("'\""))
    return found | _submitter(folder, fields)


def _submitter(folder: str, fields: Mapping[str, str]) -> dict[str, Upload]:
    if not folder:
        return {}
    kinds = ((EMAIL, "email"), (LMS_ID, "sid"), (NAME, "name"))
    keys = tuple((kind, fields[name]) for kind, name in kinds if fields.get(name))
    if "unclear" in fields:
        keys = ()
    text = fields.get("created_at", "")
    return {folder: _timed(Upload(GRADESCOPE, keys, None, folder), text, _iso(text))}


def _iso(text: str) -> datetime.datetime | None:
    """Parse a time as Ruby writes it ("2026-02-01 11:59:59.123456789 Z"), and return it in UTC."""
    try:
        when = datetime.datetime.fromisoformat(re.sub(r" (Z|[+-]\d\d:?\d\d)$", r"\1", text))
    except ValueError:
        return None
    return when if when.tzinfo is None else when.astimezone(datetime.UTC).replace(tzinfo=None)
