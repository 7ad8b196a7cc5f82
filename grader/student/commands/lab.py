"""``lab``: open JupyterLab on the student's own copy of the course."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.coursefile import ENGINE, current

if TYPE_CHECKING:
    from grader.student.editions import Update

CONFIG = ".jupyter"
PAGE_NAME = "start.ipynb"
# JupyterLab asks whether to fetch news, in a box that would cover the start page.
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
# Beside a column of dates the file browser cuts most lessons' names off.
DEFAULTS = {"@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False}}
SETTINGS = {"page_config.json": PAGE, "default_setting_overrides.json": DEFAULTS}


class CannotWrite(click.ClickException):
    """The lessons' folder cannot be prepared; the message says why and what to do."""

    def __init__(self, what: object, error: OSError) -> None:
        self.why = error.strerror or str(error)
        super().__init__(f"{what} cannot be written ({self.why}): give another place with --folder")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--folder", type=click.Path(path_type=Path), default=Path("lab"), show_default=True)
@click.option("--copy-only", is_flag=True, help="prepare the copy, do not start JupyterLab")
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
    course = current()
    source = course.root / course.notebooks
    chosen = [released(source, name) for name in wanted]
    try:
        copied = copy_lessons(source, folder)
        newer = bring_up_to_date(source, folder, chosen)
        start = start_page(folder)
    except CannotWrite as error:
        if copy_only or chosen or not any(folder.glob("*/*.ipynb")):
            raise
        start = folder / PAGE_NAME
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
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(folder.resolve())]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    paths = [str(folder.resolve() / CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    environment = os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}
    command += [  # ask nothing of the network
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not any("default_url" in argument for argument in jupyter_arguments):
        page = f"/tree/{start.name}" if start.exists() else ""
        command.append(f"--LabApp.default_url=/lab{page}")
    command += jupyter_arguments
    with answers_in_the_background():
        click.echo("Starting JupyterLab, which opens in your browser; Ctrl-C here ends it")
        raise SystemExit(run_until_it_ends(command, environment))


@contextlib.contextmanager
def answers_in_the_background() -> Iterator[None]:
    """In a checkout, meanwhile make what checks compare with; a student bundle ships it.

    A check that comes too early makes the answers of its own lesson. What is made is kept.
    """
    if not (ENGINE / "authoring").is_dir():
        yield
        return
    click.echo("What checks compare with is made in the background, where it is missing")
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "freeze", "--gently"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a check that then finds no answers says why
        start_new_session=True,  # Ctrl-C is for JupyterLab, which asks whether to stop
    )
    try:
        yield
    finally:
        if process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGTERM)  # and the processes that it has started
            else:
                process.terminate()
            process.wait()


def run_until_it_ends(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run JupyterLab; return its exit code. It hears of Ctrl-C itself, and of an end from here."""
    process = subprocess.Popen(command, env=dict(environment))
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),  # the terminal tells both
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def copy_lessons(source: Path, folder: Path) -> list[Path]:
    """Copy each lesson that ``folder`` does not hold yet; return the copies."""
    copied = []
    for notebook in sorted(source.glob("*/*.ipynb")):
        target = folder / notebook.parent.name / notebook.name
        if target.exists():
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(notebook, target)
        except OSError as error:
            raise CannotWrite(target, error) from error
        copied.append(target)
    return copied


def released(source: Path, name: str) -> Path:
    """The course's notebook of a lesson, by its name, its folder's name or its number."""
    notebooks = sorted(source.glob("*/*.ipynb"))
    plain = Path(name).name.removesuffix(".ipynb")
    for path in notebooks:
        number, _, lesson = path.stem.partition("_")
        if plain in (path.stem, lesson, number, number.lstrip("0")):
            return path
    listed = ", ".join(path.stem for path in notebooks)
    raise click.ClickException(f"there is no lesson {name}; the course has {listed}")


def bring_up_to_date(source: Path, folder: Path, chosen: Sequence[Path]) -> list[str]:
    """Update the chosen lessons, and those that were never touched; return what to say of it."""
    from grader.student import editions

    said: list[str] = []
    try:
        for notebook in chosen:
            said += _updated(editions.update(notebook, folder))
        newer = editions.bring_up_to_date(source, folder)
    except editions.NotUpdated as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise CannotWrite(folder, error) from error
    if newer.updated:
        said.append(f"A new edition of {', '.join(newer.updated)}, which you had not touched: done")
    if newer.differing:
        where = "" if folder == Path("lab") else f" --folder {folder}"
        options = "".join(f" --update {name[:2]}" for name in newer.differing)
        said.append(
            f"A new edition of {', '.join(newer.differing)} is here, and you have worked on yours: "
            f"left as is. To carry your answers over: python -m grader lab{where}{options}"
        )
    return said


def _updated(update: Update) -> Iterator[str]:
    if update.kept is None:
        yield f"{update.lesson} is of the present edition already"
        return
    yield (
        f"{update.lesson} is of the present edition now, with your answers ({update.answers}) and "
        f"your own cells ({update.own_cells}); as it was before, it is {update.kept}"
    )
    yield from (f"please look: {line}" for line in update.unsure)


def start_page(folder: Path) -> Path:
    """Write the page that JupyterLab opens on, unless the student has changed it.

    The folder of records and the lab's own settings are made, too, where they are missing.
    """
    from grader.student import records, start
    from grader.student.progress import course

    try:
        records.make(folder)
        for name, settings in SETTINGS.items():
            path = folder / CONFIG / "labconfig" / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(settings) + "\n", encoding="utf-8")
        return start.write(folder, course(folder, folder))
    except OSError as error:
        raise CannotWrite(error.filename, error) from error
