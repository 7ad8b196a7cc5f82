"""A sample cohort, made from the course: submissions from solved to hostile."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

import nbformat

from grader.authoring.rubrics import is_question
from grader.authoring.solve import replace_answers, solved
from grader.course.exercises import exercises
from grader.course.layout import COURSE, LESSONS, assignment_id, make_room, notebook_path
from grader.course.sources import answer_source
from grader.course.versions import Version, misconceptions
from grader.source.slicing import bound_names, needed

MARK = ".sample-cohort"
MISTAKEN = 8
HUMAN_ANSWER = "Because a weighted average changes smoothly with the weights, gradients can flow."


@dataclass(frozen=True)
class Student:
    """A made-up student. ``hands_in``: lesson → text of the notebook file, or None for nothing."""

    name: str
    hands_in: Callable[[str], str | None]


def students() -> Iterator[Student]:
    """Yield the whole cohort."""
    yield Student("ada", _solved)
    yield Student("blank", _untouched)
    yield Student("half", _half)
    yield Student("ugly-but-right", _ugly)
    for number in range(1, MISTAKEN + 1):
        yield Student(f"mistaken-{number:02d}", functools.partial(_mistaken, number - 1))
    yield Student(
        "endless", lambda lesson: _only_first(lesson, _with_first("while True:\n    pass"))
    )
    yield Student("exits", _with_first("import os\nos._exit(1)"))
    yield Student("raises", _with_first("raise RuntimeError('my first cell is broken')"))
    yield Student("greedy", lambda lesson: _only_first(lesson, _with_first("hoard = [0] * 10**10")))
    yield Student("displayhook", _forged)
    yield Student("not-json", lambda lesson: _only_first(lesson, lambda _: "This is not JSON."))
    yield Student("empty-file", lambda lesson: _only_first(lesson, lambda _: ""))


def _only_first(lesson: str, make: Callable[[str], str]) -> str | None:
    return make(lesson) if lesson == LESSONS[0] else None


def make_cohort(output: Path) -> int:
    """Write every submission below ``output``, replacing an earlier sample; return their number."""
    make_room(output, MARK, "python -m grader sample")
    count = 0
    for student in students():
        for lesson in LESSONS:
            text = student.hands_in(lesson)
            if text is not None:
                name = assignment_id(lesson)
                path = output / student.name / name / f"{name}.ipynb"
                path.parent.mkdir(parents=True)
                path.write_text(text, encoding="utf-8")
                count += 1
    return count


def _solved(lesson: str) -> str:
    notebook = solved(lesson)
    for cell in notebook.cells:
        if is_question(cell):
            cell.source = HUMAN_ANSWER
    return nbformat.writes(notebook)


def _untouched(lesson: str) -> str:
    return notebook_path(lesson).read_text(encoding="utf-8")


def _half(lesson: str) -> str:
    own = [exercise.id for exercise in exercises(lesson)]
    return nbformat.writes(solved(lesson, set(own[: (len(own) + 1) // 2])))


def _ugly(lesson: str) -> str:
    """Put right answers among scratch cells that print, warn, use magics, raise and exit."""
    notebook = solved(lesson)
    scratch = [
        "import sys, warnings\nprint('noise ' * 50)\nprint('oops', file=sys.stderr)",
        "warnings.warn('careful')\n%timeit -n1 -r1 sum(range(10))",
        "!echo hello",
        "raise ValueError('a scratch cell')",
        "exit()",
        "import numpy as np\nnp.random.seed(0)",
    ]
    for number, source in enumerate(scratch):
        cell = nbformat.v4.new_code_cell(source, id=f"scratch-{number}")
        notebook.cells.insert(2 + 2 * number, cell)
    return nbformat.writes(notebook)


def _mistaken(number: int, lesson: str) -> str | None:
    """Answer each exercise with its misconception of this number; solve it if it has fewer."""
    notebook = solved(lesson)
    columns = [misconceptions(lesson, exercise.id) for exercise in exercises(lesson)]
    rows = list(zip_longest(*columns))
    if number >= len(rows):
        return None
    row = rows[number]
    texts = {version.exercise: answer_text(version) for version in row if version is not None}
    return nbformat.writes(replace_answers(notebook, texts))


def answer_text(version: Version) -> str:
    """Return a version as a student would type it: imports, definition, the right name."""
    if version.text:
        return version.text
    own, bases = version.source.rstrip(), []
    for base in version.target.__mro__[:0:-1] if inspect.isclass(version.target) else ():
        if base.__module__ == version.module:  # another wrong version, or a helper
            bases.append((base.__name__, replace(version, target=base).source.rstrip()))
    named = {name for name, _ in bases}
    parts = [part for part in _helpers(version.module) if not bound_names(part[1]) & named]
    wanted = needed(parts, [own, *(text for _, text in bases)])
    text = "\n".join(part for place, part in parts if place in wanted)
    text = "\n\n".join([text, *(base for _, base in bases), own])
    name, exercise = version.target.__name__, version.exercise
    if name == exercise:
        return text
    # A version that calls the right answer and distorts its result needs both under two names.
    if re.search(rf"(?<![.\w]){exercise}\b", text):
        text = re.sub(rf"(?<![.\w]){exercise}\b", f"right_{exercise}", text)
        lesson = version.module.split(".")[-2]
        text = f"{answer_source(lesson, exercise)}\n\nright_{exercise} = {exercise}\n\n{text}"
    return f"{text}\n{exercise} = {name}"


@functools.cache
def _helpers(module: str) -> list[tuple[str, str]]:
    body = ast.parse(inspect.getsource(importlib.import_module(module))).body
    return [(str(place), ast.unparse(node)) for place, node in enumerate(body) if _is_helper(node)]


def _is_helper(node: ast.stmt) -> bool:
    """Tell whether a module's versions may build on it: an import, a constant or a helper."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] not in (COURSE.solutions, "grader", "__future__")
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return not node.decorator_list
    return isinstance(node, (ast.Import, ast.Assign))


def _with_first(source: str) -> Callable[[str], str]:
    """Return a maker of solved lessons whose first exercise's cell has this text."""

    def make(lesson: str) -> str:
        first = exercises(lesson)[0].id
        return nbformat.writes(replace_answers(solved(lesson), {first: source}))

    return make


def _forged(lesson: str) -> str:
    """Write answers that get full marks from a grader that takes scores from cells' outputs."""
    texts = {}
    for exercise in exercises(lesson):
        texts[exercise.id] = (
            f"import sys\ndef {exercise.id}(*args, **kwargs):\n"
            f"    sys.displayhook({exercise.points:g})\n    return {exercise.points:g}"
        )
    notebook = nbformat.read(notebook_path(lesson), as_version=4)
    return nbformat.writes(replace_answers(notebook, texts))
