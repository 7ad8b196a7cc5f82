"""``tidy``: bring the lessons' notebooks into their final form."""

from __future__ import annotations

from pathlib import Path

import click

from grader.course.layout import LESSONS


@click.command()
@click.argument("lessons", nargs=-1, metavar="[LESSON]...", type=click.Choice(LESSONS))
@click.option("--draft", type=click.Path(exists=True, path_type=Path), help="start from this file")
@click.option("--check", is_flag=True, help="change nothing; exit 1 if something would change")
def command(lessons: tuple[str, ...], draft: Path | None, check: bool) -> None:
    """Write stubs, check cells and metadata into the lessons' notebooks; remove outputs."""
    from grader.authoring.tidy import tidy_file
    from grader.course.layout import notebook_path

    if draft is not None and len(lessons) != 1:
        raise click.UsageError("--draft needs exactly one LESSON, by its name")
    for lesson in lessons or LESSONS:
        path = notebook_path(lesson)
        changed = tidy_file(lesson, draft, write=not check)
        if check and changed:
            raise click.ClickException(f"{path.name} is not tidy: run `python -m grader tidy`")
        click.echo(f"{path.name}: {'written' if changed else 'already tidy'}")
