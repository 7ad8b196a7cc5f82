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

import click

from grader.coursefile import ENGINE, current

CONFIG = ".jupyter"
# JupyterLab asks whether to fetch news, in a box that would cover the start page.
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--folder", type=click.Path(path_type=Path), default=Path("lab"), show_default=True)
@click.option("--copy-only", is_flag=True, help="prepare the copy, do not start JupyterLab")
@click.argument("jupyter_arguments", nargs=-1, type=click.UNPROCESSED)
def command(folder: Path, copy_only: bool, jupyter_arguments: tuple[str, ...]) -> None:
    """Copy the lessons that are not there yet into a folder of your own, and open JupyterLab.

    JupyterLab opens on a start page: the lessons in their order, and how far you are. What you have
    written is never overwritten. Further arguments go to jupyter lab.
    """
    course = current()
    copied = copy_lessons(course.root / course.notebooks, folder)
    start = start_page(folder)
    click.echo(
        f"{len(copied)} lessons copied into {folder}; your own work there is left as it is"
        if copied
        else f"Your lessons are in {folder}; they are left as they are"
    )
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
        command.append(f"--LabApp.default_url=/lab/tree/{start.name}")
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
            raise click.ClickException(
                f"{target} cannot be written ({error.strerror}): give another place with --folder"
            ) from error
        copied.append(target)
    return copied


def start_page(folder: Path) -> Path:
    """Write the page that JupyterLab opens on, unless the student has changed it.

    The folder of records and the lab's own settings are made, too, where they are missing.
    """
    from grader.student import records, start
    from grader.student.progress import course

    try:
        records.make(folder)
        page = folder / CONFIG / "labconfig" / "page_config.json"
        if not page.exists():
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(json.dumps(PAGE) + "\n", encoding="utf-8")
        return start.write(folder, course(folder, folder))
    except OSError as error:
        raise click.ClickException(
            f"{error.filename} cannot be written ({error.strerror}): give another place with "
            "--folder"
        ) from error
