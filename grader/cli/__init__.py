"""The command line. Each command is a module of its own in :mod:`grader.cli`.

A student's bundle holds only some of them; those that are not there are not offered.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

import grader

FOLDER = Path(__file__).parent / "commands"


class Commands(click.Group):
    """Finds commands by file, and imports only the one that is run."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(
            path.stem.replace("_", "-")
            for path in FOLDER.glob("*.py")
            if not path.stem.startswith("_")
        )

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        module = importlib.import_module(f"grader.cli.{name.replace('-', '_')}")
        return module.command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(grader.__version__, prog_name="grader")
def main() -> None:
    """The course's grader: for students (check), instructors and CI."""
