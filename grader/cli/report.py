"""``report``: show what a cohort did, in the terminal, as a page and as CSV."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader import files
from grader.cli._options import course_dir, known_assignment, writing
from grader.lms.roster import Directory, load

if TYPE_CHECKING:
    from grader.report.read import Records
    from grader.report.statistics import Summary

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@course_dir("where gradebook.db, autograded/ and the records of grading are")
@click.option("--html", "page", metavar="FILE", type=FILE, help="write a page, too")
@click.option("--csv", "sheet", metavar="FILE", type=FILE, help="write a line for each check")
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

    It reads what `grade` wrote; nothing is graded again and no student's code runs. In the CSV, a
    cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a line end)
    gets an apostrophe before it.
    """
    for option, target in (("--html", page), ("--csv", sheet)):
        if target is not None and not target.resolve().parent.is_dir():
            raise click.UsageError(f"{option}: there is no folder {target.resolve().parent}")
    from grader.report.known import misconception
    from grader.report.read import read_records
    from grader.report.statistics import summaries
    from grader.report.terminal import show

    records = read_records(course_dir, only)
    if students is not None:
        listed = Directory(load(students)).students
        names = {one.id: " ".join(filter(None, one.names)) for one in listed}
        records = replace(records, names=names | records.names)
    if not records.submissions and not records.unreadable:
        known_assignment(only)
        nothing = f"no record of {only}" if only else "no record of a graded submission"
        raise click.UsageError(
            f"{course_dir} holds {nothing}: run `python -m grader grade DIR --course-dir "
            f"{course_dir}` first"
        )
    found = summaries(records, misconception)
    show(records, found)
    with writing("the report"):
        _write(course_dir, records, found, page, sheet)


def _write(
    course_dir: Path,
    records: Records,
    found: list[Summary],
    page: Path | None,
    sheet: Path | None,
) -> None:
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
