"""``site``: build the course as static pages."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("build/site"), show_default=True
)
def command(output: Path) -> None:
    """Build the course, unsolved, as pages that load nothing from elsewhere; print where."""
    from grader.authoring.site.build import SiteError, build
    from grader.authoring.site.lessons import StaleError
    from grader.course.layout import FolderTakenError

    try:
        front = build(output.absolute())
    except FolderTakenError as error:
        raise click.UsageError(str(error)) from error
    except (SiteError, StaleError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error}") from error
    click.echo(str(front))
