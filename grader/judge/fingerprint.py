"""Which engine gives the marks: everything that decides one, as a hash and as facts."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import platform
import re
from pathlib import Path
from typing import Any

import grader
from grader.course.assignments import assignment
from grader.course.exercises import LESSONS, home_of
from grader.course.layout import ROOT
from grader.judge.salt import salt_id

# What is made from marks, or around them: no judge imports any of it.
AFTERWARDS = (
    "grader/cli/",
    "grader/report/",
    "grader/lms/export.py",
    "grader/lms/csv_injection.py",
    "grader/lms/roster.py",
    "grader/lms/sheets.py",
    "grader/records/table.py",
    "grader/records/verification.py",
    "grader/records/watch.py",
)


@functools.cache
def engine_fingerprint(lesson: str = "", root: Path = ROOT) -> str:
    """A hash of all that decides a mark: the package, the solutions, notebooks, libraries.

    With a lesson: of what decides its marks, and so without the specifications, solutions and
    notebooks of the lessons that it does not use.
    """
    behind = lessons_behind(lesson, root) if lesson else set(LESSONS)
    digest = hashlib.sha256()
    for path in _files(root):
        if _lesson_of(path) in {"", *behind}:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    for package in ("numpy", "torch"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def lessons_behind(lesson: str, root: Path = ROOT) -> set[str]:
    """The lesson and those that it uses, directly or not.

    These are the ones that its modules and its notebook name in any way, or whose answers they
    load: one too many costs time, one too few would leave a mark standing that is out of date.
    """
    files = _files(root)
    found: set[str] = set()
    pending = {lesson}
    while pending:
        found |= pending
        texts = [path.read_text(encoding="utf-8") for path in files if _lesson_of(path) in pending]
        pending = set().union(*map(_named, texts)) - found
    return found


def _files(root: Path) -> list[Path]:
    """The modules and notebooks that decide marks, sorted."""
    left_out = {"solved", ".ipynb_checkpoints", "__pycache__"}
    found: list[Path] = []
    for folder in ("grader", "solutions", "notebooks"):
        for path in sorted((root / folder).rglob("*")):
            name = path.relative_to(root)
            decides = not name.as_posix().startswith(AFTERWARDS) and not left_out & set(name.parts)
            if decides and path.suffix in (".py", ".ipynb"):
                found.append(path)
    return found


def _lesson_of(path: Path) -> str:
    """The lesson whose name a file bears; empty for what all lessons share."""
    name = re.sub(r"^\d\d_", "", path.stem)
    return name if name in LESSONS else ""


def _named(text: str) -> set[str]:
    named = set(re.findall(r"\w+", text)) & set(LESSONS)
    for name in re.findall(r"\bmine\(\W*(\w+)", text):
        with contextlib.suppress(KeyError):  # a word about mine, and no exercise
            named.add(home_of(name))
    return named


def facts(assignment_name: str, secret: bytes) -> dict[str, Any]:
    """What a score depends on besides the submission: for the ledger."""
    return {
        "course": assignment(assignment_name).fingerprint,
        "engine": engine(),
        "python": platform.python_version(),
        "salt": salt_id(secret),
    }


@functools.cache
def engine() -> dict[str, str]:
    """Who graded: for ``--json``."""
    packages = ("numpy", "torch", "nbgrader")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "name": "grader",
        "version": grader.__version__,
        "fingerprint": engine_fingerprint()[:16],
    } | versions
