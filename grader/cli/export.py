"""``export``: write the gradebook's marks into a file that an LMS imports."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--to",
    "form",
    type=click.Choice(["canvas", "moodle", "csv"]),
    required=True,
    help="whose columns; csv has a line for each student and assignment",
)
@click.option(
    "--course-dir",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("."),
    help="where gradebook.db is [default: here]",
)
@click.option(
    "--output",
    metavar="FILE",
    help="where to write; - is the standard output [default: grades_<TO>.csv in the course folder]",
)
@click.option(
    "--assignment", "only", metavar="ID", multiple=True, help="only this; may be given again"
)
@click.option(
    "--students",
    metavar="FILE",
    help="the LMS's columns for each student: a CSV file exported from Canvas's gradebook or from "
    "Moodle, or one of yours with a column student_id",
)
@click.option("--missing-as-zero", is_flag=True, help="0 for what was not handed in")
def command(
    form: str,
    course_dir: Path,
    output: str | None,
    only: tuple[str, ...],
    students: str | None,
    missing_as_zero: bool,
) -> None:
    """Write the gradebook's marks as a CSV file for Canvas or Moodle, or as a plain table.

    A score is nbgrader's: the checks' points, or a human's in their place, less the penalty for
    being late, and never below 0. What was not handed in is an empty cell and not a zero, unless
    you say --missing-as-zero; an assignment that nobody handed in has no column unless it is named.
    Where Canvas has a mark already, it takes an empty cell for a change: look at its preview.
    Submissions that still wait for a human's mark are exported as they stand, and named.

    With --students, the columns Student, ID, SIS and Section come from the file that Canvas's
    gradebook exports, for students whose SIS Login ID or SIS User ID is their id in this course; so
    does the heading of an assignment that is there already. Moodle's students are found by
    username, ID number or e-mail address, whichever fits most of them. Whoever is in one list only
    is named; for Canvas and Moodle, they are left out: one unknown user stops Moodle's import, and
    of one Canvas asks whose the marks are.

    Text that a spreadsheet would compute (it begins with = + - @, a tab or a new line) gets an
    apostrophe in front; numbers do not. The columns are those of each system's import, see
    grader/lms/sheets.py. Exit 2 on bad usage.
    """
    from grader.errors import ExportError, GradebookError
    from grader.lms.export import EXPORTERS, STDOUT
    from grader.records.nbgrader_gradebook import nbgrader_gradebook

    gradebook = course_dir / "gradebook.db"
    if not gradebook.is_file():
        raise click.UsageError(
            f"{course_dir} holds no gradebook.db: grade first, or name the folder with --course-dir"
        )
    target = output or str(course_dir / f"grades_{form}.csv")
    exporter = EXPORTERS[form](
        to=target,
        assignment=list(only),
        students=students or "",
        missing_as_zero=missing_as_zero,
    )
    try:
        with nbgrader_gradebook(gradebook) as book:
            notices = exporter.write(book)
        stale = _out_of_date(course_dir)
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    except GradebookError as error:
        raise click.ClickException(str(error)) from error
    for notice in (*notices, *stale):
        click.echo(notice, err=True)
    if target != STDOUT:
        click.echo(f"written: {target}", err=True)


def _out_of_date(course_dir: Path) -> list[str]:
    """A notice if penalties for lateness are not what due dates and policy give by now."""
    from grader.records import late
    from grader.records.nbgrader_tables import read_gradebook, timings

    with read_gradebook(course_dir / "gradebook.db") as book:
        known = timings(book) if book is not None else {}
    found = [f"{student}/{task}" for student, task in late.out_of_date(course_dir, known)]
    if not found:
        return []
    names = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return [
        f"a due date, an extension or the policy has changed since grading, and {len(found)} "
        f"penalties have not: run `grade` and export again ({names})"
    ]
