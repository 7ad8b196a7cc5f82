"""Numbers in prose come from cells: what a lesson says, a cell of it prints or defines."""

from __future__ import annotations

import re

import nbformat
import pytest

from grader.authoring.rubrics import is_question, without_rubrics
from grader.course.layout import LESSONS, SOLVED, assignment_id

# What is typeset or quoted as code is not prose; an exercise's number is its name.
NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\[[^\]]*\]\([^)]*\)", re.S)
NAMES = re.compile(
    r"\b(exercises?|sections?|lessons?|equations?|figures?|chapters?|version|Python)\s+"
    r"\d[\d.]*(?:\s*(?:,|and|to|–)\s*\d[\d.]*)*",
    re.I,
)
NUMBER = re.compile(r"(?<![\w.])(\d+\.\d+)(?![\w.])|(?<![\w.])(\d+(?:\.\d+)?) ?%")


def shown(notebook: nbformat.NotebookNode) -> set[str]:
    """Every number that stands in a cell's code or in what it printed."""
    text = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            text.append(cell.source)
            for output in cell.outputs:
                text.append(output.get("text", ""))
                text += [str(v) for k, v in output.get("data", {}).items() if k.startswith("text")]
    return set(re.findall(r"\d+(?:\.\d+)?", "\n".join(text)))


def unsupported(notebook: nbformat.NotebookNode) -> list[str]:
    """Decimals and percentages in prose that no cell shows; test_rubrics.py sees to the rubrics."""
    known, found = shown(notebook), []
    for cell in without_rubrics(notebook).cells:
        made_up = is_question(cell) or cell.id.startswith("quiz_")
        if cell.cell_type == "markdown" and not made_up:
            prose = NAMES.sub("", NOT_PROSE.sub("", cell.source))
            for match in NUMBER.finditer(prose):
                if (match[1] or match[2]) not in known:
                    found.append(prose[max(0, match.start() - 40) : match.end() + 20])
    return found


@pytest.mark.parametrize("lesson", LESSONS)
def test_numbers_in_prose_come_from_cells(lesson: str) -> None:
    notebook = nbformat.read(SOLVED / f"{assignment_id(lesson)}.ipynb", as_version=4)
    assert unsupported(notebook) == []


def test_a_number_from_nowhere_is_found() -> None:
    cells = [
        nbformat.v4.new_code_cell("print(0.25)"),
        nbformat.v4.new_markdown_cell("It is 0.25, or 0.26, and 31 % of `0.27` in exercise 4.2."),
    ]
    found = unsupported(nbformat.v4.new_notebook(cells=cells))
    assert len(found) == 2 and "0.26" in found[0] and "31 %" in found[1]
