"""Find what a lesson lacks before it may go out: for each fault a line with place and fix."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from grader import files
from grader.authoring import rubrics
from grader.authoring.scaffold import MARK
from grader.authoring.solve import errors, run_all
from grader.authoring.tidy import LessonError, tidied
from grader.course.exercises import exercises, home_of
from grader.course.fingerprint import fingerprint
from grader.course.layout import COURSE, LESSONS, ROOT, SOLUTIONS, assignment_id, notebook_path
from grader.coursefile import VARIABLE
from grader.student import frozen
from grader.student.words import points

SECONDS = 300  # that a cell of an untouched notebook may take
# The engine's folders that a notebook as handed out depends on, besides the course.
RUN_BY = ("course", "protocol", "rules", "source", "student")
RUNS = ".untouched.json"  # beside the frozen answers: which notebooks ran without an error
_MARK = re.compile(rf"\b{MARK}\b")
_HEADING = re.compile(r"^#{1,6} ", re.M)
_POINTS = re.compile(r"^\| \*\*Points\*\* \| (\d+(?:\.\d+)?)\b", re.M)
_TOLD = re.compile(r"\((\d+(?:\.\d+)?) points?\b")


def faults(lesson: str) -> list[str]:
    """Find faults without running anything: marks left, form, points of cards, rubrics."""
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    return [
        *_marks_left(lesson, notebook),
        *_form(lesson, notebook),
        *_cards(lesson, notebook),
        *rubrics.faults(lesson),
    ]


def _marks_left(lesson: str, notebook: NotebookNode) -> Iterator[str]:
    """Find where an author has yet to replace what `new-exercise` or `new-lesson` wrote."""
    own = (SOLUTIONS / lesson).rglob("*")
    for path in sorted(path for path in own if path.suffix in (".py", ".md")):
        lines = path.read_text(encoding="utf-8").splitlines()
        places = [number for number, line in enumerate(lines, 1) if _MARK.search(line)]
        if places:
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            yield f"{_shown(path)}: {MARK} is left in line {places[0]}{more}"
    for number, cell in enumerate(notebook.cells, 1):
        found = _MARK.search(cell.source)
        if found:
            said = cell.source[found.start() :].partition("\n")[0][:40]
            yield f"{_shown(notebook_path(lesson))}: {MARK} is left in cell {number}: {said!r}"


def _form(lesson: str, notebook: NotebookNode) -> Iterator[str]:
    path = notebook_path(lesson)
    try:
        text = tidied(nbformat.from_dict(notebook), lesson)
    except LessonError as error:
        yield f"{_shown(path)}: {error}"
        return
    if text != path.read_text(encoding="utf-8"):
        yield f"{_shown(path)}: it is not tidy: run `python -m grader tidy {lesson}`"


def _cards(lesson: str, notebook: NotebookNode) -> Iterator[str]:
    """Find where the points that students read are not those that they get."""
    path = _shown(notebook_path(lesson))
    for exercise in exercises(lesson):
        number, told = _card_points(exercise.id, notebook)
        if told is not None and told != exercise.points:
            yield (
                f"{path}: the card of {exercise.id}, cell {number}, says {points(told)}, but "
                f"{_shown(SOLUTIONS / lesson / 'checks.py')} says {exercise.points:g}: make them "
                "equal"
            )
    for question in rubrics.questions(lesson):
        found = [float(one) for one in _TOLD.findall(question.text)]
        if found and question.points not in (sum(found), *found):
            yield (
                f"{path}: the question {question.id} says {' and '.join(map(points, found))}, but "
                f"its answer, cell {question.cell}, gives {question.points:g}: make them equal"
            )


def _card_points(exercise: str, notebook: NotebookNode) -> tuple[int, float | None]:
    """Return the number of the cell with an exercise's card, and the card's points, if any."""
    heading = re.compile(rf"^#{{2,}} .*`{exercise}`.*$", re.M)
    for number, cell in enumerate(notebook.cells, 1):
        found = heading.search(cell.source) if cell.cell_type == "markdown" else None
        if found is None:
            continue
        rest = cell.source[found.end() :]
        following = _HEADING.search(rest)
        told = _POINTS.search(rest[: following.start()] if following else rest)
        return number, float(told[1]) if told else None
    return 0, None


def needed_by(left_out: str, kept: Iterable[str]) -> Iterator[str]:
    """Yield a line for each of the ``kept`` lessons that needs the one left out, and for what."""
    words = re.compile(rf"""["']@?{left_out}\.|\b{COURSE.solutions}\.{left_out}\.public\b""")
    for lesson in kept:
        code = [
            cell.source
            for cell in nbformat.read(notebook_path(lesson), as_version=4).cells
            if cell.cell_type == "code"
        ]
        loaded = {name for text in code for name in re.findall(r"\bmine\(\W*(\w+)", text)}
        own = [SOLUTIONS / lesson / "checks.py", *(SOLUTIONS / lesson / "public").glob("*.py")]
        names = sorted(name for name in loaded if _home(name) == left_out)
        if names:
            yield (
                f"{assignment_id(lesson)} loads {', '.join(names)} from {assignment_id(left_out)}: "
                f"leave {assignment_id(lesson)[:2]} out, too"
            )
        elif any(words.search(path.read_text(encoding="utf-8")) for path in own if path.is_file()):
            yield (
                f"the checks of {assignment_id(lesson)} use {assignment_id(left_out)}: "
                f"leave {assignment_id(lesson)[:2]} out, too"
            )


def _home(exercise: str) -> str:
    try:
        return home_of(exercise)
    except KeyError:
        return ""


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


# -- the notebook as handed out, run ---------------------------------------------------------------


def raised(bundle: Path, lessons: Iterable[str]) -> list[str]:
    """Run the notebooks of a bundle untouched; return a line for each error, with its cell.

    A notebook that ran without an error is not run again until its lesson or the engine changes.
    One with an error is: a busy machine alone may have stopped it.
    """
    path = frozen.folder() / RUNS
    known = json.loads(path.read_bytes()) if path.exists() else {}
    found: list[str] = []
    for lesson in lessons:
        key = f"{fingerprint(RUN_BY, lesson)} {platform.python_version()}"
        if known.get(lesson) == key:
            continue
        errors = _errors(bundle, lesson)
        found += errors
        if not errors:
            known[lesson] = key
            kept = {one: known[one] for one in LESSONS if one in known}
            files.write(path, json.dumps(kept, indent=1).encode())
    return found


def _errors(bundle: Path, lesson: str) -> list[str]:
    path = notebook_path(lesson, bundle / COURSE.notebooks)
    notebook = nbformat.read(path, as_version=4)
    # The bundle's own package and course, as students have them.
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    environment |= {"PYTHONPATH": str(bundle), "PYTHONDONTWRITEBYTECODE": "1"}
    said = f"{_shown(notebook_path(lesson))}: as handed out,"
    begun: list[int] = []

    def note(cell_index: int, **_: object) -> None:
        begun.append(cell_index + 1)

    options = {"timeout": SECONDS, "allow_errors": True, "on_cell_execute": note}
    try:
        run_all(notebook, path.parent, environment, **options)
    except CellTimeoutError:
        return [f"{said} cell {begun[-1]} takes more than {SECONDS} seconds"]
    except DeadKernelError:
        return [f"{said} cell {begun[-1]} ends the kernel"]
    return [f"{said} {error}" for error in errors(notebook)]
