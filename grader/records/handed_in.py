"""Unpack the zips of ``pack`` that lie in a folder of submissions, so that they can be graded.

A student's zip lies in the student's folder, ``submitted/ada/anything.zip``, or beside it as
``submitted/ada.zip``. Its notebooks are written to where submissions lie,
``submitted/ada/03_trees/03_trees.ipynb``; the zip stays. A file that did not come from a zip is
never replaced; one that did is, if a zip that was packed later holds another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader import files
from grader.course.assignments import assignment_ids
from grader.course.layout import COURSE
from grader.judge import intake
from grader.source import handin
from grader.source.handin import HandIn, NotAHandIn

NOTE = ".unpacked.json"  # in a student's folder: the digest of each notebook that a zip brought


@dataclass
class Unpacker:
    """Unpacks the zips in a folder, each once; ``remarks`` has a line for what was not.

    ``taken`` names what was looked at, as ``ada/work.zip``: nothing more need be said of it.
    """

    folder: Path
    remarks: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    _seen: frozenset[tuple[Path, int, int]] = frozenset()

    def unpack(self) -> None:
        """Look at the folder; do nothing where no zip has changed since the last look."""
        zips = dict(_zips(self.folder))
        looks = ((path, path.lstat()) for path in zips)
        seen = frozenset((path, status.st_mtime_ns, status.st_size) for path, status in looks)
        if seen == self._seen:
            return
        self._seen = seen
        self.remarks, self.taken = [], set()
        by_person: dict[Path, list[Path]] = {}
        for path, person in zips.items():
            by_person.setdefault(person, []).append(path)
            self.taken.add(self._shown(path))
        for person, paths in by_person.items():
            self._place(person, list(self._read(paths)))

    def _read(self, paths: Iterable[Path]) -> Iterator[tuple[str, HandIn]]:
        """A student's zips, as much of them as may be read of one zip; a remark on each other."""
        room = handin.MAX_TOTAL
        for path in paths:
            shown = self._shown(path)
            try:
                if room <= 0:
                    raise NotAHandIn("the zips before it hold as much as is read of one student")
                found = handin.read(intake.read(path))
                if found.receipt.get("course") != COURSE.id:
                    raise NotAHandIn(f"it is of another course than {COURSE.id}")
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
        """Write what a student's zips hold; the zip that was packed last comes last."""
        brought.sort(key=lambda one: (str(one[1].receipt.get("packed", "")), one[0]))
        wanted = {
            name: (shown, content)
            for shown, found in brought
            for name, content in found.notebooks.items()
        }
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
                files.write(person / NOTE, json.dumps(kept).encode())
            except OSError as error:
                self.remarks.append(f"{person.name}: {NOTE} cannot be written: {error.strerror}")
        self.taken.add(f"{self._shown(person)}/{NOTE}")

    def _write(self, person: Path, name: str, content: bytes, known: Mapping[str, str]) -> str:
        """Write a notebook to its place; why not, if it stays as it is."""
        if name not in assignment_ids():
            return f"it holds {name}, which the course has not"
        target = person / name / f"{name}.ipynb"
        if person.is_symlink() or target.parent.is_symlink() or target.is_symlink():
            return f"{name} is not unpacked: a symbolic link lies in its place"
        if target.exists():
            there = _digest(target)
            if there == handin.digest(content):
                return ""
            if there != known.get(name):
                return (
                    f"it holds another {target.name} than {person.name}/{name}, which counts: "
                    "remove that one to grade the zip's"
                )
        files.write(target, content)
        return ""


def _zips(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each zip, and the folder of the student whose it is. No link is followed."""
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_symlink() or path.name.startswith("."):
            continue
        if path.is_file() and path.suffix.lower() == ".zip":
            yield path, path.with_suffix("")
        elif path.is_dir():
            yield from ((one, path) for one in sorted(path.glob("*.[zZ][iI][pP]")))


def _digest(path: Path) -> str:
    """The digest of a submission's file; "" if it is none that is read."""
    try:
        return handin.digest(intake.read(path))
    except intake.Rejected:
        return ""


def _named_for_a_student(path: Path) -> None:
    """NotAHandIn if a zip beside the students' folders has the name that pack gave it."""
    if path.stem in (COURSE.id, *assignment_ids()):
        raise NotAHandIn(
            "whose it is does not show: put it into a folder named for the student, or collect it"
        )
    intake.student_id(path.stem)


def _noted(person: Path) -> dict[str, str]:
    """What the note in a student's folder says; nothing if it is missing or damaged."""
    try:
        tree = json.loads(intake.read(person / NOTE))
    except (intake.Rejected, ValueError, RecursionError):
        return {}
    if not isinstance(tree, dict):
        return {}
    return {name: text for name, text in tree.items() if isinstance(text, str)}
