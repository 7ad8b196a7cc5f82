"""``release``: write the student bundle."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("release"), show_default=True
)
def command(output: Path) -> None:
    """Write what students get: notebooks, checks, environment; no solution in any form."""
    from grader.authoring.release import release
    from grader.course.layout import FolderTakenError

    try:
        written = release(output)
    except FolderTakenError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"{len(written)} files in {output}")
