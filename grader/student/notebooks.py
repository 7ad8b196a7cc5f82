"""A notebook file read as plain data: all that a student's side needs of it, without nbformat."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


class NotANotebook(Exception):
    """The file cannot be read as a notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A cell: its kind ("code", "markdown", …), its text, its grade_id or "", its points."""

    kind: str
    source: str
    name: str
    points: float


def read(path: Path) -> list[Cell]:
    """The cells of a notebook file. NotANotebook if it is none, or cannot be read."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return [_cell(cell) for cell in cells]
    except FileNotFoundError as error:
        raise NotANotebook(f"there is no file {path}") from error
    except OSError as error:
        raise NotANotebook(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotANotebook(f"{path} is not a notebook that Jupyter could open") from error


def _cell(cell: dict) -> Cell:
    marks = cell.get("metadata", {}).get("nbgrader", {})
    graded = marks.get("points", 0) if marks.get("grade") else 0
    return Cell(
        cell["cell_type"], "".join(cell["source"]), str(marks.get("grade_id", "")), float(graded)
    )
