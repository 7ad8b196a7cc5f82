"""``solve``: make the solved notebooks."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli import _options
from grader.course.layout import LESSONS


@click.command()
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="where to write")
@click.option("--execute", is_flag=True, help="run them, and keep their outputs")
@_options.lessons
def command(output: Path | None, execute: bool, lessons: tuple[str, ...]) -> None:
    """Fill each lesson's stubs with its solutions (into solutions/solved by default)."""
    from grader.authoring.freeze import freeze
    from grader.authoring.solve import solve
    from grader.course.layout import SOLVED

    if execute:
        freeze()
    for lesson in lessons or LESSONS:
        click.echo(f"{solve(lesson, output or SOLVED, execute)}")
