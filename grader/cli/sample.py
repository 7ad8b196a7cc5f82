"""``sample``: make a cohort to try the grader on."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("build/cohort/submitted"))
def command(output: Path) -> None:
    """Make the sample cohort: solved, untouched, mistaken, broken and hostile submissions."""
    from grader.authoring.sample import make_cohort

    count = make_cohort(output)
    click.echo(f"{count} submissions in {output}")
