"""Find the submissions in a folder, and read each of them once."""

from __future__ import annotations

import contextlib
import datetime
import re
import unicodedata
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from grader.course.assignments import assignment, assignment_ids
from grader.judge import intake, prior_answers
from grader.records import origin
from grader.records.beside import Other, lying_loose, others, paths_beside

STAMP = "timestamp.txt"
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?([A-Za-z0-9+:_/-]{1,40})?"
)
# Files that nbgrader's exchange writes beside a notebook, and by which it finds the owner of a
# feedback page, with the form of their content. A student can replace them, so a file of another
# form is not copied.
EXCHANGE = {
    STAMP: re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})? [A-Za-z0-9+:_/-]{1,40}"),
    "submission_secret.txt": re.compile(rb"[0-9a-f]{128}"),
}


@dataclass(frozen=True)
class Found:
    """A submission on disk, at ``path``; ``refused`` says why it is not graded, if so."""

    student: str
    assignment: str
    path: Path
    refused: str = ""

    @property
    def has_place(self) -> bool:
        """Whether the gradebook has a place for it: not refused, and the assignment exists."""
        return not self.refused and self.assignment in assignment_ids()


@dataclass(frozen=True)
class Work:
    """What is sent to a judge: a submission's bytes, read once, or why they cannot be read.

    ``prior_notebooks``: (lesson, bytes) of the student's notebooks that this lesson uses.
    ``others``: the other files beside it. ``nothing``: nothing was handed in at all.
    """

    found: Found
    content: bytes = b""
    prior_notebooks: tuple[tuple[str, bytes], ...] = ()
    unreadable: str = ""
    nothing: bool = False
    others: tuple[Other, ...] = ()


def find_submissions(
    folder: Path,
    only: str | None = None,
    student: str | None = None,
    instead: Mapping[str, Path] = MappingProxyType({}),
) -> Iterator[Found]:
    """Find every ``folder/<student>/<assignment>``; those with a wrong name are marked as refused.

    Students may have made the names and links: no link is followed, and no name is trusted.
    ``instead`` maps the names of folders in ``folder`` to others that are searched instead.
    """
    return (one for one in _look(folder, only, student, instead) if isinstance(one, Found))


def folder_of(folder: Path, student: str) -> Path:
    """Return the student's folder, whichever of the spellings of its accents it has on the disk.

    Raises:
        Rejected: there are several.
    """
    name = unicodedata.normalize("NFC", student)
    if name.isascii() or not folder.is_dir():
        return folder / name
    same = [one for one in folder.iterdir() if unicodedata.normalize("NFC", one.name) == name]
    found = sorted(one for one in same if _is_folder(one))
    if len(found) > 1:
        names = " and ".join(ascii(one.name) for one in found)
        raise intake.Rejected(
            f"the folders {names} are one name, spelled differently: move what counts into one of "
            "them, and remove the others"
        )
    links = [one for one in same if one.is_symlink()]  # for the caller to refuse
    return (*found, *links, folder / name)[0]


def _is_folder(path: Path) -> bool:
    """Tell whether this is a folder and no link; False if that cannot be found out."""
    try:
        return path.is_dir() and not path.is_symlink()
    except OSError:
        return False


def passed_over(folder: Path, only: str | None = None, student: str | None = None) -> list[str]:
    """Return a line for each thing in the folder that is not even a refused submission."""
    return [one for one in _look(folder, only, student, {}) if isinstance(one, str)]


def _look(
    folder: Path, only: str | None, student: str | None, instead: Mapping[str, Path]
) -> Iterator[Found | str]:
    """Yield each thing in a folder of submissions: as a submission, or as a line about it."""
    wanted = None if student is None else unicodedata.normalize("NFC", student)
    people = {path.name: path for path in folder.iterdir()} | dict(instead)
    # A folder's name in each of the spellings that systems have for its accents.
    spelled: dict[str, list[str]] = {}
    for name, path in people.items():
        if _is_folder(path):
            spelled.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    for _, person in sorted(people.items()):
        name = intake.shown(person.name)
        if wanted is not None and unicodedata.normalize("NFC", person.name) != wanted:
            continue
        if person.is_symlink():
            reason = "the folder is a symbolic link; not followed"
            yield Found(name, only or "", person, reason)
            continue
        try:
            if not person.is_dir():
                yield f"{name}: not a folder, and students' submissions are folders"
                continue
            if person.name.startswith(".") and not _holds_assignment(person):
                yield f"{name}: a hidden folder without an assignment in it"
                continue
            own = intake.student_id(person.name)
            # Neither is marked: whoever made the second must not decide which of them counts.
            if twins := [ascii(one) for one in spelled[own] if one != person.name]:
                raise intake.Rejected(
                    f"this folder, {ascii(person.name)}, and {', '.join(twins)} are one name, "
                    "spelled differently: move what counts into one of them, and remove the others"
                )
            tasks = sorted(person.iterdir(), key=lambda path: path.name)
        except intake.Rejected as error:
            yield Found(name, only or "", person, str(error))
            continue
        except OSError as error:
            yield Found(name, only or "", person, f"the folder cannot be read: {error.strerror}")
            continue
        yield from _tasks(own, person, tasks, only)


def _tasks(
    student: str, person: Path, tasks: list[Path], only: str | None
) -> Iterator[Found | str]:
    known = set(assignment_ids())
    wanted = known if only is None else known & {only}
    loose = list(lying_loose(person, wanted))
    yield from (Found(student, name, person / name / f"{name}.ipynb") for name in loose)
    if not tasks:
        yield f"{student}: an empty folder"
    for task in tasks:
        name = intake.shown(task.name)
        if only is not None and task.name != only:
            continue
        try:
            is_folder = task.is_dir() or task.is_symlink()
        except OSError as error:
            reason = f"the folder cannot be read: {error.strerror}"
            yield Found(student, name, task, reason)
            continue
        if task.name in known and is_folder:
            yield Found(student, task.name, task / f"{task.name}.ipynb")
        elif is_folder and not task.name.startswith("."):
            reason = f"there is no such assignment; the course has {', '.join(sorted(known))}"
            yield Found(student, name, task, reason)
        elif not any(one.lower() in task.name.lower() for one in loose):
            what = "a hidden folder" if is_folder else "a file outside of the assignments' folders"
            yield f"{student}/{name}: {what}"


def _holds_assignment(person: Path) -> bool:
    return any((person / name).is_dir() for name in assignment_ids())


def read_for(found: Found) -> Iterator[Path]:
    """Yield the files that decide a submission's marks, present or not, and its folder."""
    folder = found.path.parent
    yield from (found.path, folder)
    if found.has_place:
        yield from (folder / STAMP, folder / origin.NAME, origin.place_of(folder))
        yield from paths_beside(found.path)
        yield from prior_answers.paths(found.path, assignment(found.assignment)).values()


def read_work(found: Found) -> Work:
    """Read a submission's bytes, and the student's notebooks of the lessons that it uses.

    An error of the grader costs this submission alone (T12).
    """
    if not found.has_place:
        return Work(found)
    try:
        prior = prior_answers.read(found.path, assignment(found.assignment))
        beside = others(found.path)
        try:
            return Work(found, intake.read(found.path), prior, others=beside)
        except intake.Rejected as error:
            nothing = isinstance(error, intake.NothingThere)
            return Work(found, b"", prior, str(error), nothing, beside)
    except Exception as error:
        return Work(found, unreadable=f"it cannot be read: {type(error).__name__}: {error}"[:300])


def exchange_files(found: Found) -> dict[str, bytes]:
    """Read the files that ``nbgrader release_feedback`` needs beside a page, where present."""
    contents = {}
    for name, form in EXCHANGE.items():
        with contextlib.suppress(intake.Rejected):
            content = intake.read(found.path.parent / name)
            if form.fullmatch(content):
                contents[name] = content
    return contents


def read_timestamp(folder: Path) -> tuple[datetime.datetime | None, str]:
    """Read the time in a submission's timestamp.txt, in UTC, and say what is wrong with the file.

    nbgrader's own reader takes "+0200" for 200 seconds, and "+02:00" or an unknown zone for UTC.
    """
    try:
        text = intake.read(folder / STAMP).decode("ascii").strip()
    except intake.NothingThere:
        known = origin.read(folder)
        if known is None:
            # Anything else that the file says is ignored, since the student may have written it.
            old = origin.beside(folder)
            is_late = old is not None and old.late
            return None, f"perhaps late: {origin.MISPLACED}, or write {STAMP}" if is_late else ""
        if not known.late:
            return None, ""
        system = intake.shown(known.system)[:40]
        return None, f"late according to {system}, which does not say how late: write {STAMP}"
    except (intake.Rejected, ValueError):
        return None, f"{STAMP} cannot be read: it is not known if this is late"
    try:
        return to_utc(text), ""
    except ValueError:
        said = intake.shown(text)[:40]
        return None, f"{STAMP} has no valid time ({said!r}): it is not known if this is late"


def to_utc(text: str, usual: str = "UTC") -> datetime.datetime:
    """Parse a time such as "2026-02-01 12:00 Europe/Berlin", and return it in UTC.

    ``usual`` is the zone if none is named. ValueError if the text is not a time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    date, clock, zone = found.groups()
    try:
        when = datetime.datetime.fromisoformat(f"{date} {clock}")
        return when - _offset(zone or usual, when)
    except (OverflowError, OSError) as error:
        raise ValueError("not a time") from error


def _offset(zone: str, when: datetime.datetime) -> datetime.timedelta:
    """Return how far a zone ("UTC", "+0200", "+02:00", "Europe/Berlin") is ahead of UTC."""
    if zone in ("UTC", "Z", "GMT"):
        return datetime.timedelta()
    if signed := re.fullmatch(r"([+-])(\d\d):?([0-5]\d)", zone):
        ahead = datetime.timedelta(hours=int(signed[2]), minutes=int(signed[3]))
        return ahead if signed[1] == "+" else -ahead
    try:
        own = zoneinfo.ZoneInfo(zone)
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise ValueError(zone) from error
    return when.replace(tzinfo=own).utcoffset() or datetime.timedelta()
