"""``report``: show what a cohort did, in the terminal, as a page and as CSV."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from grader.report.read import Records
    from grader.report.statistics import Shared, Summary

SHOWN = 10  # misconceptions of an assignment in the terminal; the page has them all


@click.command()
@click.option(
    "--course-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("."),
    help="where grading left gradebook.db, autograded/ and its records [default: here]",
)
@click.option("--html", "page", metavar="FILE", type=click.Path(path_type=Path), help="as a page")
@click.option(
    "--csv", "sheet", metavar="FILE", type=click.Path(path_type=Path), help="each check as a line"
)
@click.option(
    "--students",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="names from a list of the LMS, where the gradebook has none",
)
@click.option("--assignment", "only", metavar="ID", help="only this assignment")
def command(
    course_dir: Path,
    page: Path | None,
    sheet: Path | None,
    students: Path | None,
    only: str | None,
) -> None:
    """Show what the cohort did: marks, exercises and checks, misconceptions by frequency.

    Read from what `grade` left; nothing is graded again and no student's code runs. In the CSV a
    cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line end)
    gets an apostrophe in front.
    """
    for option, target in (("--html", page), ("--csv", sheet)):
        if target is not None and not target.resolve().parent.is_dir():
            raise click.UsageError(f"{option}: there is no folder {target.resolve().parent}")
        if target is not None and target.is_dir():
            raise click.UsageError(f"{option}: {target} is a folder; name a file")
    from grader.course.assignments import assignment_ids
    from grader.errors import ExportError, GradebookError
    from grader.lms.roster import Directory, read, text_of
    from grader.report.known import misconception
    from grader.report.read import read_records
    from grader.report.statistics import summaries

    try:
        records = read_records(course_dir, only)
        if students is not None:
            listed = Directory(read(text_of(students), students.name)).students
            names = {one.id: " ".join(filter(None, one.names)) for one in listed}
            records = replace(records, names=names | records.names)
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    except GradebookError as error:
        raise click.ClickException(str(error)) from error
    if not records.submissions and not records.unreadable:
        if only is not None and only not in assignment_ids():
            known = ", ".join(assignment_ids())
            raise click.UsageError(f"no assignment {only!r}; the course has {known}")
        nothing = f"no record of {only}" if only else "no record of a graded submission"
        raise click.UsageError(
            f"{course_dir} holds {nothing}: run `python -m grader grade DIR --course-dir "
            f"{course_dir}` first"
        )
    found = summaries(records, misconception)
    _show(records, found)
    try:
        _write(course_dir, records, found, page, sheet)
    except OSError as error:
        raise click.ClickException(f"the report cannot be written: {error}") from error


def _write(
    course_dir: Path,
    records: Records,
    found: list[Summary],
    page: Path | None,
    sheet: Path | None,
) -> None:
    import datetime

    from grader import files

    if page is not None:
        from grader.report.page import report_page
        from grader.report.similar import similar_answers

        similar = similar_answers(course_dir, records)
        today = datetime.date.today()
        files.write(page.resolve(), report_page(records, found, similar, today))
        click.echo(f"page: {page}")
    if sheet is not None:
        from grader.report.sheet import csv_text

        files.write(sheet.resolve(), csv_text(records.submissions).encode())
        click.echo(f"CSV: {sheet}")


def _show(records: Records, found: list[Summary]) -> None:
    import sys

    from rich.console import Console

    from grader.report.page import sandbox
    from grader.report.statistics import tomorrow

    console = Console() if sys.stdout.isatty() else Console(width=120)
    count = len(records.submissions)
    people, level = len(records.students), _text(sandbox(records))
    console.print(f"{people} students, {count} submissions · sandbox: {level}")
    if records.unsandboxed:
        console.print(
            f"[bold red]Graded without a sandbox: {len(records.unsandboxed)} of {count} "
            "submissions (--no-sandbox)[/]"
        )
    for one in records.to_look_at:
        name = records.names.get(one.student, "")
        who = f"{one.student} ({name})" if name else one.student
        where = f"{_text(who)}/{_text(one.assignment)}"
        console.print(f"[bold]needs a person:[/] {where}: {_text('; '.join(one.notices))}")
    for bad in records.unreadable:
        console.print(f"[bold red]not read:[/] {_text(str(bad.path))}: {_text(bad.why)}")
    for each in found:
        console.print()
        console.print(_exercises(each))
        if each.misconceptions:
            console.print(_misconceptions(each))
    _show_tomorrow(console, tomorrow(found))


def _exercises(one: Summary) -> Any:
    from rich.table import Table

    from grader.report.page import number, percent, signed

    outcomes = ", ".join(
        f"{count} {word.replace('_', ' ')}" for word, count in sorted(one.outcomes.items())
    )
    title = (
        f"{_text(one.assignment)} · {outcomes} · mean {number(one.mean)}, "
        f"median {number(one.median)} of {number(one.max_score)}"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("exercise", overflow="fold")
    for name in ("attempted", "passed", "mean share of points", "discrimination"):
        table.add_column(name, justify="right")
    for item in one.exercises:
        passed = f"{item.passed} of {item.attempted}" if item.attempted else number(None)
        table.add_row(
            _text(item.id),
            f"{item.attempted} of {item.submissions}",
            passed,
            percent(item.mean_share),
            signed(item.discrimination),
        )
    return table


def _misconceptions(one: Summary) -> Any:
    from rich.table import Table

    count = len(one.misconceptions)
    more = f", {SHOWN} of {count}" if count > SHOWN else ""
    table = Table(title=f"misconceptions by frequency{more}", title_justify="left")
    table.add_column("students", justify="right", no_wrap=True)
    for name in ("exercise", "misconception", "an answer that"):
        table.add_column(name, overflow="fold")
    for known in one.misconceptions[:SHOWN]:
        share = f"{len(known.students)} of {known.attempted}"
        table.add_row(share, _text(known.exercise), _text(known.id), _text(known.title))
    return table


def _show_tomorrow(console: Any, shared: list[Shared]) -> None:
    console.print("\n[bold]What to teach tomorrow[/]")
    if not shared:
        console.print("No misconception is shared by two students or more.")
    for place, one in enumerate(shared, 1):
        console.print(
            f"{place}. {len(one.students)} students, {_text(one.exercise)} "
            f"({_text(one.assignment)}): an answer that {_text(one.title or one.id)}",
            highlight=False,
        )
        if one.says:
            console.print(f"   {_text(one.says)}", highlight=False)


def _text(value: str) -> str:
    """A text made safe for the terminal: no control characters, rich's markup escaped."""
    from rich.markup import escape

    from grader.report.page import text

    return escape(text(value))
