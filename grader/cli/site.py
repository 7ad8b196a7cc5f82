"""``site``: build the course as static pages."""

from __future__ import annotations

from pathlib import Path

import click

from grader.cli._options import writing


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("build/site"), show_default=True
)
def command(output: Path) -> None:
    """Build the course, unsolved, as pages that load nothing from elsewhere; print where."""
    from grader.authoring.site.build import build

    with writing(output):
        front = build(output.absolute())
    click.echo(str(front))
