"""``rubrics``: the rubrics of the questions that a person grades, as one page to print."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli import _options
from grader.course.layout import LESSONS


@click.command()
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("rubrics.html"),
    show_default=True,
)
@_options.lessons
def command(output: Path, lessons: tuple[str, ...]) -> None:
    """Write the rubrics of the questions in writing as one page to print; not for students."""
    from grader import files
    from grader.authoring.rubrics import file_of
    from grader.pages.rubrics import rubrics_page

    page = rubrics_page(lessons or LESSONS)
    if page is None:
        wanted = file_of((lessons or LESSONS)[0])
        raise click.UsageError(f"there is no rubric: write one into {wanted}")
    with _options.writing(output):
        files.write(output.resolve(), page)
    click.echo(f"written: {output}")
