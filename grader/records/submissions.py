"""What was handed in: finding it in a folder, and reading it once."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.course.assignments import assignment, assignment_ids
from grader.judge import intake, prior_answers

# nbgrader's exchange writes them beside a notebook, and finds a page's owner by them. Nothing of
# another form is taken over from a submission.
EXCHANGE = {
    "timestamp.txt": re.compile(
        rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})? [A-Za-z0-9+:_/-]{1,40}"
    ),
    "submission_secret.txt": re.compile(rb"[0-9a-f]{128}"),
}


@dataclass(frozen=True)
class Found:
    """A submission on disk: graded from ``path``, or refused for ``refused``."""

    student: str
    assignment: str
    path: Path
    refused: str = ""

    @property
    def has_place(self) -> bool:
        """Is there an assignment to grade it for, and so a place in the gradebook?"""
        return not self.refused and self.assignment in assignment_ids()


@dataclass(frozen=True)
class Work:
    """What a judge is sent: a submission's bytes, read once, or why they cannot be read."""

    found: Found
    content: bytes = b""
    earlier: tuple[tuple[str, bytes], ...] = ()
    unreadable: str = ""


def find_submissions(
    folder: Path, only: str | None = None, student: str | None = None
) -> Iterator[Found]:
    """Every ``folder/<student>/<assignment>``; what has a wrong name is found too, refused."""
    known = set(assignment_ids())
    for person in sorted(folder.iterdir(), key=lambda path: path.name):
        if person.name.startswith(".") or (student is not None and person.name != student):
            continue
        if not person.is_dir() and not person.is_symlink():
            continue
        shown = _shown_name(person.name)
        if person.is_symlink():
            yield Found(shown, only or "", person, "the folder is a symbolic link; not followed")
            continue
        try:
            intake.check_name(person.name)
            tasks = sorted(person.iterdir(), key=lambda path: path.name)
        except intake.Rejected as error:
            yield Found(shown, only or "", person, str(error))
            continue
        except OSError as error:
            yield Found(shown, only or "", person, f"the folder cannot be read: {error.strerror}")
            continue
        for task in tasks:
            if task.name.startswith(".") or (only is not None and task.name != only):
                continue
            try:
                if not task.is_dir() and not task.is_symlink():
                    continue
            except OSError as error:
                reason = f"the folder cannot be read: {error.strerror}"
                yield Found(shown, _shown_name(task.name), task, reason)
                continue
            if task.name not in known:
                reason = f"there is no such assignment; the course has {', '.join(sorted(known))}"
                yield Found(shown, _shown_name(task.name), task, reason)
                continue
            yield Found(shown, task.name, task / f"{task.name}.ipynb")


def _shown_name(name: str) -> str:
    return ascii(name)[1:-1][:100] if not name.isprintable() else name[:100]


def read_work(found: Found) -> Work:
    """A submission's bytes, and its student's notebooks of the lessons that it draws on."""
    if not found.has_place:
        return Work(found)
    try:
        content = intake.read(found.path)
        return Work(found, content, prior_answers.read(found.path, assignment(found.assignment)))
    except intake.Rejected as error:
        return Work(found, unreadable=str(error))


def exchange_files(found: Found) -> dict[str, bytes]:
    """What `nbgrader release_feedback` needs beside a page, if the exchange was used."""
    kept = {}
    for name, form in EXCHANGE.items():
        with contextlib.suppress(intake.Rejected):
            content = intake.read(found.path.parent / name)
            if form.fullmatch(content):
                kept[name] = content
    return kept


def timestamp(found: Found) -> datetime.datetime | None:
    """nbgrader's timestamp.txt beside the notebook, if it is one."""
    try:
        text = intake.read(found.path.parent / "timestamp.txt").decode()[:100]
        from nbgrader.utils import parse_utc

        return parse_utc(text.strip())
    except (intake.Rejected, ValueError, OverflowError):
        return None
