"""``release``: write the student bundle."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli._options import writing
from grader.course.layout import LESSONS, lesson_of
from grader.student.lessons import NoSuchLesson, named


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("release"), show_default=True
)
@click.option(
    "--without", "left_out", metavar="NN", multiple=True, help="leave this lesson out, by number"
)
@click.option("--draft", is_flag=True, help="write it for a look, even if it is unfinished")
def command(output: Path, left_out: tuple[str, ...], draft: bool) -> None:
    """Write what students get: notebooks, checks, environment; no solution in any form.

    A course that is unfinished is refused, with a line for each thing to do.
    """
    try:
        without = [lesson_of(named(word)) for word in left_out]
    except NoSuchLesson as error:
        raise click.UsageError(f"--without: {error}") from error
    if len(set(without)) == len(LESSONS):
        raise click.UsageError("--without: no lesson is left")
    from grader.authoring.release import UnfinishedError, release

    try:
        with writing(output):
            faults = release(output, without, draft)
    except UnfinishedError as error:
        for fault in error.faults:
            click.echo(fault, err=True)
        things = "1 thing is" if len(error.faults) == 1 else f"{len(error.faults)} things are"
        raise click.ClickException(
            f"{things} unfinished, so nothing was written; --draft writes the bundle anyway"
        ) from error
    for fault in faults:
        click.echo(fault, err=True)
    written = sum(path.is_file() for path in output.rglob("*"))
    click.echo(f"{written} files in {output}{': a draft, not for students' if faults else ''}")
