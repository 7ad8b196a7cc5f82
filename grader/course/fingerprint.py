"""Hash all that a lesson's marks and frozen answers depend on, folder by folder."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import re
import tomllib
from pathlib import Path

from grader.course.exercises import home_of
from grader.course.layout import COURSE, LESSONS, ROOT
from grader.coursefile import ENGINE, NAME

# Derived files, which may change while no mark does.
LEFT_OUT = {"solved", ".ipynb_checkpoints", "__pycache__"}


def fingerprint(
    folders: tuple[str, ...], lesson: str = "", engine: Path = ENGINE, root: Path = ROOT
) -> str:
    """Hash these folders of the engine, the course, and the libraries' versions.

    With ``lesson``, leave out the files of lessons that it does not use, so that a change in one
    lesson leaves the marks of the others as they are.
    """
    used = lessons_used(lesson, root) if lesson else set(LESSONS)
    digest = hashlib.sha256()
    for path in engine_files(folders, engine):
        digest.update(f"{path.relative_to(engine)}\0".encode() + path.read_bytes())
    for path in course_files(root):
        if lesson_of_file(path, root) in {"", *used}:
            content = _described(path) if path == root / NAME else path.read_bytes()
            digest.update(f"{path.relative_to(root)}\0".encode() + content)
    for package in ("numpy", "torch"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def _described(path: Path) -> bytes:
    """Return what marks may depend on in the course's description: not where to hand in or ask."""
    description = tomllib.loads(path.read_text(encoding="utf-8"))
    for told in ("hand_in", "ask"):
        description.pop(told, None)
    return repr(sorted(description.items())).encode()


def engine_files(folders: tuple[str, ...], engine: Path = ENGINE) -> list[Path]:
    """Return the engine's modules in these folders and at its top, sorted."""
    inside = (path for folder in folders for path in (engine / folder).rglob("*.py"))
    return sorted([*engine.glob("*.py"), *inside])


def course_files(root: Path = ROOT) -> list[Path]:
    """Return the course's description, modules and notebooks, sorted."""
    halves = (root / COURSE.solutions, root / COURSE.notebooks)
    found = [
        path for half in halves for path in half.rglob("*") if path.suffix in (".py", ".ipynb")
    ]
    kept = [path for path in found if not LEFT_OUT & set(path.relative_to(root).parts)]
    return sorted([root / NAME, *kept])


def lessons_used(lesson: str, root: Path = ROOT) -> set[str]:
    """Return the lesson, and the lessons that it uses, directly or not.

    A lesson counts as used if a module or the notebook contains its name at all, or loads one of
    its answers: a lesson too many costs time, a lesson too few would leave outdated marks in place.
    """
    files = course_files(root)
    found: set[str] = set()
    pending = {lesson}
    while pending:
        found |= pending
        own = [path for path in files if lesson_of_file(path, root) in pending]
        texts = [path.read_text("utf-8") for path in own]
        pending = set().union(*map(_named, texts)) - found
    return found


def lesson_of_file(path: Path, root: Path = ROOT) -> str:
    """Return the lesson in whose folder a file is; empty for what all lessons share.

    Only folders inside the course count: the course's own may have the name of one of its lessons.
    """
    names = {re.sub(r"^\d\d_", "", folder) for folder in path.relative_to(root).parts[:-1]}
    return next((name for name in LESSONS if name in names), "")


def _named(text: str) -> set[str]:
    """Return the lessons that a text names, or whose answers it loads with ``mine``."""
    named = set(re.findall(r"\w+", text)) & set(LESSONS)
    for name in re.findall(r"\bmine\(\W*(\w+)", text):
        with contextlib.suppress(KeyError):  # not an exercise: only prose about mine
            named.add(home_of(name))
    return named
