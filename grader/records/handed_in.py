"""Unpack the zips from ``pack`` in a folder of submissions, so that they can be graded.

A student's zip is in the student's folder, ``submitted/ada/anything.zip``, or beside it,
``submitted/ada.zip``. Its notebooks are written to the usual places of submissions, such as
``submitted/ada/03_trees/03_trees.ipynb``; the zip is kept. A file that did not come from a zip is
never replaced; one that did is replaced if a zip that was packed later has another version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import files
from grader.course.assignments import assignment_ids
from grader.course.layout import COURSE
from grader.judge import intake, safe_files
from grader.records import archives, origin
from grader.records.archives import MOST_BYTES, Refused, Unreadable
from grader.records.submissions import folder_of
from grader.source import handin

_MEMBER = re.compile(r"(\d\d_[a-z0-9_]{1,90})/\1\.ipynb")
MOST_RECEIPT = 1 << 20  # bytes
NOTE = ".unpacked.json"  # in a student's folder: the digest of each notebook that a zip brought


class NotAHandIn(Exception):
    """The bytes are not a zip made by ``pack`` for this course; the message says why."""


@dataclass(frozen=True)
class HandIn:
    """A zip's content: the notebooks' bytes by assignment, and the receipt."""

    notebooks: Mapping[str, bytes]
    receipt: Mapping[str, Any]


def read(content: bytes, room: int = MOST_BYTES) -> HandIn:
    """Read a zip that ``pack`` made, within bounds and trusting nothing in it.

    Raises:
        NotAHandIn: not a zip from ``pack``, damaged, or larger than ``room`` bytes unpacked.
    """
    receipt, notebooks = None, {}
    try:
        for one in archives.inner(content):
            if isinstance(one, Refused):
                raise NotAHandIn(f"{one.path}: {one.why}")
            found = _MEMBER.fullmatch("/".join(one.parts))
            if one.parts == (handin.RECEIPT,):
                receipt = json.loads(one.read(min(room, MOST_RECEIPT)))
            elif found:
                notebooks[found[1]] = one.read(min(room, intake.MAX_BYTES))
                room -= len(notebooks[found[1]])
            else:
                raise NotAHandIn(f"it holds {one.path}, which pack does not write")
    except Unreadable as error:
        raise NotAHandIn(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise NotAHandIn(f"its {handin.RECEIPT} is not JSON") from error
    if receipt is None:
        raise NotAHandIn(f"it holds no {handin.RECEIPT}: `python -m grader pack` did not make it")
    if not isinstance(receipt, dict) or receipt.get("format") != handin.FORMAT:
        raise NotAHandIn(f"its {handin.RECEIPT} is not in format {handin.FORMAT}")
    return HandIn(notebooks, receipt)


@dataclass
class Unpacker:
    """Unpacks the zips in a folder, each once; ``remarks`` has a line for each that it could not.

    ``taken`` names the files dealt with, such as ``ada/work.zip``, which need no further remark.
    ``apart`` is a folder outside of ``folder``, for a dry run: the folder of a student with a zip
    is copied there before anything is unpacked. ``instead`` maps the copied folders' names to the
    copies.
    """

    folder: Path
    apart: Path | None = None
    instead: dict[str, Path] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _seen: frozenset[tuple[Path, tuple]] | None = None

    def unpack(self) -> None:
        """Unpack the zips; do nothing if no zip and no notebook beside one has changed since."""
        zips: dict[Path, Path] = {}
        unclear: dict[str, str] = {}
        for path, student in _zips(self.folder):
            try:
                is_beside = path.parent == self.folder
                zips[path] = folder_of(self.folder, student.name) if is_beside else student
            except intake.Rejected as error:
                unclear[self._shown(path)] = str(error)
        people = set(zips.values())
        targets = (one / name / f"{name}.ipynb" for one in people for name in assignment_ids())
        seen = frozenset((path, files.state(path)) for path in (*zips, *targets))
        if seen == self._seen:
            return
        self._seen = seen
        self.remarks = [f"{shown}: {why}" for shown, why in unclear.items()]
        self.taken = set(unclear)
        by_person: dict[Path, list[Path]] = {}
        for path, person in zips.items():
            by_person.setdefault(person, []).append(path)
            self.taken.add(self._shown(path))
        for person, paths in by_person.items():
            self._place(person, list(self._read(paths)))

    def _read(self, paths: Iterable[Path]) -> Iterator[tuple[str, HandIn]]:
        """Yield a student's zips within the limit of one; add a remark for each one not read."""
        room = MOST_BYTES
        for path in paths:
            shown = self._shown(path)
            try:
                if room <= 0:
                    raise NotAHandIn("the zips before it already reach the limit for one student")
                found = read(intake.read(path, self.folder), room)
                if found.receipt.get("course") != COURSE.id:
                    raise NotAHandIn(f"it is from another course, not {COURSE.id}")
                if path.parent == self.folder:
                    _named_for_a_student(path)
            except (intake.Rejected, NotAHandIn) as error:
                self.remarks.append(f"{shown}: {error}")
                continue
            room -= sum(map(len, found.notebooks.values()))
            yield shown, found

    def _shown(self, path: Path) -> str:
        return "/".join(map(intake.shown, path.relative_to(self.folder).parts))

    def _place(self, person: Path, brought: list[tuple[str, HandIn]]) -> None:
        """Write the notebooks in a student's zips; of two versions, the one packed later wins."""
        brought.sort(key=lambda one: (str(one[1].receipt.get("packed", "")), one[0]))
        wanted = {
            name: (shown, content)
            for shown, found in brought
            for name, content in found.notebooks.items()
        }
        if self.apart is not None:
            person = self._copy(person)
        known = _noted(person)
        kept = dict(known)
        for name, (shown, content) in wanted.items():
            try:
                why = self._write(person, name, content, known)
            except OSError as error:
                why = f"{name} cannot be written: {error.strerror}"
            if why:
                self.remarks.append(f"{shown}: {why}")
            else:
                kept[name] = handin.digest(content)
        if kept != known:
            try:
                note = json.dumps(kept).encode()
                safe_files.write_beneath(person.parent, (person.name, NOTE), note)
            except OSError as error:
                self.remarks.append(
                    f"{intake.shown(person.name)}: {NOTE} cannot be written: {error.strerror}"
                )
        self.taken.add(f"{intake.shown(person.name)}/{NOTE}")

    def _copy(self, person: Path) -> Path:
        """Copy a student's folder to ``apart``, as far as a run would read it; return the copy."""
        assert self.apart is not None
        copy = self.apart / person.name
        if person.is_symlink():
            copy.symlink_to(person.readlink())  # links are refused there as they are here
        elif person.is_dir():
            shutil.copytree(person, copy, symlinks=True, copy_function=_copy_what_is_read)
        else:
            copy.mkdir()
        origins = origin.folder_for(self.folder, person.name)
        if origins.is_dir():
            shutil.copytree(origins, origin.folder_for(self.apart, person.name))
        self.instead[person.name] = copy
        return copy

    def _write(self, person: Path, name: str, content: bytes, known: Mapping[str, str]) -> str:
        """Write a notebook to its place; return why not, or "" if it is there."""
        if name not in assignment_ids():
            return f"it holds {name}, which the course does not have"
        target = person / name / f"{name}.ipynb"
        link = f"{name} is not unpacked: a symbolic link is in its place"
        if person.is_symlink() or target.parent.is_symlink() or target.is_symlink():
            return link
        if target.exists():
            there = _digest(target)
            if there == handin.digest(content):
                return ""
            if there != known.get(name):
                return (
                    f"its {target.name} differs from the one in "
                    f"{intake.shown(person.name)}/{name}, which counts: remove that one to grade "
                    "the zip's"
                )
        try:  # a link put there since could lead to another student's files, or out of the folder
            safe_files.write_beneath(person.parent, (person.name, name, target.name), content)
        except safe_files.LinkFound:
            return link
        return ""


def _zips(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each zip with its student's folder. No link is followed."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_file() and path.suffix.lower() == ".zip":
            yield path, path.with_suffix("")
        elif path.is_dir():
            yield from ((one, path) for one in sorted(path.glob("*.[zZ][iI][pP]")))


def _copy_what_is_read(source: str, target: str) -> None:
    """Copy a student's file so that a dry run accepts or refuses the copy like the original."""
    fd = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.mkfifo(target)  # refused like the original, which is no plain file either
            return
        with open(target, "xb") as copy:
            copy.write(file.read(intake.MAX_BYTES + 1))
            copy.truncate(status.st_size)  # a hole, which takes no room, keeps a huge file's size


def _digest(path: Path) -> str:
    """Return the digest of a submission's file; "" if the file cannot be read."""
    try:
        return handin.digest(intake.read(path))
    except intake.Rejected:
        return ""


def _named_for_a_student(path: Path) -> None:
    """Raise NotAHandIn if a zip outside students' folders still has the name that pack gave it."""
    if path.stem in (COURSE.id, *assignment_ids()):
        raise NotAHandIn(
            "its name does not say whose it is: put it into a folder named for the student, or "
            "collect it"
        )
    intake.student_id(path.stem)


def _noted(person: Path) -> dict[str, str]:
    """Read the note in a student's folder; {} if it is missing or damaged."""
    try:
        tree = json.loads(intake.read(person / NOTE, person.parent))
    except (intake.Rejected, ValueError, RecursionError):
        return {}
    if not isinstance(tree, dict):
        return {}
    return {name: text for name, text in tree.items() if isinstance(text, str)}
