"""Read a notebook file as plain data, without nbformat: all that students' commands need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


class NotANotebook(Exception):
    """The file cannot be read as a notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """A cell: its kind ("code", "markdown", …), text, grade_id (or "") and points."""

    kind: str
    source: str
    name: str
    points: float


def read(path: Path) -> list[Cell]:
    """The cells of a notebook file. NotANotebook if the file is no notebook or cannot be read."""
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
