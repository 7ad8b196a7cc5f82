"""Sort an LMS's archives and folders into ``submitted/<student>/<assignment>/…``.

First the names: by them and the roster, find each file's student and attempt. Then the contents,
student by student, so that a problem with one student's files stops nobody else. A notebook's
lesson is recognized by its cells, not by the file's name. The latest attempt counts; earlier ones
are kept beside the folder of submissions, where nothing is graded.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import itertools
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from grader import files
from grader.course.assignments import assignment, assignment_ids
from grader.judge import intake, safe_files
from grader.lms import uploads
from grader.lms.roster import Directory, Line, Student
from grader.lms.uploads import FOLDER, Upload
from grader.records import archives, origin
from grader.records.archives import MOST_BYTES, File, Refused, Unreadable
from grader.records.origin import Origin
from grader.records.submissions import EXCHANGE, STAMP, folder_of, read_timestamp, to_utc
from grader.source.handin import RECEIPT

LEAST = 1 << 20  # with fewer bytes left of MOST_BYTES, no further file is read
MOST_OTHERS = 50  # files other than notebooks in an attempt
MOST_TOLD = 20  # messages about one student, or about lost files: more would bury the others
EARLIER = "-earlier"  # suffix of the folder beside that of the submissions
SYSTEMS_OWN = ((uploads.METADATA,), ("index.html",))
# Names of files that may be notebooks; browsers and mail programs add suffixes.
MAYBE = re.compile(r"\.(ipynb|json|txt)$|\.ipynb|^[^.]*$", re.I)
# What browsers and mail programs add to the name of a second download: `ada (1).zip`, `ada.zip.1`.
ZIPS_ENDING = re.compile(r"\.zip(\.\w+)?$", re.I)
COPYS_NUMBER = re.compile(r" ?\(\d+\)$")
CHECK = re.compile(r"""^check\(["'](\w{1,100})["']""", re.M)


@dataclass
class Person:
    """A student, known or unknown: the attempts found, and faults that a person has to look at."""

    id: str
    shown: str
    attempts: dict[tuple[int, str], Attempt] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    placed: set[str] = field(default_factory=set)  # assignments


@dataclass
class Attempt:
    """The files that were handed in together, and what the LMS says about them."""

    archive: str  # its name, safe to print
    upload: Upload
    is_folder: bool = False  # the instructor's own folder, not an archive
    files: list[tuple[str, File]] = field(default_factory=list)  # with the student's names for them


@dataclass
class Collected:
    """The result of ``collect``, for its closing lines."""

    people: dict[str, Person] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)  # files without a student, archives not read
    missing: list[str] = field(default_factory=list)  # on the roster, but handed in nothing
    late: list[str] = field(default_factory=list)  # late according to the LMS, which gives no time
    untimed: int = 0  # counted as in time, for lack of a time
    used_zone: bool = False  # whether times in file names were read
    earlier: int = 0  # attempts kept aside
    misplaced: int = 0  # had an origin that a student could have written

    @property
    def good(self) -> list[Person]:
        """The students whose work is in place and needs no person's attention."""
        return [one for one in self.people.values() if one.placed and not one.faults]

    @property
    def bad(self) -> list[Person]:
        return [one for one in self.people.values() if one.faults]

    def needing_a_person(self) -> Iterator[str]:
        """Yield a line for each fault that needs a person; at most MOST_TOLD per student."""
        for one in self.bad:
            for fault in _first(one.faults):
                yield f"{one.shown}: {fault}"
        yield from _first(self.lost)


def _first(told: Sequence[str]) -> Iterator[str]:
    yield from told[:MOST_TOLD]
    if len(told) > MOST_TOLD:
        yield f"… and {len(told) - MOST_TOLD:,} more"


def collect(
    sources: Sequence[Path],
    target: Path,
    directory: Directory | None,
    zone: datetime.tzinfo = datetime.UTC,
    only: str | None = None,
) -> Collected:
    """Collect all sources into ``target``.

    ``only`` names the archives' assignment, for files by which it cannot be recognized.
    """
    done = Collected()
    with ExitStack() as stack:
        for number, source in enumerate(sources):
            _sort(done, stack, number, source, directory, zone)
        for person in done.people.values():
            _place(done, person, target, only)
    if directory is not None:
        done.lost += directory.unusable
        there = {one.id for one in done.people.values() if one.placed or one.faults}
        lessons = {lesson for one in done.people.values() for lesson in one.placed}
        done.missing = [
            one.shown
            for one in directory.students
            if one.id not in there
            # This archive may hold one student's work alone, after all the rest was collected.
            and not _has_any(target, one.id, lessons)
        ]
    return done


def _has_any(target: Path, student: str, lessons: Iterable[str]) -> bool:
    """Tell whether a student has work for one of these lessons."""
    try:
        folder = folder_of(target, student)
    except intake.Rejected:
        return True  # in several folders, of which grading says that a person must choose
    return any((folder / lesson).exists() for lesson in lessons)


# -- names: find the student -----------------------------------------------------------------------


def _sort(
    done: Collected,
    stack: ExitStack,
    number: int,
    source: Path,
    directory: Directory | None,
    zone: datetime.tzinfo,
    is_inner: bool = False,
) -> None:
    """Enter all files of a source under their students; ``is_inner`` if a folder holds it."""
    found: list[File | Refused]
    called = intake.shown(source.name)  # students may have named the zips in a folder
    try:
        found = list(stack.enter_context(archives.opened(source)))
    except Unreadable as error:
        done.lost.append(f"{called}: {error}; download it once more")
        return
    owner = _owner(source, directory)
    if not owner and source.is_dir():
        # A folder may contain several archives from an LMS, and students' own zips under any name.
        zips = [one for one in found if isinstance(one, File) and _is_archive(one, directory)]
        found = [one for one in found if one not in zips]
        for inner in zips:
            _sort(done, stack, number, source / inner.name, directory, zone, is_inner=True)
        if zips and not found:
            return
    elif not owner and any(one.parts == (RECEIPT,) for one in found):
        owner = source.stem  # a zip from `pack`, named for its student
    elif not owner and is_inner and not uploads.is_from_lms(source.name):
        done.lost.append(
            f"{called}: its name is neither a student's nor one that an LMS gives an archive: "
            "rename it for its student, or, if it is from an LMS, collect it by itself"
        )
        return
    if owner:
        # Whoever named it said whose it is. The student named all that is in it, and could imitate
        # an LMS's archive there.
        who = ((uploads.ANY, owner),)
        read = [(one, Upload(FOLDER, who, "/".join(one.parts), "")) for one in found]
    else:
        read = _read(done, found, directory, zone)
    for one, upload in read:
        _enter(done, number, called, source.is_dir(), one, upload, directory, zone)


def _read(
    done: Collected,
    found: list[File | Refused],
    directory: Directory | None,
    zone: datetime.tzinfo,
) -> list[tuple[File | Refused, Upload]]:
    """Return each file with the upload that it belongs to by its path."""
    found = _without_common(found, directory)
    known = _metadata(done, found)
    found = [each for each in found if each.parts not in SYSTEMS_OWN]
    read = [(one, uploads.read(one.parts, zone, known)) for one in found]
    level = _level([one for one, upload in read if upload is None], directory)
    return [(one, upload or _by_folder(one.parts, level)) for one, upload in read]


def _owner(source: Path, directory: Directory | None) -> str:
    """Return the student for whom an archive or a folder is named; "" for none on the roster."""
    if directory is None:
        return ""
    names = [source.name]
    if not source.is_dir():
        names += [source.stem, ZIPS_ENDING.sub("", source.name)]
    names += [COPYS_NUMBER.sub("", name) for name in names]
    return next((name for name in names if name and directory.knows(name)), "")


def _enter(
    done: Collected,
    number: int,
    source: str,
    is_folder: bool,
    one: File | Refused,
    upload: Upload,
    directory: Directory | None,
    zone: datetime.tzinfo,
) -> None:
    """Enter a file under its student, or note why that is impossible."""
    student = directory.find(upload) if directory is not None else _unlisted(upload)
    if isinstance(student, str):
        if isinstance(one, Refused):
            done.lost.append(f"{source}: {one.path}: {one.why}")
            return
        shown = intake.shown(upload.shown)
        person = done.people.setdefault(f"\0{shown}", Person("", shown))
        if not person.faults:
            person.faults.append(f"{source}: {student}")
        return
    person = done.people.setdefault(student.id, Person(student.id, student.shown))
    done.used_zone |= upload.system in (uploads.BLACKBOARD, uploads.BRIGHTSPACE)
    if isinstance(one, Refused):
        person.faults.append(f"{source}: {one.path}: {one.why}; it is left out")
    elif upload.name is not None:
        if upload.system == uploads.MOODLE:  # the roster may be its grading worksheet
            upload = uploads.by_worksheet(upload, student.line["Last modified"], zone)
        if upload.unread:
            fault = (
                f"{source}: its time {intake.shown(upload.unread)!r} cannot be read, so it counts "
                "as on time: download the archive in English and collect again, or write the time "
                f"into {STAMP}"
            )
            if fault not in person.faults:  # once for an attempt of several files
                person.faults.append(fault)
        key = (number, f"{source}/{upload.attempt}")
        attempt = person.attempts.setdefault(key, Attempt(source, upload, is_folder))
        if upload.number > attempt.upload.number:
            attempt.upload = upload
        attempt.files.append((upload.name or one.name, one))


def _is_archive(one: File, directory: Directory | None) -> bool:
    name = one.name.rpartition(".")[0]
    if len(one.parts) != 1 or not archives.is_zip(one.name) or uploads.read(one.parts) is not None:
        return False
    return directory is None or not directory.knows(name)


def _moved(one: File | Refused, parts: tuple[str, ...]) -> File | Refused:
    return File(parts, one.read) if isinstance(one, File) else Refused(parts, one.why)


def _without_common(
    found: list[File | Refused], directory: Directory | None
) -> list[File | Refused]:
    """Strip folders that enclose everything, except a student's, an assignment's or a system's."""
    while found and all(len(one.parts) > 1 for one in found):
        name = found[0].parts[0]
        if any(one.parts[0] != name for one in found):
            break
        if uploads.read((name, "x")) is not None or name in assignment_ids():
            break
        if directory is not None and directory.knows(name):
            break
        if directory is None and any(one.parts[1] in assignment_ids() for one in found):
            break
        found = [_moved(one, one.parts[1:]) for one in found]
    return found


def _metadata(done: Collected, found: Iterable[File | Refused]) -> dict[str, Upload]:
    """Read who handed in what from Gradescope's metadata; {} if there are none at the top."""
    for one in found:
        if one.parts == (uploads.METADATA,) and isinstance(one, File):
            try:
                content = one.read(uploads.MOST_METADATA)
                return uploads.submitters(content.decode("utf-8", "replace"))
            except Unreadable as error:
                done.lost.append(f"{one.path}: {error}")
    return {}


def _level(found: Iterable[File | Refused], directory: Directory | None) -> int:
    """Return how many folders enclose the folders named for students."""
    if directory is None:
        return 0
    levels = (
        place
        for one in found
        for place, part in enumerate(one.parts)
        if directory.knows(_stem(one.parts, place))
    )
    return min(levels, default=0)


def _by_folder(parts: tuple[str, ...], level: int) -> Upload:
    """Return the upload of a file in students' folders, or of a file beside them named for one."""
    place = min(level, len(parts) - 1)
    name = "/".join(parts[place + 1 :]) or parts[-1]
    return Upload(FOLDER, ((uploads.ANY, _stem(parts, place)),), name, "")


def _stem(parts: tuple[str, ...], place: int) -> str:
    """Return a folder's name, or a file's name without its suffix."""
    return parts[place] if place < len(parts) - 1 else parts[place].rpartition(".")[0]


def _unlisted(upload: Upload) -> Student | str:
    """Return the student that the archive names, or why it names none; used without a roster."""
    for _, value in upload.keys:
        try:
            return Student(intake.student_id(value), Line(0, {}))
        except intake.Rejected as error:
            why = str(error)
    return f"{why if upload.keys else 'the archive does not say whose it is'}: give a --roster"


# -- contents: find the lesson ---------------------------------------------------------------------


@dataclass(frozen=True)
class Notebook:
    """A file that was read: the student's name for it, its path in the source, and its bytes."""

    name: str
    path: str
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def _place(done: Collected, person: Person, target: Path, only: str | None) -> None:
    """Read and write a student's attempts. A failure is noted as a fault of this student alone."""
    ordered = sorted(
        person.attempts.items(),
        key=lambda item: (
            item[1].upload.when is not None,
            item[1].upload.when or datetime.datetime.min,
            item[1].upload.number,
            item[0][0],
        ),
    )
    for _, attempt in ordered:
        try:
            _place_attempt(done, person, attempt, target, only)
        except (OSError, intake.Rejected) as error:
            why = intake.in_one_line(getattr(error, "strerror", None) or str(error))
            person.faults.append(f"{attempt.archive}: it is not put in place: {why}")


def _place_attempt(
    done: Collected, person: Person, attempt: Attempt, target: Path, only: str | None
) -> None:
    notebooks, others = _contents(person, attempt)
    lessons: dict[str, list[Notebook]] = {}
    strangers = []
    for one in notebooks:
        lesson, why = lesson_in(one.content)
        if not lesson:
            lesson = _named_for(one.name)
            if lesson and why:
                person.faults.append(f"{one.path}: {why}; ask for it once more")
        if lesson:
            lessons.setdefault(lesson, []).append(one)
        else:
            strangers.append(one)
    if not lessons and only is not None and (strangers or others):
        lessons[only] = []  # grading will say what is wrong, and ask for a person
    if not lessons:
        if strangers or others:
            names = ", ".join(intake.shown(one.name) for one in [*strangers, *others][:5])
            person.faults.append(
                f"{attempt.archive}: no notebook of this course among {names}; ask for one, or "
                "name the assignment with --assignment"
            )
        return
    first = min(lessons)
    for lesson, found in lessons.items():
        more = [*strangers, *others] if lesson == first else []
        _write(done, person, attempt, lesson, found, more, target)


def _contents(person: Person, attempt: Attempt) -> tuple[list[Notebook], list[Notebook]]:
    """Return the attempt's notebooks and its other files; zips are opened, one level deep."""
    room = MOST_BYTES
    notebooks: list[Notebook] = []
    others: list[Notebook] = []
    queue: list[tuple[str, str, File, bool]] = [
        (name, one.path, one, False) for name, one in attempt.files
    ]
    while queue:
        name, path, one, is_inner = queue.pop(0)
        last = name.rpartition("/")[2]
        limit = min(room, intake.MAX_BYTES)
        try:
            if limit < LEAST:
                raise Unreadable("this student's files together are too large to be read")
            try:
                content = one.read(limit)
            except Unreadable:
                room -= limit  # reading it may have cost that much
                raise
            room -= len(content)
            if archives.is_zip(name) and content.startswith(b"PK"):
                if is_inner:
                    raise Unreadable("it is an archive in an archive in an archive")
                for entry in archives.inner(content):
                    own = f"{path}/{entry.path}"
                    if isinstance(entry, Refused):
                        person.faults.append(f"{own}: {entry.why}; it is left out")
                    elif entry.parts != (RECEIPT,):
                        queue.append(("/".join(entry.parts), own, entry, True))
                continue
        except Unreadable as error:
            person.faults.append(f"{path}: {error}; ask for it once more")
            if limit < LEAST:
                break
            continue
        made = Notebook(name, path, content)
        looks_so = MAYBE.search(last) and content.lstrip()[:1] == b"{"
        if looks_so or last.lower().endswith(".ipynb"):
            notebooks.append(made)
        elif attempt.upload.system == FOLDER and last in (STAMP, origin.NAME):
            continue  # left there by nbgrader or an earlier run
        elif len(others) < MOST_OTHERS:
            others.append(made)
        else:
            person.faults.append(f"{path}: more than {MOST_OTHERS} files; the rest is left out")
            break
    return notebooks, others


def lesson_in(content: bytes) -> tuple[str, str]:
    """Return the assignment that a notebook belongs to, and why it cannot be read; "" for neither.

    Both are empty for a notebook of no assignment. The cells' ids decide; if a program has removed
    them, the calls of ``check`` do.
    """
    try:
        cells = intake.parse(content).cells
    except intake.Rejected as error:
        return "", str(error)
    ids = {one for cell in cells for one in (cell.id, cell.grade_id) if one}
    checked = {name for cell in cells if cell.kind == "code" for name in CHECK.findall(cell.source)}
    for found in (ids, checked):
        counts = {name: len(found & own) for name, own in _cell_ids().items()}
        best = max(counts, key=lambda name: counts[name])
        if counts[best]:
            return best, ""
    return "", ""


@functools.cache
def _cell_ids() -> dict[str, frozenset[str]]:
    """Return each assignment's ids of cells and exercises that no other assignment has."""
    ids: dict[str, set[str]] = {}
    for name in assignment_ids():
        document = json.loads(assignment(name).path.read_bytes())
        ids[name] = {cell["id"] for cell in document["cells"] if "id" in cell}
        ids[name] |= {one.id for one in assignment(name).exercises}
    return {
        name: frozenset(own.difference(*(other for key, other in ids.items() if key != name)))
        for name, own in ids.items()
    }


def _named_for(name: str) -> str:
    """Return the assignment whose name is in the file's name; empty unless exactly one is."""
    found = [one for one in assignment_ids() if one in name.lower()]
    return found[0] if len(found) == 1 else ""


# -- writing ---------------------------------------------------------------------------------------


def _write(
    done: Collected,
    person: Person,
    attempt: Attempt,
    lesson: str,
    found: list[Notebook],
    others: list[Notebook],
    target: Path,
) -> None:
    """Put one attempt at a lesson in its place, and move an earlier one from there aside."""
    folder = folder_of(target, person.id) / lesson
    distinct = list({one.digest: one for one in found}.values())
    distinct.sort(key=lambda one: (_stem_of(one.name) != lesson, one.name))
    if len(distinct) > 1:
        names = ", ".join(intake.shown(one.name) for one in distinct)
        person.faults.append(
            f"{len(distinct)} notebooks of {lesson} in one attempt ({names}): all of them are in "
            f"{folder}; keep only the one that counts"
        )
    own = (distinct or others)[0]
    upload = attempt.upload
    when = upload.when or _stamped(attempt, lesson)
    new = Origin(
        upload.system,
        attempt.archive[: origin.LONGEST],
        own.path[: origin.LONGEST],
        own.digest,
        upload.number,
        origin.as_text(when),
        upload.late,
    )
    # Writing through a link could replace files of another student, or outside of ``target``.
    for one in (folder.parent, folder):
        if one.is_symlink():
            raise intake.Rejected(f"{one} is a symbolic link; remove it")
    contents = {f"{lesson}.ipynb": distinct[0].content} if distinct else {}
    taken = {f"{lesson}.ipynb", STAMP, origin.NAME}
    for other in [*distinct[1:], *others]:
        contents[_free(other.name, taken)] = other.content
    if when is not None:
        contents[STAMP] = f"{when:%Y-%m-%d %H:%M:%S} UTC\n".encode()
    earlier = target.with_name(target.name + EARLIER)
    aside = earlier / person.id / lesson
    if folder.exists():
        known = origin.read(folder)
        done.misplaced += origin.is_misplaced(folder)
        old = known or _found_there(folder, lesson)
        if old.sha256 == new.sha256:
            # The same file again, perhaps after the due date: its first time counts.
            if old.handed_in and (not new.handed_in or old.handed_in <= new.handed_in):
                if known is None:
                    origin.write(folder, replace(new, handed_in=old.handed_in))
                person.placed.add(lesson)
                return
        elif old.system not in ("", FOLDER, new.system):
            # A student's own zip may look like another system's archive, with others' names in it.
            # Nor does it show which of the two is later: each system has numbers of its own.
            raise intake.Rejected(
                f"{person.id} has work for {lesson} from {intake.shown(old.archive)} "
                f"({intake.shown(old.system)}), and this is from {new.system}: if this is to "
                f"count, move {folder} away and collect again"
            )
        elif old.order > new.order:
            if not any(kept.sha256 == new.sha256 for kept in _kept(aside)):
                _fill(earlier, _next(aside), contents | {origin.NAME: new.as_bytes()})
                done.earlier += 1
            person.placed.add(lesson)
            return
        else:
            place = _next(aside)
            place.parent.mkdir(parents=True, exist_ok=True)
            # After a kill between this and the writing below, the next run writes the folder anew.
            shutil.move(folder, place)
            _remove_beside(place)
            if known is not None:
                files.write(place / origin.NAME, known.as_bytes())
            done.earlier += 1
    _remove_beside(folder)
    origin.write(folder, new)
    _fill(target, folder, contents)
    person.placed.add(lesson)
    if upload.late and when is None:
        done.late.append(f"{person.shown}: {lesson}")
    elif not upload.unread and not (folder / STAMP).exists():
        done.untimed += 1


def _remove_beside(folder: Path) -> None:
    """Remove an origin from beside a submission: an earlier version's, or the student's own."""
    path = folder / origin.NAME
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)


def _fill(base: Path, folder: Path, contents: dict[str, bytes]) -> None:
    """Write an attempt's files into a folder below ``base``, through no link.

    The notebook comes last: ``grade --watch`` may grade it at once.
    """
    base.mkdir(parents=True, exist_ok=True)
    for name in sorted(contents, key=lambda name: name == f"{folder.name}.ipynb"):
        parts = (folder / name).relative_to(base).parts
        try:
            safe_files.write_beneath(base, parts, contents[name])
        except safe_files.LinkFound as error:
            raise intake.Rejected(f"{error.filename} is a symbolic link; remove it") from error


def _found_there(folder: Path, lesson: str) -> Origin:
    """Return what is known of a submission that ``collect`` did not write."""
    try:
        digest = hashlib.sha256(intake.read(folder / f"{lesson}.ipynb")).hexdigest()
    except intake.Rejected:
        digest = ""
    return Origin("", "", "", digest, handed_in=origin.as_text(read_timestamp(folder)[0]))


def _kept(aside: Path) -> Iterator[Origin]:
    for place in sorted(aside.glob("*")) if aside.is_dir() else ():
        found = origin.beside(place)
        if found is not None:
            yield found


def _next(aside: Path) -> Path:
    """Return the folder for the next earlier attempt: the first number from 1 that is free."""
    places = (aside / f"{number}" for number in itertools.count(1))
    return next(place for place in places if not place.exists())


def _stamped(attempt: Attempt, lesson: str) -> datetime.datetime | None:
    """Return the time in ``timestamp.txt`` beside a notebook in a folder that nbgrader collected.

    In an archive the student may have written such a file, so it is ignored there, whatever the
    archive is called.
    """
    if attempt.upload.system != FOLDER or not attempt.is_folder:
        return None
    for name, one in attempt.files:
        if name in (STAMP, f"{lesson}/{STAMP}"):
            try:
                text = one.read(1000).decode("ascii").strip()
                return to_utc(text) if EXCHANGE[STAMP].fullmatch(text.encode()) else None
            except (Unreadable, ValueError):
                return None
    return None


def _stem_of(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".ipynb")


def _free(name: str, taken: set[str]) -> str:
    """Make a student's name for another file safe and different from those taken; mark it taken."""
    last = unicodedata.normalize("NFC", name.rpartition("/")[2])
    plain = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in last)
    stem, dot, ending = plain.lstrip(".").rpartition(".")
    stem, ending = (stem or ending or "file")[:80], (dot + ending)[:20] if stem else ""
    number, made = 1, f"{stem}{ending}"
    while made.casefold() in {one.casefold() for one in taken} or len(os.fsencode(made)) > 250:
        stem = stem[:60]
        number += 1
        made = f"{stem}-{number}{ending}"
    taken.add(made)
    return made
