"""The last verdict on each exercise, recorded beside the lessons for ``progress()``.

``python -m grader lab`` makes a folder for the records. Without it nothing is recorded, so that a
notebook that is graded, tested or tried elsewhere leaves no files. Each exercise has a file of its
own: two notebooks that check at the same time cannot overwrite each other's records, and a damaged
file costs one exercise. No mark comes from these records.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.protocol.values import Verdict

FOLDER = ".progress"


@dataclass(frozen=True)
class Record:
    """The last verdict on an attempted exercise: checks passed, checks in all, points.

    ``answer`` is the digest of the text that was judged, "" if that is not known.
    """

    passed: int
    checks: int
    points: float
    answer: str = ""

    @property
    def right(self) -> bool:
        return self.passed == self.checks


def make(lab: Path) -> None:
    """Make the folder of records for the lessons in ``lab``: from now on, checks record here."""
    (lab / FOLDER).mkdir(parents=True, exist_ok=True)


def lab_of(folder: Path) -> Path | None:
    """Find the lab: this folder or its parent; None if neither has a folder of records."""
    for lab in (folder, folder.parent):
        if (lab / FOLDER).is_dir():
            return lab
    return None


def digest(text: str) -> str:
    """Return a digest of an answer's text; line ends and trailing spaces make no difference."""
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()[:16] if lines else ""


def note(verdict: Verdict, folder: Path | None = None, answer: str = "") -> str:
    """Record the verdict on an answer's text, in the lab of a folder [default: the current one].

    Returns:
        "" or, if the record could not be written, a sentence that says so. Never raises OSError:
        a full disk must not look like a wrong answer.
    """
    try:
        lab = lab_of((folder or Path.cwd()).resolve())
        if lab is not None:
            _write(verdict, digest(answer), lab / FOLDER)
    except OSError as error:
        why = error.strerror or error
        return f"(progress() cannot record this: {error.filename}: {why}. The check is complete.)"
    return ""


def _write(verdict: Verdict, answer: str, folder: Path) -> None:
    path = folder / f"{verdict.exercise}.json"
    if not verdict.attempted:
        path.unlink(missing_ok=True)
        return
    passed = sum(check.passed for check in verdict.checks)
    record = Record(passed, len(verdict.checks), float(verdict.score), answer)
    text = json.dumps(asdict(record)) + "\n"
    if path.exists() and path.read_bytes() == text.encode():
        return
    # Written aside and renamed: a reader never sees half a record.
    temporary = folder / f".{verdict.exercise}.{os.getpid()}"
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(lab: Path) -> tuple[dict[str, Record], list[str]]:
    """Read the records of a lab, by exercise, and the exercises whose record is damaged."""
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
    passed, checks, points = int(tree["passed"]), int(tree["checks"]), float(tree["points"])
    answer = str(tree.get("answer", ""))  # records of earlier editions have none
    record = Record(passed, checks, points, answer)
    if not 0 <= record.passed <= record.checks or not 0 <= record.points < 1e6:
        raise ValueError(f"{path} holds numbers that no check gives")
    return record
