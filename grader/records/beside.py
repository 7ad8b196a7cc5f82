"""Find the other files of a submission: the work may be in a file with another name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.judge import intake, safe_files
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
                content = intake.read(path, person.parent)
            except intake.Rejected:
                content = None  # it is still listed by name, for a person to see
        room -= len(content or b"")
        found.append(Other(name, content))
    return tuple(found)


def paths_beside(notebook: Path) -> Iterator[Path]:
    """Yield the paths of :func:`others`. Hidden files are left out, and no link is followed."""
    folder, person = notebook.parent, notebook.parent.parent
    inside = _files(person.parent, (person.name, folder.name), DEPTH)
    yield from (path for path in inside if path != notebook)
    loose = _files(person.parent, (person.name,), 1)
    yield from (path for path in loose if _may_be(path, notebook.stem))


def lying_loose(person: Path, assignments: set[str]) -> list[str]:
    """Return the assignments for which the student's folder has a file but no folder."""
    files = list(_files(person.parent, (person.name,), 1))
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


def _files(base: Path, parts: tuple[str, ...], depth: int) -> Iterator[Path]:
    """Yield the files and links in ``base/parts`` and its subfolders, in the order of their names.

    ``base`` is the folder of all submissions; no link below it is followed.
    """
    try:
        entries = safe_files.list_beneath(base, parts, MOST)
    except OSError:
        return  # a folder that is missing, or that cannot be read, holds nothing to grade
    for name, is_folder in entries:
        if name.startswith(".") or name in IGNORED:
            continue
        if is_folder and depth > 1:
            yield from _files(base, (*parts, name), depth - 1)
        else:
            yield base.joinpath(*parts, name)  # deeper folders are listed, not opened
