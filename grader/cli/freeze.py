"""``freeze``: write the answers that students' checks compare with."""

from __future__ import annotations

import click


@click.command()
def command() -> None:
    """Write the public cases and their answers into grader/student/answers."""
    from grader.authoring.freeze import freeze

    click.echo(f"{freeze()} exercises frozen")
