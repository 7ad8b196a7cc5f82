"""Find submissions in a folder, and read each of them once."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.course.assignments import assignment, assignment_ids
from grader.judge import intake, prior_answers

# Files that nbgrader's exchange writes beside a notebook, and by which it finds the owner of a
# feedback page, with the form of their content. A student can replace them: anything of another
# form is left where it is.
EXCHANGE = {
    "timestamp.txt": re.compile(
        rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})? [A-Za-z0-9+:_/-]{1,40}"
    ),
    "submission_secret.txt": re.compile(rb"[0-9a-f]{128}"),
}


@dataclass(frozen=True)
class Found:
    """A submission on disk, at ``path``; ``refused`` is the reason if it will not be graded."""

    student: str
    assignment: str
    path: Path
    refused: str = ""

    @property
    def has_place(self) -> bool:
        """Does the gradebook have a place for it, because there is such an assignment?"""
        return not self.refused and self.assignment in assignment_ids()


@dataclass(frozen=True)
class Work:
    """What is sent to a judge: a submission's bytes, read once, or why they cannot be read.

    ``prior_notebooks``: (lesson, bytes) of the same student's notebooks that this lesson draws on.
    """

    found: Found
    content: bytes = b""
    prior_notebooks: tuple[tuple[str, bytes], ...] = ()
    unreadable: str = ""


def find_submissions(
    folder: Path, only: str | None = None, student: str | None = None
) -> Iterator[Found]:
    """Every ``folder/<student>/<assignment>``; one with a wrong name is found, too, as refused.

    Names and links are the students': no link is followed, and no name is trusted.
    """
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
    """A name that is safe to print: a file's name may hold control characters."""
    return ascii(name)[1:-1][:100] if not name.isprintable() else name[:100]


def read_work(found: Found) -> Work:
    """Read a submission's bytes, and its student's notebooks of the lessons that it draws on."""
    if not found.has_place:
        return Work(found)
    try:
        content = intake.read(found.path)
        return Work(found, content, prior_answers.read(found.path, assignment(found.assignment)))
    except intake.Rejected as error:
        return Work(found, unreadable=str(error))


def exchange_files(found: Found) -> dict[str, bytes]:
    """The files that ``nbgrader release_feedback`` needs beside a page, if there are any."""
    contents = {}
    for name, form in EXCHANGE.items():
        with contextlib.suppress(intake.Rejected):
            content = intake.read(found.path.parent / name)
            if form.fullmatch(content):
                contents[name] = content
    return contents


def timestamp(found: Found) -> datetime.datetime | None:
    """When a submission was handed in, from nbgrader's timestamp.txt; None if that says nothing."""
    try:
        text = intake.read(found.path.parent / "timestamp.txt").decode()[:100]
        from nbgrader.utils import parse_utc

        return parse_utc(text.strip())
    except (intake.Rejected, ValueError, OverflowError):
        return None
