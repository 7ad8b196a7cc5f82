"""The lessons in a folder, read from their notebooks: titles, minutes, exercises, points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.student.notebooks import Cell, NotANotebook, read

CHECK = "check_"


@dataclass(frozen=True)
class Lesson:
    """A lesson: the points of its checks by exercise, and those that a person gives.

    ``minutes`` is what the first cell says, 0 if it says nothing. ``damaged`` says why the notebook
    cannot be read; nothing else is known of the lesson then.
    """

    path: Path
    title: str
    minutes: int = 0
    exercises: Mapping[str, float] = field(default_factory=dict)
    question: float = 0
    damaged: str = ""


def lessons(lab: Path) -> list[Lesson]:
    """The lessons of this folder, in order, each in a subfolder of its own name or side by side.

    Of a lesson that lies in both places, the one in the subfolder counts.
    """
    found = {path.stem: path for path in lab.glob("[0-9][0-9]_*.ipynb")}
    nested = lab.glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb")
    found |= {path.stem: path for path in nested if path.stem == path.parent.name}
    return [lesson(found[name]) for name in sorted(found)]


def lesson(path: Path) -> Lesson:
    """The lesson that a notebook holds."""
    try:
        cells = read(path).cells
    except NotANotebook as error:
        return Lesson(path, path.stem, damaged=str(error))
    head = next((cell.source for cell in cells if cell.kind == "markdown"), "")
    title = re.search(r"^# +(?:Lesson \d+ · )?(.+)$", head, re.M)
    minutes = re.search(r"^\| \*\*Time\*\* \| about (\d+) minutes\b", head, re.M)
    return Lesson(
        path,
        f"{int(path.stem[:2])} · {title[1].strip()}" if title else path.stem,
        int(minutes[1]) if minutes else 0,
        {_exercise(cell): cell.points for cell in cells if _is_check(cell)},
        sum(cell.points for cell in cells if cell.kind == "markdown"),
    )


def _is_check(cell: Cell) -> bool:
    return cell.kind == "code" and cell.grade_id.startswith(CHECK)


def _exercise(cell: Cell) -> str:
    return cell.grade_id.removeprefix(CHECK)
