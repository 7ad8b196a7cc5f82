"""Tell whether a notebook belongs to the lesson that it was handed in for."""

from __future__ import annotations

import functools

from grader.course.assignments import Assignment, assignment, assignment_ids
from grader.source.assembly import Assembly, assemble
from grader.source.notebook import Notebook
from grader.source.own_cells import own_cells

PYTHON = ("", "python", "ipython", "python3")


def not_this_lesson(notebook: Notebook, release: Assignment, assembly: Assembly) -> str:
    """Say why this is not the release's notebook; "" if it is, or if all its cells are empty.

    The cells decide: their ids, their texts, and the exercises that they define.
    """
    own = _signs(release.id, assembly)
    if own >= len(release.exercises) or not any(cell.source.strip() for cell in notebook.cells):
        return ""
    others = {
        name: _signs(name, assemble(assignment(name).parts, notebook))
        for name in assignment_ids()
        if name != release.id
    }
    best = max(others, key=lambda name: others[name], default="")
    if best and others[best] > own:
        return f"the notebook belongs to {best}, not to {release.id}"
    if own:
        return ""
    if notebook.language not in PYTHON:
        return f"the notebook is not {release.id}: its language is {notebook.language[:40]}"
    return (
        f"the notebook is not {release.id}: it has none of that lesson's cells, and defines none "
        "of its names"
    )


def _signs(name: str, assembly: Assembly) -> int:
    """Count the cells and exercises of this assignment alone that a notebook has."""
    own = _own_cells()[name]
    return sum(sign in own for sign in assembly.recognized)


@functools.cache
def _own_cells() -> dict[str, frozenset[str]]:
    return own_cells({name: assignment(name).parts for name in assignment_ids()})
