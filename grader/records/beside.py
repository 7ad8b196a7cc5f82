"""Find what else lies with a submission: the work may be in a file of another name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from grader.judge import intake
from grader.records import origin

# Python's caches; and what nbgrader's exchange writes beside a notebook.
IGNORED = ("__pycache__", "feedback", "timestamp.txt", "submission_secret.txt", origin.NAME)
NOTEBOOKS = (".ipynb", ".json", "")  # what may be a notebook, by how its name ends
MOST = 200  # entries looked at in a folder
DEPTH = 2  # a folder in the folder


@dataclass(frozen=True)
class Other:
    """Another file of a submission; ``content`` is None if it is not to be read as a notebook."""

    name: str
    content: bytes | None = None


def others(notebook: Path) -> tuple[Other, ...]:
    """The files beside ``student/assignment/assignment.ipynb``, and that notebook one folder up.

    Hidden files are left out. No link is followed. As many bytes are read as of one submission.
    """
    folder, person = notebook.parent, notebook.parent.parent
    found, room = [], intake.MAX_BYTES
    paths = (path for path in _files(folder, DEPTH) if path != notebook)
    loose = (path for path in _files(person, 1) if _may_be(path, notebook.stem))
    for path in (*paths, *loose):
        name = str(path.relative_to(person if path.parent == person else folder))
        content = None
        if path.suffix.lower() in NOTEBOOKS and room > 0 and not path.is_symlink():
            try:
                content = intake.read(path)
            except intake.Rejected:
                content = None  # it is named, which is what matters
        room -= len(content or b"")
        found.append(Other(name, content))
    return tuple(found)


def lying_loose(person: Path, assignments: set[str]) -> list[str]:
    """Assignments of which there is no folder in the student's, but a file with such a name."""
    files = list(_files(person, 1))
    return [
        name
        for name in sorted(assignments)
        if any(_may_be(path, name) for path in files) and not (person / name).exists()
    ]


def _may_be(path: Path, assignment: str) -> bool:
    """May this file in a student's folder be the notebook of the assignment, or hold it?"""
    ending = path.suffix.lower() in (*NOTEBOOKS, ".zip")
    return ending and assignment.lower() in path.name.lower() and not path.is_dir()


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """The files and links below a folder, in the order of their names."""
    try:
        with os.scandir(folder) as entries:
            some = sorted(islice(entries, MOST), key=lambda entry: entry.name)
    except OSError:
        return  # a folder that is missing, or that cannot be read, holds nothing to grade
    for entry in some:
        if entry.name.startswith(".") or entry.name in IGNORED:
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield Path(entry.path)
        elif depth > 1:
            yield from _files(Path(entry.path), depth - 1)
        else:
            yield Path(entry.path)  # deeper folders are named, and not looked into
