"""Locate the files in the course's folder, and name its lessons."""

from __future__ import annotations

import shutil
from pathlib import Path

from grader.coursefile import current
from grader.errors import Refused

COURSE = current()
ROOT = COURSE.root
LESSONS = COURSE.lessons
NOTEBOOKS = ROOT / COURSE.notebooks
SOLUTIONS = ROOT / COURSE.solutions
SOLVED = SOLUTIONS / "solved"


def assignment_id(lesson: str) -> str:
    """Name a lesson's folder, notebook and nbgrader assignment: ``trees`` → ``03_trees``."""
    return f"{LESSONS.index(lesson) + 1:02d}_{lesson}"


def lesson_of(assignment: str) -> str:
    """Return an assignment's lesson: ``03_trees`` → ``trees``. KeyError lists the known ones."""
    for lesson in LESSONS:
        if assignment == assignment_id(lesson):
            return lesson
    known = ", ".join(assignment_id(lesson) for lesson in LESSONS)
    raise KeyError(f"no assignment {assignment!r}; the course has {known}")


def notebook_path(lesson: str, root: Path = NOTEBOOKS) -> Path:
    """Return a lesson's notebook: ``trees`` → ``notebooks/03_trees/03_trees.ipynb``."""
    name = assignment_id(lesson)
    return root / name / f"{name}.ipynb"


def module_of(lesson: str, part: str = "") -> str:
    """Return the name of a lesson's package, or of a module in it such as ``checks``."""
    return ".".join(filter(None, (COURSE.solutions, lesson, part)))


class FolderTakenError(Refused):
    """A folder to be written holds files of somebody else; the message says so."""


def make_room(folder: Path, mark: str, made_by: str) -> None:
    """Make ``folder`` empty for the command ``made_by``, which may have written it before.

    A folder that holds files but no file ``mark`` was not made by this command: raise
    FolderTakenError rather than delete somebody's work.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / mark).exists():
        raise FolderTakenError(
            f"{folder} holds something that `{made_by}` did not write: name another folder"
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / mark).write_text(f"made by `{made_by}`\n", encoding="utf-8")
