"""``export``: write the gradebook's marks into a file that an LMS imports."""

from __future__ import annotations

from pathlib import Path

import click

from grader import files
from grader.cli._options import course_dir, writing


@click.command()
@click.option(
    "--to",
    "form",
    type=click.Choice(
        [
            *("canvas", "moodle", "moodle-worksheet", "moodle-feedback"),
            *("blackboard", "brightspace", "csv"),
        ]
    ),
    required=True,
    help="the LMS to write for; csv has a line for each student and assignment",
)
@course_dir("where gradebook.db is")
@click.option(
    "--output",
    metavar="FILE",
    help="where to write; - is standard output, but not for a zip [default: grades_<TO>.csv in "
    "the course folder]",
)
@click.option(
    "--assignment", "only", metavar="ID", multiple=True, help="only this; may be repeated"
)
@click.option(
    "--students",
    metavar="FILE",
    help="the LMS's columns for each student: a CSV file exported from Canvas's gradebook or from "
    "Moodle, or one of yours with a column student_id; for moodle-worksheet, blackboard and "
    "brightspace the file that marks are filled into",
)
@click.option(
    "--submitted",
    type=click.Path(path_type=Path, file_okay=False),
    help="where `collect` has put the submissions [default: submitted in the course folder]",
)
@click.option(
    "--unreadable",
    type=click.Choice(["blank", "zero"]),
    default="blank",
    show_default=True,
    help="the mark for a file that could not be read, until a person gives one",
)
@click.option("--missing-as-zero", is_flag=True, help="0 for what was not handed in")
def command(
    form: str,
    course_dir: Path,
    output: str | None,
    only: tuple[str, ...],
    students: str | None,
    submitted: Path | None,
    unreadable: str,
    missing_as_zero: bool,
) -> None:
    """Write the gradebook's marks as a CSV file for an LMS, or as a plain table.

    A score is nbgrader's: the checks' points, or a human's in their place, less the penalty for
    being late, and never below 0. What was not handed in is an empty cell and not a zero, unless
    you say --missing-as-zero; an assignment that nobody handed in has no column unless it is named.
    Where Canvas already has a mark, it treats an empty cell as a change: check its preview.
    Submissions that still wait for a human's mark are exported as they are, and named.

    With --students, the columns Student, ID, SIS and Section come from the file that Canvas's
    gradebook exports, for students whose SIS Login ID or SIS User ID is their id in this course; so
    does the heading of an assignment that is there already. Moodle's students are found by
    username, ID number or e-mail address, whichever fits most of them. Students on only one of the
    two lists are named; for Canvas and Moodle, they are also left out: an unknown user stops
    Moodle's import, and Canvas asks to whom an unknown user's marks belong.

    moodle-worksheet fills in Moodle's grading worksheet, blackboard the downloaded grade center,
    brightspace the exported grades: the file named with --students, in which nothing else changes.
    moodle-feedback writes the feedback pages of one assignment as a zip that Moodle takes back,
    with the names from its archive.

    Text that a spreadsheet would compute (it begins with = + - @, a tab or a new line) gets an
    apostrophe before it; numbers do not. The columns are what each system imports: see
    grader/lms/sheets.py. Exit 2 on bad usage.
    """
    from grader.lms import worksheet
    from grader.lms.export import EXPORTERS, STDOUT

    gradebook = course_dir / "gradebook.db"
    if not gradebook.is_file():
        raise click.UsageError(
            f"{course_dir} holds no gradebook.db: grade first, or name the folder with --course-dir"
        )
    submitted = submitted or course_dir / "submitted"
    if form == "moodle-feedback":
        _feedback(course_dir, submitted, only, output)
        return
    target = output or str(course_dir / f"grades_{form}.csv")
    exporter = EXPORTERS[form](
        to=target,
        assignment=list(only),
        students=students or "",
        missing_as_zero=missing_as_zero,
        unreadable_as_zero=unreadable == "zero",
        **({"submitted": str(submitted)} if form in worksheet.FORMS else {}),
    )
    notices = exporter.write(gradebook)
    for notice in (*notices, *_out_of_date(course_dir)):
        click.echo(notice, err=True)
    if target != STDOUT:
        click.echo(f"written: {target}", err=True)


def _feedback(course_dir: Path, submitted: Path, only: tuple[str, ...], output: str | None) -> None:
    """Write the zip of feedback pages for Moodle."""
    from grader.lms.export import STDOUT
    from grader.lms.moodle_feedback import feedback_zip

    if len(only) != 1:
        raise click.UsageError("a feedback zip is for one assignment: name it with --assignment")
    if output == STDOUT:
        raise click.UsageError("a zip does not go to standard output: name a file with --output")
    target = Path(output or course_dir / f"feedback_moodle_{only[0]}.zip")
    with writing(target):
        content, left_out = feedback_zip(course_dir, submitted, only[0])
        files.write(target.resolve(), content)
    for student, why in sorted(left_out.items()):
        click.echo(f"not in the zip: {student}: {why}", err=True)
    click.echo(f"written: {target}", err=True)


def _out_of_date(course_dir: Path) -> list[str]:
    """Return a notice if late penalties no longer match the due dates and the policy."""
    from grader.records import late
    from grader.records.nbgrader_tables import read_gradebook, standings

    with read_gradebook(course_dir / "gradebook.db") as book:
        known = standings(book) if book is not None else {}
    found = [f"{student}/{task}" for student, task in late.out_of_date(course_dir, known)]
    if not found:
        return []
    names = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    return [
        "a due date, an extension or the policy has changed since grading; late "
        f"penalties out of date: {len(found)} ({names}). Run `grade` and export again"
    ]
