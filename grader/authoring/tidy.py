"""Bring a lesson's notebook into its final form: stubs, check cells, metadata, no outputs.

What can be derived is written here: a stub from the solution module, a check cell and its points
from the lesson's checks, nbgrader's metadata. An author edits the rest, in the notebook itself.
Tidying a tidy notebook changes nothing.
"""

from __future__ import annotations

import ast
import re
import secrets
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from grader.authoring.diagrams import DiagramError, with_diagrams
from grader.authoring.header import rows, with_rows
from grader.authoring.quizzes import card, card_id, with_quiz
from grader.authoring.setup_cell import ID as SETUP
from grader.authoring.setup_cell import setup_cell
from grader.course.exercises import checks_file, exercises
from grader.course.layout import COURSE, notebook_path
from grader.course.sources import stub_source
from grader.errors import Failed
from grader.source.cells import parsed

ANSWER_TEXT = "> ✎ *Double-click here to write: your answer goes in place of this line.*"
GO_ON = "raises-exception"  # "Run all" goes on after a cell with this tag
UNFOLDED = "show-source"  # the code of a figure to play with is folded in a cell without this tag
END = "lesson_end"
DIRECTIVE = re.compile(r"#@ (exercise|check|answer|scratch)\b[ ]*(.*)")
# As JupyterLab writes them when it opens a notebook. Where they say the same already, it does not
# ask whether to save a lesson that nobody has touched. Another patch release of Python still does:
# its version is among what JupyterLab writes.
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11.7",
}


class LessonError(Failed):
    """A notebook that cannot be brought into form; the message names the cell and the fix."""


def tidy_file(lesson: str, draft: Path | None = None, write: bool = True) -> bool:
    """Tidy the lesson's notebook, or make it from ``draft``; return whether that changes it."""
    path = notebook_path(lesson)
    text = tidied(nbformat.read(draft or path, as_version=4), lesson)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True


def tidied(notebook: NotebookNode, lesson: str) -> str:
    """Return the text of the notebook's file in its final form; may raise LessonError."""
    return nbformat.writes(tidy(notebook, lesson)) + "\n"


def tidy(notebook: NotebookNode, lesson: str) -> NotebookNode:
    """Return the notebook in its final form; raise LessonError with what the author has to fix."""
    specs = {exercise.id: exercise for exercise in exercises(lesson)}
    given = [c for c in with_quiz(notebook.cells, lesson) if c.get("id") not in (SETUP, END)]
    cells = [*(_cell(cell, lesson, specs) for cell in given), _end(lesson)]
    cells.insert(next(n for n, cell in enumerate(cells) if cell.cell_type == "code"), _setup())
    _complete(cells, specs)
    _unique_ids(cells)
    cells[0].source = with_rows(cells[0].source, rows(lesson, cells, exercises(lesson)))
    for cell in cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader["checksum"] = compute_checksum(cell)
    out = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    out.metadata["language_info"] = {**LANGUAGE}
    out.nbformat_minor = 5
    nbformat.validate(out)
    return out


def _cell(cell: NotebookNode, lesson: str, specs: dict) -> NotebookNode:
    source = cell.source.rstrip()
    directive = DIRECTIVE.match(source)
    known = cell.metadata.get("nbgrader", {})
    grade_id = known.get("grade_id", "")
    tags = {"tags": cell.metadata.tags} if cell.metadata.get("tags") else {}
    if directive and directive[1] == "scratch":
        source = source.partition("\n")[2]
        return nbformat.v4.new_code_cell(source, id=_id(cell), metadata={"tags": ["scratch"]})
    if directive:
        return _generated(directive[1], directive[2].split(), lesson, specs)
    if cell.cell_type == "markdown":
        if cell.get("id") == card_id(lesson):
            return nbformat.v4.new_markdown_cell(card(lesson), id=cell.id)
        if known.get("grade"):
            return _written_question(grade_id, float(known["points"]))
        try:
            source = with_diagrams(source, lesson)
        except DiagramError as error:
            raise LessonError(str(error)) from error
        return nbformat.v4.new_markdown_cell(source, id=_id(cell), metadata=tags)
    if grade_id in specs:
        return _generated("exercise", [grade_id], lesson, specs)
    if grade_id.startswith("check_"):
        return _generated("check", [grade_id.removeprefix("check_")], lesson, specs)
    kept = [tag for tag in tags.get("tags", []) if tag != GO_ON]
    kept += [GO_ON] if "ready" in _called(source) else []
    tags = {"tags": kept} if kept else {}
    if "scratch" in kept:
        return nbformat.v4.new_code_cell(source, id=_id(cell), metadata=tags)
    given = nbformat.v4.new_code_cell(source, id=_id(cell), metadata=tags)
    if "explore" in _called(source) and UNFOLDED not in kept:
        given.metadata["jupyter"] = {"source_hidden": True}
    return _mark(given, f"given-{given.id}", locked=True)


def _called(source: str) -> set[str]:
    """Return the functions that a cell calls. A cell that waits for answers may fail with them."""
    tree = parsed(source)
    nodes = ast.walk(tree) if tree else ()
    return {
        node.func.id
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def _generated(kind: str, words: list[str], lesson: str, specs: dict) -> NotebookNode:
    if kind == "answer":
        return _written_question(words[0], float(words[1]))
    name = words[0]
    if name not in specs:
        raise LessonError(f"{lesson}: no exercise {name!r} in {checks_file(lesson)}")
    if kind == "exercise":
        cell = nbformat.v4.new_code_cell(stub_source(lesson, name), id=name)
        return _mark(cell, name, solution=True)
    cell = nbformat.v4.new_code_cell(f'check("{name}")', id=f"check_{name}")
    cell.metadata["tags"] = [GO_ON]
    return _mark(cell, f"check_{name}", grade=True, locked=True, points=float(specs[name].points))


def _end(lesson: str) -> NotebookNode:
    """Make the last cell: how many checks failed, what comes next, how to hand in."""
    source = f'from grader import finish, pack\n\nfinish("{lesson}")'
    return _mark(nbformat.v4.new_code_cell(source, id=END), f"given-{END}", locked=True)


def _setup() -> NotebookNode:
    """Make the first code cell: it lets the lesson run where the course is not installed."""
    return _mark(setup_cell(COURSE), f"given-{SETUP}", locked=True)


def _written_question(name: str, points: float) -> NotebookNode:
    cell = nbformat.v4.new_markdown_cell(ANSWER_TEXT, id=name)
    return _mark(cell, name, grade=True, solution=True, points=points)


def _mark(
    cell: NotebookNode,
    grade_id: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: float | None = None,
) -> NotebookNode:
    cell.metadata["deletable"] = False
    if locked:
        cell.metadata["editable"] = False
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        cell.metadata["nbgrader"]["points"] = points
        cell.metadata["nbgrader"]["cell_type"] = cell.cell_type
    return cell


def _id(cell: NotebookNode) -> str:
    return cell.get("id") or secrets.token_hex(4)


def _complete(cells: list[NotebookNode], specs: dict) -> None:
    """Raise LessonError unless each exercise has one cell and, after it, one check."""
    ids = [c.metadata.nbgrader.grade_id for c in cells if "nbgrader" in c.metadata]
    for name in specs:
        for wanted in (name, f"check_{name}"):
            if ids.count(wanted) != 1:
                hint = " (a cell `#@ quiz` puts it in)" if name.startswith("quiz_") else ""
                count = ids.count(wanted)
                raise LessonError(f"cell {wanted!r} occurs {count} times, not once{hint}")
        if ids.index(name) > ids.index(f"check_{name}"):
            raise LessonError(f"the check of {name!r} comes before its exercise: move it below")


def _unique_ids(cells: list[NotebookNode]) -> None:
    """Raise LessonError if two cells have the same id."""
    seen: set[str] = set()
    for cell in cells:
        if cell.id in seen:
            raise LessonError(f"the cell id {cell.id!r} occurs twice: change one of them")
        seen.add(cell.id)
