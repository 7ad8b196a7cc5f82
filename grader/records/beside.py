"""Find the other files of a submission: the work may be in a file with another name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from grader.judge import intake
from grader.records import origin

# Python's caches, and files that nbgrader's exchange and ``collect`` write beside a notebook.
IGNORED = ("__pycache__", "feedback", "timestamp.txt", "submission_secret.txt", origin.NAME)
NOTEBOOKS = (".ipynb", ".json", "")  # suffixes of files that may be notebooks
MOST = 200  # entries read in one folder
DEPTH = 2  # the folder itself and the folders in it


@dataclass(frozen=True)
class Other:
    """Another file of a submission; ``content`` is None if it cannot be a notebook."""

    name: str
    content: bytes | None = None


def others(notebook: Path) -> tuple[Other, ...]:
    """Return the files beside ``student/assignment/assignment.ipynb``, or like it one folder up.

    Once as many bytes are read as one submission may have, further files are only named.
    """
    folder, person = notebook.parent, notebook.parent.parent
    found, room = [], intake.MAX_BYTES
    for path in paths_beside(notebook):
        name = str(path.relative_to(person if path.parent == person else folder))
        content = None
        if path.suffix.lower() in NOTEBOOKS and room > 0 and not path.is_symlink():
            try:
                content = intake.read(path)
            except intake.Rejected:
                content = None  # it is still listed by name, for a person to see
        room -= len(content or b"")
        found.append(Other(name, content))
    return tuple(found)


def paths_beside(notebook: Path) -> Iterator[Path]:
    """Yield the paths of :func:`others`. Hidden files are left out, and no link is followed."""
    yield from (path for path in _files(notebook.parent, DEPTH) if path != notebook)
    loose = _files(notebook.parent.parent, 1)
    yield from (path for path in loose if _may_be(path, notebook.stem))


def lying_loose(person: Path, assignments: set[str]) -> list[str]:
    """Return the assignments for which the student's folder has a file but no folder."""
    files = list(_files(person, 1))
    return [
        name
        for name in sorted(assignments)
        if any(_may_be(path, name) for path in files) and not _is_there(person / name)
    ]


def _may_be(path: Path, assignment: str) -> bool:
    """Tell whether a file in a student's folder may be or contain the assignment's notebook."""
    ending = path.suffix.lower() in (*NOTEBOOKS, ".zip")
    return ending and assignment.lower() in path.name.lower() and not _is_there(path, folder=True)


def _is_there(path: Path, folder: bool = False) -> bool:
    """Tell whether a file (with ``folder``, a folder) exists; False if that cannot be found out."""
    try:
        return path.is_dir() if folder else path.exists()
    except OSError:  # we may not have the right to look into its folder
        return False


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the files and links in a folder and its subfolders, in the order of their names."""
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
            yield Path(entry.path)  # deeper folders are listed, not opened
