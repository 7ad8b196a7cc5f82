"""``release``: write the student bundle."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli._options import writing
from grader.course.layout import LESSONS, lesson_of
from grader.student.lessons import named


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("release"), show_default=True
)
@click.option(
    "--without", "left_out", metavar="NN", multiple=True, help="leave this lesson out, by number"
)
@click.option("--draft", is_flag=True, help="write it even if it is unfinished, for you to look at")
def command(output: Path, left_out: tuple[str, ...], draft: bool) -> None:
    """Write what students get: notebooks, checks, environment; no solution in any form.

    A course that is unfinished is refused, with a line for each thing to do.
    """
    without = [lesson_of(named(word)) for word in left_out]
    if len(set(without)) == len(LESSONS):
        raise click.UsageError("--without: no lesson is left")
    from grader.authoring.release import release

    with writing(output):
        faults = release(output, without, draft)
    for fault in faults:
        click.echo(fault, err=True)
    written = sum(path.is_file() for path in output.rglob("*"))
    click.echo(f"{written} files in {output}{': a draft, not for students' if faults else ''}")
