"""``pack``: what a student hands in, as one zip."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("lessons", metavar="[LESSON]...", nargs=-1)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("."),
    help="your lessons' folder [default: this folder, the one around it, or lab in it]",
)
@click.option(
    "--output", metavar="PATH", type=click.Path(path_type=Path), help="the zip, or its folder"
)
def command(lessons: tuple[str, ...], folder: Path, output: Path | None) -> None:
    """Judge the saved lessons as check does, warn, and pack them into one zip to hand in.

    LESSON is a name, a number or a notebook file; without one, every lesson that you have worked
    on is packed. A warning never keeps a lesson out of the zip. Exit 1 if a lesson could not be
    packed.
    """
    from grader.student.packing import NothingPacked, pack_lessons

    try:
        packed = pack_lessons(lessons, folder, output, say=lambda line: click.echo(line, err=True))
    except NothingPacked as error:
        raise click.ClickException(f"nothing was packed: {error}") from error
    except KeyboardInterrupt:
        raise click.ClickException("nothing was packed: stopped") from None
    click.echo(repr(packed))
    if packed.left_out:
        raise SystemExit(1)
