"""A lesson as a page shows it: as handed out, with what its demonstrations show."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

import nbformat
from nbformat import NotebookNode

from grader.course.exercises import exercises
from grader.course.layout import SOLVED, notebook_path
from grader.source.slicing import bound_names, read_names

ASKS = {"ready", "mine", "check", "hint"}  # these look at the student's answers
NEEDS_ANSWERS = "needs-answers"  # the cell prints something that hangs on the answers
FOLDED = "hide-output"  # MyST's tag
FIGURE = re.compile(r'<img [^>]*src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
ALT = re.compile(r"\[figure: (.*)\]", re.S)


class StaleError(Exception):
    """A solved notebook is not that of its lesson any more; the message says what to do."""


def page(lesson: str) -> NotebookNode:
    """The lesson unsolved, with figures, and with text that needs no answer of the student's."""
    path = notebook_path(lesson)
    return shown(
        nbformat.read(path, as_version=4),
        nbformat.read(SOLVED / path.name, as_version=4),
        {exercise.id for exercise in exercises(lesson)},
    )


def shown(notebook: NotebookNode, solved: NotebookNode, answers: set[str]) -> NotebookNode:
    """Take over into ``notebook``, in place, what the demonstrations in ``solved`` show.

    Nothing of an answer's cell or a check's is taken over. What a cell *prints* is only where it
    hangs on no answer; of other cells the figures alone. Where readers are asked to predict
    first, the output is folded.
    """
    if len(notebook.cells) != len(solved.cells):
        raise StaleError("a solved notebook has other cells than its lesson: run `make solved`")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    hangs = dict(zip(map(id, code), hanging([c.source for c in code], answers), strict=True))
    before = ""
    for cell, done in zip(notebook.cells, solved.cells, strict=True):
        if cell.cell_type == "code" and not judged(cell):
            if cell.source != done.source:
                raise StaleError("a solved notebook is not up to date: run `make solved`")
            figures = [picture for out in done.outputs if (picture := figure(out))]
            if not hangs[id(cell)]:
                cell.outputs = [figure(out) or out for out in done.outputs]
            else:
                cell.outputs = figures
                if len(figures) < len(done.outputs):
                    tag(cell, NEEDS_ANSWERS)
            if cell.outputs and "**Predict" in before:
                tag(cell, FOLDED)
        if cell.cell_type == "markdown":
            before = cell.source
    return notebook


def judged(cell: NotebookNode) -> bool:
    """Is this an answer's cell or a check's?"""
    known = cell.metadata.get("nbgrader", {})
    return bool(known.get("solution") or known.get("grade"))


def hanging(sources: Iterable[str], answers: set[str]) -> list[bool]:
    """For each cell in order: does it read an answer, or a name that was made from one?"""
    always = answers | ASKS
    derived: set[str] = set()
    found = []
    for source in sources:
        names = read_names(source)
        hangs = names is None or bool(names & (always | derived))
        derived = derived | bound_names(source) if hangs else derived - bound_names(source)
        found.append(hangs)
    return found


def figure(output: NotebookNode) -> NotebookNode | None:
    """A figure of :mod:`grader.student.figures` as an image, its alternative text beside it."""
    data = output.get("data", {})
    image = FIGURE.match(data.get("text/html", ""))
    alt = ALT.fullmatch(data.get("text/plain", ""))
    if image is None or alt is None:
        return None
    base64.b64decode(image.group(1), validate=True)
    return nbformat.v4.new_output(
        "display_data", {"image/png": image.group(1), "text/plain": alt.group(1)}
    )


def tag(cell: NotebookNode, name: str) -> None:
    """Give a cell one more tag."""
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), name]
