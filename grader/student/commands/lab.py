"""``lab``: open JupyterLab on the student's own copy of the course."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from grader.coursefile import current
from grader.student.jupyterlab import (
    answers_in_the_background,
    command_line,
    environment,
    run_until_it_ends,
)
from grader.student.lab_folder import CannotWrite, copy_lessons, start_page

FOLDER = Path("lab")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
@click.option("--copy-only", is_flag=True, help="prepare the copy without starting JupyterLab")
@click.option(
    "--update",
    "wanted",
    metavar="LESSON",
    multiple=True,
    help="bring this lesson up to date, with your answers in it; the old file is kept",
)
@click.argument("jupyter_arguments", nargs=-1, type=click.UNPROCESSED)
def command(
    folder: Path, copy_only: bool, wanted: tuple[str, ...], jupyter_arguments: tuple[str, ...]
) -> None:
    """Copy the lessons that are not there yet into a folder of your own, and open JupyterLab.

    JupyterLab opens on a start page: the lessons in their order, and how far you are. What you have
    written is never overwritten. A new edition of the course takes the place of the lessons that
    you have not touched; the others are named. Further arguments go to jupyter lab.
    """
    from grader.student.lessons import START, named

    course = current()
    source = course.root / course.notebooks
    chosen = [named(word) for word in wanted]
    try:
        copied = copy_lessons(source, folder)
        newer = list(bring_up_to_date(source, folder, chosen))
        start = start_page(folder)
    except CannotWrite as error:
        if copy_only or chosen or not any(folder.glob("*/*.ipynb")):
            raise click.ClickException(str(error)) from error
        start = folder / START
        click.echo(
            f"{folder} cannot be written ({error.why}): you can read and run the lessons in it, "
            "but nothing that you change is saved; for a copy of your own add --folder PLACE"
        )
    else:
        click.echo(
            f"{len(copied)} lessons copied into {folder}; your own work there is left as it is"
            if copied
            else f"Your lessons are in {folder}; what you have written is left as it is"
        )
        for line in newer:
            click.echo(line)
    if copy_only:
        click.echo(f"Open {start} in your editor")
        return
    with answers_in_the_background(click.echo):
        click.echo("Starting JupyterLab, which opens in your browser; Ctrl-C here ends it")
        arguments = command_line(folder, start, jupyter_arguments)
        raise SystemExit(run_until_it_ends(arguments, environment(folder)))


def bring_up_to_date(source: Path, folder: Path, chosen: Sequence[str]) -> Iterator[str]:
    """Update the lessons that were never touched, and the chosen ones; say what was done."""
    from grader.student import editions

    try:
        newer = editions.bring_up_to_date(source, folder)
        if newer.updated:
            names = ", ".join(newer.updated)
            yield f"Replaced by a new edition, since you had changed nothing: {names}"
        for name in chosen:
            yield from editions.update(source / name / f"{name}.ipynb", folder).said()
    except OSError as error:
        raise CannotWrite(folder, error) from error
    left = {name: path for name, path in newer.differing.items() if name not in chosen}
    if left:
        where = "" if folder == FOLDER else f" --folder {folder}"
        options = "".join(f" --update {name[:2]}" for name in left)
        listed = ", ".join(editions.called(name, path) for name, path in left.items())
        yield (
            f"There is a new edition of {listed}; you have worked on yours, so it stays as it is. "
            f"To carry your answers over: python -m grader lab{where}{options}"
        )
