"""``lab``: JupyterLab on the student's own copy of the course."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--folder", type=click.Path(path_type=Path), default=Path("lab"), show_default=True)
@click.option("--copy-only", is_flag=True, help="prepare the copy, do not start JupyterLab")
@click.argument("jupyter_arguments", nargs=-1, type=click.UNPROCESSED)
def command(folder: Path, copy_only: bool, jupyter_arguments: tuple[str, ...]) -> None:
    """Copy the lessons that are not there yet into a folder of your own, and open JupyterLab.

    What you have written is never overwritten. Further arguments go to jupyter lab.
    """
    copied = copy_lessons(ROOT / "notebooks", folder)
    if (ROOT / "grader" / "specs").is_dir():  # a checkout: the answers are made, not shipped
        from grader.course.freeze import freeze

        freeze()
    click.echo(f"{len(copied)} lessons copied into {folder}; your own work there is left as it is")
    if copy_only:
        return
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(folder.resolve())]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    command += [  # the course asks nothing of the world outside
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    command += jupyter_arguments
    os.execv(sys.executable, command)


def copy_lessons(source: Path, folder: Path) -> list[Path]:
    """Copy each lesson that ``folder`` does not hold yet; what was copied."""
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
