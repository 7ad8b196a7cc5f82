"""``due``: when assignments are due, and who has more time."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import click

from grader.cli._options import course_dir, known_assignment
from grader.judge import intake
from grader.records import nbgrader_tables as tables
from grader.records.late import duration

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.command()
@click.argument("name", metavar="[ASSIGNMENT]", required=False)
@click.argument("when", metavar="[WHEN]", required=False)
@click.option(
    "--extend",
    "extensions",
    metavar="STUDENT=SPAN",
    multiple=True,
    help="more time for one student: ada=2d, bo=36h; cy=0 takes it back; may be repeated",
)
@course_dir("where gradebook.db is")
def command(
    name: str | None, when: str | None, extensions: tuple[str, ...], course_dir: Path
) -> None:
    """Show or set when ASSIGNMENT is due: WHEN is "2026-02-01 12:00 Europe/Berlin", or "never".

    The zone is a name, UTC or an offset such as +0100. Extensions count from the due date and do
    not add up. All of it is kept in nbgrader's gradebook, where Formgrader shows it; the next
    `grade` works penalties out anew.
    """
    from grader.course.assignments import assignment
    from grader.records.gradebook import ensure_assignment

    known_assignment(name)
    due = None if when is None else _due(when)
    spans = [_extension(one) for one in extensions]
    if spans and name is None:
        raise click.UsageError("--extend: name the assignment first")
    gradebook = course_dir / "gradebook.db"
    if name is not None and (due is not None or spans):
        with tables.open_gradebook(gradebook) as book:
            ensure_assignment(book, assignment(name))
            if due is not None:
                tables.set_due(book, name, due if due != NEVER else None)
            if spans and tables.due_dates(book)[name] is None:
                raise click.UsageError(f"{name} has no due date to extend: set one first")
            _extend(book, name, spans)
    with tables.read_gradebook(gradebook) as book:
        if book is None:
            raise click.UsageError(f"{course_dir} holds no gradebook.db: set a due date first")
        _show(book, name)


NEVER = datetime.datetime.max


def _due(text: str) -> datetime.datetime:
    from grader.records.submissions import to_utc

    if text.strip().lower() == "never":
        return NEVER
    try:
        return to_utc(text.strip(), usual="none named")
    except ValueError:
        raise click.UsageError(
            f"{text!r} is not a time with a zone: write it as '2026-02-01 12:00 Europe/Berlin', "
            "'2026-02-01 12:00 UTC' or '2026-02-01 12:00 +0100'"
        ) from None


def _extension(text: str) -> tuple[str, datetime.timedelta | None]:
    """Parse such as "ada=2d" into (student, span); the span is None for 0."""
    student, _, span = text.rpartition("=")
    found = re.fullmatch(r"(\d{1,4})([mhdw]?)", span.strip())
    if not student or found is None or (not found[2] and int(found[1])):
        raise click.UsageError(
            f"--extend {text}: write STUDENT=SPAN with m, h, d or w for the unit, such as ada=2d"
        )
    try:
        student = intake.student_id(student.strip())
    except intake.Rejected as error:
        raise click.UsageError(f"--extend {text}: {error}") from error
    more = datetime.timedelta(**{UNITS[found[2] or "m"]: int(found[1])})
    return student, more or None


def _extend(book: Any, name: str, spans: list[tuple[str, datetime.timedelta | None]]) -> None:
    known = tables.students(book)
    for student, span in spans:
        if student not in known:
            click.echo(f"{student} is new to the gradebook; is the id right?", err=True)
        tables.set_extension(book, name, student, span)


def _show(book: Any, only: str | None) -> None:
    for name, due in sorted(tables.due_dates(book).items()):
        if only not in (None, name):
            continue
        click.echo(f"{name}: {'never due' if due is None else _both(due)}")
        for (student, _), one in sorted(tables.standings(book, name).items()):
            if one.extension and due is not None:
                more = duration(one.extension.total_seconds())
                click.echo(f"  {student}: {more} more, {_both(due + one.extension)}")


def _both(when: datetime.datetime) -> str:
    """Write a time in UTC and in this machine's zone."""
    here = when.replace(tzinfo=datetime.UTC).astimezone()
    return f"{when:%Y-%m-%d %H:%M} UTC, here {here:%Y-%m-%d %H:%M}"
