"""The lessons in a folder, read from their notebooks: titles, minutes, exercises, points."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grader.coursefile import current
from grader.errors import Refused
from grader.source.assembly import ANSWER, Part, parts_of
from grader.student.notebooks import Cell, NotANotebook, read
from grader.student.python_version import without_version

CHECK = "check_"
START = "start.ipynb"  # the page that lists the lessons
# No command takes a file whose name begins like this for a lesson or a copy of one.
KEPT = "before-update"


@dataclass(frozen=True)
class Lesson:
    """A lesson: its title, the points of its checks by exercise, and those that a person gives.

    ``minutes`` is what the first cell says, 0 if it says nothing. ``damaged`` says why the notebook
    cannot be read; nothing else is known of the lesson then.
    """

    path: Path
    title: str
    minutes: int = 0
    exercises: Mapping[str, float] = field(default_factory=dict)
    question: float = 0
    damaged: str = ""


def assignments() -> list[str]:
    """Return the course's lessons with their numbers, in order: the right names of their files."""
    return [f"{number:02d}_{name}" for number, name in enumerate(current().lessons, 1)]


def assignment(lesson: str) -> str:
    """Return a lesson's name with its number: ``trees`` → ``03_trees``."""
    return assignments()[current().lessons.index(lesson)]


class NoSuchLesson(Refused):
    """The course has no such lesson; the message lists those that it has."""


def named(word: str) -> str:
    """Find the lesson called ``3``, ``03``, ``trees``, ``03_trees``, or a path that ends so.

    Raises:
        NoSuchLesson: the course has no such lesson.
    """
    plain = Path(word).name.removesuffix(".ipynb")
    for name in assignments():
        if plain in (name, name[3:], name[:2], name[:2].lstrip("0")):
            return name
    raise NoSuchLesson(f"there is no lesson {word!r}; the course has {', '.join(assignments())}")


def released(assignment: str) -> Path:
    """Return the notebook of a lesson as the course hands it out."""
    course = current()
    return course.root / course.notebooks / assignment / f"{assignment}.ipynb"


def lessons(lab: Path) -> list[Lesson]:
    """Read the lessons of this folder, in order."""
    return [lesson(path, name) for name, path in files(lab).items()]


def files(lab: Path) -> dict[str, Path]:
    """Find the notebooks of the lessons in this folder, by the lessons' names, in order.

    Each is in a subfolder of the lesson's name, or in the folder itself. If a lesson is in both
    places, the one in the subfolder counts.
    """
    found = {path.stem: path for path in lab.glob("[0-9][0-9]_*.ipynb")}
    for folder in lab.glob("[0-9][0-9]_*/"):
        path = file_in(folder)
        if path is not None:
            found[folder.name] = path
    return {name: found[name] for name in sorted(found)}


def is_kept(path: Path) -> bool:
    """Tell whether this is a lesson's file from before an update."""
    return path.name.startswith(KEPT)


def file_in(folder: Path, given: Path | None = None) -> Path | None:
    """Find the notebook of the lesson that this folder is named for; None if there is none.

    ``given`` is the lesson as it is handed out [default: the course's].

    If the file of the lesson's name is missing, or is as it was given out, the newest other file
    in the folder that holds the lesson counts: a student has renamed it, or works in a copy. All
    code that looks for a student's lesson calls this, so that all of it finds the same file.
    """
    named = folder / f"{folder.name}.ipynb"
    given = given or released(folder.name)
    content = given.read_bytes() if given.is_file() else b""
    if named.exists() and _differs(named, content):
        return named
    others = (
        path
        for path in folder.glob("*.ipynb")
        if path != named and path.is_file() and not is_kept(path)
    )
    newest = sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)
    held = _checks(given) if content else set()
    for path in newest:
        if held & _checks(path) and _differs(path, content):
            return path
    return named if named.exists() else None


def _differs(path: Path, content: bytes) -> bool:
    """Tell whether a file's content differs. An unreadable one does: whoever opens it says why."""
    try:
        return without_version(path.read_bytes()) != without_version(content)
    except OSError:
        return True


def _checks(path: Path) -> set[str]:
    """Return the exercises whose checks a notebook holds; none if it cannot be read."""
    try:
        return {_exercise(cell) for cell in read(path).cells if _is_check(cell)}
    except NotANotebook:
        return set()


def lesson(path: Path, name: str = "") -> Lesson:
    """Read the lesson that a notebook holds; ``name`` is the lesson's if the file has another."""
    name = name or path.stem
    try:
        cells = read(path).cells
    except NotANotebook as error:
        return Lesson(path, name, damaged=str(error))
    head = next((cell.source for cell in cells if cell.kind == "markdown"), "")
    number = f"{int(name[:2])} · " if re.match(r"[0-9][0-9]_", name) else ""
    title = re.search(r"^# +(?:Lesson \d+ · )?(.+)$", head, re.M)
    minutes = re.search(r"^\| \*\*Time\*\* \| about (\d+) minutes\b", head, re.M)
    return Lesson(
        path,
        f"{number}{title[1].strip()}" if title else name,
        int(minutes[1]) if minutes else 0,
        {_exercise(cell): cell.points for cell in cells if _is_check(cell)},
        sum(cell.points for cell in cells if cell.kind == "markdown"),
    )


def handed_out(lesson: str) -> list[Part]:
    """Read the parts of a lesson as it was released."""
    content = released(assignment(lesson)).read_bytes()
    return [part for part, _ in parts_of(json.loads(content))]


def stub(lesson: str, exercise: str) -> str:
    """Return the text of an answer's cell in the lesson as it was released."""
    parts = handed_out(lesson)
    return next(part.source for part in parts if part.role == ANSWER and part.id == exercise)


def _is_check(cell: Cell) -> bool:
    return cell.kind == "code" and cell.grade_id.startswith(CHECK)


def _exercise(cell: Cell) -> str:
    return cell.grade_id.removeprefix(CHECK)
