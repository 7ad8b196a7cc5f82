"""What the checks said last, kept beside the lessons for ``progress()``.

``python -m grader lab`` makes a folder for it; only there is anything kept, so that a notebook
that is graded, tested or tried elsewhere leaves nothing behind. Each exercise has a file of its
own: two notebooks that check at the same time cannot lose each other's word, and a damaged file
costs one exercise. No mark comes from here.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.protocol.values import Verdict

FOLDER = ".progress"


@dataclass(frozen=True)
class Record:
    """The last verdict on an exercise that was attempted: checks passed of how many, points."""

    passed: int
    checks: int
    points: float

    @property
    def right(self) -> bool:
        return self.passed == self.checks


def make(lab: Path) -> None:
    """Let records be kept for the lessons in this folder."""
    (lab / FOLDER).mkdir(parents=True, exist_ok=True)


def lab_of(beside: Path) -> Path | None:
    """The folder of lessons that ``beside`` is, or lies in; None if nothing is kept there."""
    for folder in (beside, beside.parent):
        if (folder / FOLDER).is_dir():
            return folder
    return None


def note(verdict: Verdict, beside: Path | None = None) -> str:
    """Keep a verdict reached in the folder ``beside`` (by default the current one).

    Returns:
        "" or, where it could not be written, a sentence that says so. It never raises: a record
        is no part of a check.
    """
    try:
        lab = lab_of((beside or Path.cwd()).resolve())
        if lab is not None:
            _keep(verdict, lab / FOLDER)
    except OSError as error:
        why = error.strerror or error
        return f"(progress() cannot note this: {error.filename}: {why}. The check is complete.)"
    return ""


def _keep(verdict: Verdict, folder: Path) -> None:
    path = folder / f"{verdict.exercise}.json"
    if not verdict.attempted:
        path.unlink(missing_ok=True)
        return
    passed = sum(check.passed for check in verdict.checks)
    text = json.dumps(asdict(Record(passed, len(verdict.checks), float(verdict.score)))) + "\n"
    if path.exists() and path.read_bytes() == text.encode():
        return
    whole = folder / f".{verdict.exercise}.{os.getpid()}"
    try:
        whole.write_text(text, encoding="utf-8")
        os.replace(whole, path)
    finally:
        whole.unlink(missing_ok=True)


def read(lab: Path) -> tuple[dict[str, Record], list[str]]:
    """The records of a lab by exercise, and the exercises whose record is damaged."""
    found: dict[str, Record] = {}
    damaged = []
    for path in sorted((lab / FOLDER).glob("[!.]*.json")):
        try:
            found[path.stem] = _record(path)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            damaged.append(path.stem)
    return found, damaged


def _record(path: Path) -> Record:
    tree = json.loads(path.read_text(encoding="utf-8"))
    one = Record(int(tree["passed"]), int(tree["checks"]), float(tree["points"]))
    if not 0 <= one.passed <= one.checks or not 0 <= one.points < 1e6:
        raise ValueError(f"{path} holds numbers that no check gives")
    return one
