"""The command line: each command is a module with a click command named ``command``.

Students' commands are in ``student/commands``, all others in ``cli``. A student's bundle holds
only the first folder, so it offers only these commands.
"""

from __future__ import annotations

import copy
import functools
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import click

import grader
from grader.coursefile import ENGINE, VARIABLE, CourseError
from grader.errors import Failed, Refused

FOLDERS = {"grader.student.commands": "student/commands", "grader.cli": "cli"}


class Commands(click.Group):
    """A group that finds commands by file, and imports only the one that is run."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(_modules())

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        module = _modules().get(name)
        if module is None:
            return None
        if (wanted := needs_linux(name, module)) is not None:
            return wanted
        try:
            # A copy, so that the module's own command keeps its callback.
            command = copy.copy(importlib.import_module(module).command)
        except CourseError as error:
            raise click.ClickException(str(error)) from error
        command.callback = _in_one_line(command.callback)
        return command


def _in_one_line(run: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command's function, to show the engine's own errors without a traceback."""

    @functools.wraps(run)
    def shown(*args: Any, **kwargs: Any) -> Any:
        try:
            return run(*args, **kwargs)
        except Refused as error:
            raise click.UsageError(str(error)) from error
        except Failed as error:
            raise click.ClickException(str(error)) from error

    return shown


def needs_linux(name: str, module: str) -> click.Command | None:
    """Return a command that refuses in place of one that this system cannot run, else None.

    The original is not even imported: the import would fail at a module that only Unix has.
    """
    if sys.platform == "linux" or not module.startswith("grader.cli"):
        return None
    if sys.platform == "darwin" and name != "grade":
        return None
    here, where = ("Windows", "WSL") if sys.platform == "win32" else (
        "macOS" if sys.platform == "darwin" else sys.platform, "a Linux container"
    )  # fmt: skip
    said = (
        f"{name} needs Linux, even with --no-sandbox, but this is {here}: run it in {where} "
        "(docs/instructors/where-it-runs.md)"
    )

    def refuse(**_: object) -> None:
        raise click.ClickException(said)

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    argument = click.Argument(["arguments"], nargs=-1)
    return click.Command(name, anything, refuse, [argument], help=said, short_help="needs Linux")


def _modules() -> dict[str, str]:
    """Return each command's module, by the command's name."""
    return {
        path.stem.replace("_", "-"): f"{package}.{path.stem}"
        for package, folder in FOLDERS.items()
        for path in (ENGINE / folder).glob("*.py")
        if not path.stem.startswith("_")
    }


def _choose(_: click.Context, __: click.Parameter, folder: str | None) -> None:
    """Set the course before any command is imported; judges and kernels inherit it."""
    if folder is not None:
        os.environ[VARIABLE] = folder


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(grader.__version__, prog_name="grader")
@click.option(
    "--course",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    is_eager=True,
    expose_value=False,
    callback=_choose,
    help="the course's folder [default: the one that you are in, or this engine's own]",
)
def main() -> None:
    """The course's grader: for students (check), instructors and CI."""
