"""Read a notebook file for students' commands, by the same code as the judge."""

from __future__ import annotations

from pathlib import Path

from grader.source import notebook
from grader.source.notebook import Cell, NotANotebook, Notebook


def read(path: Path) -> Notebook:
    """Read a notebook file; NotANotebook if it is no notebook or cannot be read."""
    try:
        return notebook.parse(path.read_bytes())
    except FileNotFoundError as error:
        raise NotANotebook(f"there is no file {path}") from error
    except OSError as error:
        raise NotANotebook(f"{path} cannot be read: {error.strerror}") from error
    except NotANotebook as error:
        why = str(error).removeprefix("the file is not a notebook: ")
        raise NotANotebook(f"{path} is not a notebook that Jupyter can open: {why}") from error


__all__ = ["Cell", "NotANotebook", "Notebook", "read"]
