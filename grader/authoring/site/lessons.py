"""A lesson as the site shows it: as handed out, with the outputs of its demonstrations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.authoring.rubrics import without_rubrics
from grader.course.layout import SOLVED
from grader.errors import Failed
from grader.source.slicing import bound_names, read_names

ASKS = {"ready", "mine", "check", "hint", "finish"}  # functions that look at the student's answers
ANSWER, CHECK = "answer", "check"  # tags: the kind of a cell
NEEDS_ANSWERS = "needs-answers"  # a tag: the cell prints something that depends on the answers
FOLDED = "hide-output"  # MyST-NB's tag for an output to unfold
FOLDED_CODE = "hide-input"  # and for code to unfold


class StaleError(Failed):
    """A solved notebook is older than its lesson; the message says what to do."""


def page(notebook: Path) -> str:
    """Return a lesson's notebook as text, unsolved, with the outputs that :func:`shown` copies."""
    lesson = nbformat.read(notebook, as_version=4)
    solved = without_rubrics(nbformat.read(SOLVED / notebook.name, as_version=4))
    return nbformat.writes(shown(lesson, solved))


def shown(notebook: NotebookNode, solved: NotebookNode) -> NotebookNode:
    """Copy the outputs of demonstrations from ``solved`` into ``notebook``, in place.

    Answer cells and check cells get no output. A cell that depends on no answer gets its whole
    output, any other cell its figures alone. Where readers are asked to predict first, the output
    is folded; code that JupyterLab folds is folded here, too. Each kind of cell gets its tag, for
    the site's style.
    """
    if len(notebook.cells) != len(solved.cells):
        raise StaleError("a solved notebook and its lesson have different cells: run `make solved`")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    answers = {cell.metadata.nbgrader.grade_id for cell in code if kind(cell) == ANSWER}
    depends = dict(zip(map(id, code), depending([c.source for c in code], answers), strict=True))
    before = ""
    for cell, done in zip(notebook.cells, solved.cells, strict=True):
        if cell.cell_type == "markdown":
            before = cell.source
        elif kind(cell):
            tag(cell, kind(cell))
        elif cell.cell_type == "code":
            if cell.source != done.source:
                raise StaleError("a solved notebook is not up to date: run `make solved`")
            cell.outputs = [out for out in done.outputs if not depends[id(cell)] or is_figure(out)]
            if len(cell.outputs) < len(done.outputs):
                tag(cell, NEEDS_ANSWERS)
            if cell.outputs and "**Predict" in before:
                tag(cell, FOLDED)
            if cell.metadata.get("jupyter", {}).get("source_hidden"):
                tag(cell, FOLDED_CODE)
    return notebook


def kind(cell: NotebookNode) -> str:
    """Return the tag of an answer cell or a check cell; "" for any other cell."""
    marks = cell.metadata.get("nbgrader", {}) if cell.cell_type == "code" else {}
    return ANSWER if marks.get("solution") else CHECK if marks.get("grade") else ""


def depending(sources: Iterable[str], answers: set[str]) -> list[bool]:
    """Tell for each cell, in order, whether it reads an answer or a name computed from one."""
    always = answers | ASKS
    derived: set[str] = set()
    found = []
    for source in sources:
        names = read_names(source)
        depends = names is None or bool(names & (always | derived))
        derived = derived | bound_names(source) if depends else derived - bound_names(source)
        found.append(depends)
    return found


def is_figure(output: NotebookNode) -> bool:
    """Tell whether it is a figure of :mod:`grader.student.figures`, with alternative text."""
    return output.get("data", {}).get("text/plain", "").startswith("[figure: ")


def tag(cell: NotebookNode, name: str) -> None:
    """Add a tag to a cell."""
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), name]
