"""New editions of the course: replace what was never touched, carry answers over on request.

``python -m grader lab`` keeps a note of each notebook as it was handed out, beside a student's
lessons. A notebook that still equals it may be replaced by a newer edition; one that a student has
touched is left alone until ``lab --update`` is asked for it, which keeps the old file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from grader import files
from grader.errors import Failed
from grader.source.assembly import (
    ANSWER,
    CHECK,
    GIVEN,
    HUMAN,
    OWN,
    TEXT,
    Assembly,
    Part,
    assemble,
    parts_of,
)
from grader.source.notebook import Cell, Notebook, parse
from grader.source.prose import flat
from grader.student import lessons, records
from grader.student.notebooks import NotANotebook, read
from grader.student.python_version import with_this_version, without_version

NOTE = ".handed_out.json"


@dataclass(frozen=True)
class HandedOut:
    """A notebook as it was handed out: a digest of the file, and of each cell's text by its id."""

    file: str
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Newer:
    """The lessons that were brought up to date; those that differ and were left alone, by name."""

    updated: tuple[str, ...]
    differing: Mapping[str, Path]


@dataclass(frozen=True)
class Update:
    """One lesson brought up to date on request, in the file ``path``.

    ``kept`` is the file as it was before, None if there was nothing to do. ``unsure`` has a line
    about each answer that could not be placed for certain.
    """

    lesson: str
    path: Path
    kept: Path | None = None
    answers: int = 0
    own_cells: int = 0
    unsure: tuple[str, ...] = ()

    def said(self) -> Iterator[str]:
        """Yield what to tell the student, line by line."""
        name = called(self.lesson, self.path)
        if self.kept is None:
            yield f"{name} is already up to date"
            return
        yield (
            f"{name} is now up to date, with your answers ({self.answers}) and your own cells "
            f"({self.own_cells}); the old file is kept as {self.kept}"
        )
        yield from (f"please look: {line}" for line in self.unsure)


def called(lesson: str, path: Path) -> str:
    """Name a student's notebook of a lesson: by both names, if the file has one of its own."""
    return lesson if path.stem == lesson else f"{lesson} (your {path.name})"


class NotUpdated(Failed):
    """A lesson cannot be brought up to date, and nothing was changed; the message says why."""


def bring_up_to_date(source: Path, lab: Path) -> Newer:
    """Replace each notebook in ``lab`` that is still as it was handed out by the one in ``source``.

    Without a note of what was handed out, as in a lab of an earlier version, a notebook counts as
    touched; it counts as the present edition if all cells that students may not change are of that
    edition. A lesson that a student has renamed is found, and never replaced.

    Raises:
        OSError: something cannot be read or written. Each notebook is whole, the old or the new.
    """
    noted = handed_out(lab)
    now = dict(noted)
    updated, differing = [], {}
    for released in sorted(source.glob("*/*.ipynb")):
        name, own = released.stem, lab / released.parent.name / released.name
        new, content, given = _as_given(released), own.read_bytes(), noted.get(name)
        if _digest(content) == _digest(new) or (given is None and _is_of(new, content)):
            now[name] = _noted(new)
        elif given is not None and given.file == _digest(content):
            files.write(own, new)
            now[name] = _noted(new)
            updated.append(name)
        elif given is None or given.file != _digest(new):
            differing[name] = own
        work = lessons.file_in(own.parent, released)
        if work is None or work == own:
            continue
        key = _key(name, work)
        given = noted.get(key, given)  # before it was renamed, it was handed out under this name
        if _is_of(new, work.read_bytes()):
            now[key] = _noted(new)
            continue
        if given is not None:
            now[key] = given
        if given is None or given.file != _digest(new):
            differing[name] = work
    if now != noted:
        _write(lab, now)
    return Newer(tuple(updated), differing)


def update(released: Path, lab: Path) -> Update:
    """Replace a student's notebook by the released one with the student's answers in it.

    The old file is kept beside it. Added cells stay in their places. Cells that only the old
    edition has are left out if they are known to be as they were handed out. A lesson that the
    student has renamed keeps its name.

    Raises:
        NotUpdated: the student's file is no notebook, or of another lesson.
        OSError: something cannot be read or written; the old file is there all the same.
    """
    name, folder = released.stem, lab / released.parent.name
    own = lessons.file_in(folder, released) or folder / released.name
    new, content = _as_given(released), own.read_bytes()
    if _digest(content) == _digest(new):
        return Update(name, own)
    noted, key = handed_out(lab), _key(name, own)
    given = noted.get(key)
    try:
        notebook = read(own)
    except NotANotebook as error:
        raise NotUpdated(
            f"{error}. Move that file away, and the next lab copies the lesson again"
        ) from None
    document = json.loads(new)
    parts = [part for part, _ in parts_of(document)]
    assembly = assemble(parts, _own_work(notebook, parts, given))
    ids = {_id(cell) for cell in notebook.cells}
    exercises = [part.exercise for part in parts if part.role == ANSWER]
    if not any(one in ids or assembly.attempted(one) for one in exercises):
        raise NotUpdated(f"{own} holds nothing of {name}: it is left as it is")
    same = given is None or given.file == _digest(new)
    if same and not assembly.repairs and _is_of(new, content):
        return Update(name, own)
    pictures = _pictures(content)
    cells = {_released_id(cell): cell for cell in document["cells"]}
    document["cells"] = [_placed(part, cells.get(part.id), pictures) for part in assembly.parts]
    text = (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
    kept = _keep(own, content)
    files.write(own, text)
    _write(lab, {**noted, key: _noted(new)})
    return Update(
        name,
        own,
        kept,
        sum(map(assembly.attempted, exercises)) + sum(assembly.answered().values()),
        sum(part.role == OWN and part.id not in cells for part in assembly.parts),
        tuple(dict.fromkeys(assembly.unsure.values())),
    )


def other_edition(path: Path, lesson: str, notebook: Notebook, assembly: Assembly) -> str:
    """Say in a line that a notebook is of another edition of its lesson than the course's; else "".

    The lab's note tells. Without a note, other cells than the lesson's show it, or missing ones:
    all those of an exercise that is not answered elsewhere either.
    """
    released = lessons.released(lesson)
    parts = _parts(released.read_bytes())
    known = {part.id for part in parts}
    marked = dict.fromkeys(cell.grade_id for cell in notebook.cells if cell.grade_id)
    if not known & marked.keys():
        return ""  # a tool has removed the ids
    foreign = [name for name in marked if name not in known and not _is_anothers(name, released)]
    ids = {_id(cell) for cell in notebook.cells}
    missing = [
        one
        for one in dict.fromkeys(part.exercise for part in parts if part.role == ANSWER)
        if not assembly.attempted(one)
        and not ids & {part.id for part in parts if part.exercise == one}
    ]
    why = [f"it has {_listed(foreign)}, which the lesson lacks"] if foreign else []
    why += [f"it lacks {_listed(missing)}"] if missing else []
    lab = records.lab_of(path.resolve().parent)
    noted = handed_out(lab).get(_key(lesson, path)) if lab is not None else None
    newer = noted is not None and noted.file != _digest(released.read_bytes())
    if not why and not newer:
        return ""
    sure = "is" if foreign or newer else "seems to be"
    reasons = f" ({'; '.join(why)})" if why else ""
    return (
        f"{path.name} {sure} of another edition of {lesson}{reasons}: `python -m grader lab "
        f"--update {lesson[:2]}` brings it up to date, with your answers in it"
    )


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = [f"{len(names) - most} more cells"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def _is_anothers(name: str, released: Path) -> bool:
    """Tell whether a cell of another lesson has this id, and may have been copied from there."""
    others = (path for path in released.parents[1].glob("*/*.ipynb") if path != released)
    return any(part.id == name for path in others for part in _parts(path.read_bytes()))


def handed_out(lab: Path) -> dict[str, HandedOut]:
    """Read the note, by lesson; empty if it is missing or damaged, so that all counts as touched.

    OSError if it is there and cannot be read.
    """
    try:
        tree = json.loads((lab / NOTE).read_text(encoding="utf-8"))
        return {name: HandedOut(str(one["file"]), dict(one["cells"])) for name, one in tree.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _key(lesson: str, path: Path) -> str:
    """Return the key in the note for a student's notebook of a lesson."""
    return lesson if path.stem == lesson else f"{lesson}/{path.name}"


def _write(lab: Path, noted: Mapping[str, HandedOut]) -> None:
    tree = {name: asdict(noted[name]) for name in sorted(noted)}
    files.write(lab / NOTE, (json.dumps(tree) + "\n").encode())


def _noted(content: bytes) -> HandedOut:
    return HandedOut(
        _digest(content), {part.id: records.digest(part.source) for part in _parts(content)}
    )


def _parts(content: bytes) -> list[Part]:
    return [part for part, _ in parts_of(json.loads(content))]


def _digest(content: bytes) -> str:
    return hashlib.sha256(without_version(content)).hexdigest()


def _as_given(released: Path) -> bytes:
    return with_this_version(released.read_bytes())


def _is_of(new: bytes, content: bytes) -> bool:
    """Tell whether the cells that students may not change are of the edition ``new``."""
    try:
        texts = {_id(cell): flat(cell.source) for cell in parse(content).cells}
    except NotANotebook:
        return False
    fixed = (part for part in _parts(new) if part.role in (GIVEN, CHECK, TEXT))
    return all(texts.get(part.id) == flat(part.source) for part in fixed)


def _id(cell: Cell) -> str:
    return cell.grade_id or cell.id


def _released_id(cell: Mapping[str, Any]) -> str:
    """Return a released cell's id, as :func:`parts_of` gives it."""
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", cell["id"]))


def _own_work(notebook: Notebook, parts: Sequence[Part], given: HandedOut | None) -> Notebook:
    """Return the notebook without what is known to be as it was handed out.

    In the new edition an old stub would pass for an answer, an old text for the student's.
    """
    if given is None:
        return notebook
    known = {part.id: part for part in parts}
    cells = []
    for cell in notebook.cells:
        part = known.get(_id(cell))
        if given.cells.get(_id(cell)) != records.digest(cell.source):
            cells.append(cell)
        elif part is not None:
            mine = part.role in (ANSWER, HUMAN, OWN)
            cells.append(replace(cell, source=part.source) if mine else cell)
    return replace(notebook, cells=tuple(cells))


def _pictures(content: bytes) -> dict[str, Any]:
    """Collect pictures pasted into texts, by the cell's id and by its text."""
    found: dict[str, Any] = {}
    for raw in json.loads(content.decode("utf-8-sig")).get("cells", []):
        if not isinstance(raw, dict) or not isinstance(raw.get("attachments"), dict):
            continue
        alone = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [raw]})
        for cell in parse(alone.encode()).cells:
            found |= dict.fromkeys((_id(cell), cell.source), raw["attachments"])
    return found


def _placed(part: Part, released: dict[str, Any] | None, pictures: Mapping[str, Any]) -> dict:
    """Make a cell of the new notebook: a released one with the student's text, or an added one."""
    if released is not None and part.source == part.released:
        return released
    cell = released or {"cell_type": part.kind, "id": part.id, "metadata": {}}
    if released is None and part.kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    pasted = pictures.get(part.source if released is None else part.id)
    if pasted and part.kind == "markdown" and "attachment:" in part.source:
        cell["attachments"] = pasted
    return {**cell, "source": part.source.rstrip().splitlines(keepends=True)}


def _keep(own: Path, content: bytes) -> Path:
    """Keep the old file beside the new one, without replacing any file; return its path."""
    number = 1
    while True:
        more = f"-{number}" if number > 1 else ""
        path = own.with_name(f"{lessons.KEPT}{more}-{own.name}")
        if files.create(path, content):
            return path
        number += 1
