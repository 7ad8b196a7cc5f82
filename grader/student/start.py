"""The start page: a small notebook that shows the lessons before any kernel has started.

One code cell calls ``progress()``, another ``pack()``. The first one's output is made here from the
records, again each time the lab is opened. JupyterLab strips the colors from the HTML of an
untrusted notebook, so the page is signed, as the server signs what it saves. A page that a student
has changed is left alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from grader.coursefile import current
from grader.source.cells import carried_names
from grader.student.lessons import START, assignments, released
from grader.student.notebooks import read
from grader.student.packing import where
from grader.student.progress import Course

MARK = "grader_start_page"
WELCOME = """\
# {title}

**Open a lesson from the table.** Write your answer in an exercise's cell, run the cell with
Shift+Enter, and then run the check below it. The check says what it found and, if something is
wrong, which mistake it looks like. If you are stuck, open the hints under the check, one at a time.

What you write is yours: it is never overwritten. Save each notebook before you leave
it{builders}."""
HAND_IN = """\
## Handing in

Save your notebooks, then run the cell below: click into it, then Shift+Enter. It judges every
lesson that you have worked on as it is saved, warns of what you may have overlooked, and packs them
into one zip, which you hand in. (`pack(3)` packs lesson 3 alone.) {where}"""
ZIP = """\
*The zip is in the same folder as this page. If the list of files on the left shows another folder,
click the folder icon above the list.*"""
PACK = "from grader import pack\n\npack()"
CALL = "from grader import progress\n\nprogress()"
# Shift+Enter in the code cell moves on to this cell; in a last cell it would add a new one.
BELOW = """\
*The table shows how far you were when you opened the course. To bring it up to date, click into its
cell and press Shift+Enter.*"""


def write(folder: Path, course: Course) -> Path:
    """Write the page into a folder of lessons, unless the student has changed the one there.

    Raises OSError if it cannot be written.
    """
    path = folder / START
    if not path.exists() or is_ours(path):
        notebook = page(course)
        nbformat.write(notebook, path)
        NotebookNotary().sign(notebook)
    return path


def page(course: Course) -> NotebookNode:
    """Make the page as a notebook, with the table as it is now."""
    table = {"text/html": course._repr_html_(), "text/plain": repr(course)}
    welcome = WELCOME.format(title=current().title, builders=_builders())
    if current().ask:
        welcome += f"\n\nA question? [Ask here]({current().ask})."
    cells = [
        nbformat.v4.new_markdown_cell(welcome, id="welcome"),
        nbformat.v4.new_code_cell(
            CALL, id="progress", outputs=[nbformat.v4.new_output("display_data", table)]
        ),
        nbformat.v4.new_markdown_cell(BELOW, id="below"),
        nbformat.v4.new_markdown_cell(HAND_IN.format(where=where()), id="hand_in"),
        nbformat.v4.new_code_cell(PACK, id="pack"),
        nbformat.v4.new_markdown_cell(ZIP, id="zip"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    notebook.nbformat_minor = 5
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata[MARK] = {"start": _digest(notebook)}
    return notebook


def _builders() -> str:
    """Say which lessons load earlier answers, as the end of a sentence; "" if none does."""
    numbers = []
    for number, path in enumerate(map(released, assignments()), 1):
        if path.is_file() and carried_names(c.source for c in read(path).cells if c.kind == "code"):
            numbers.append(str(number))
    if not numbers:
        return ""
    *others, last = numbers
    listed = f"s {', '.join(others)} and {last} build" if others else f" {last} builds"
    return f": lesson{listed} on your own answers from earlier lessons"


def is_ours(path: Path) -> bool:
    """Tell whether this file is a page made here, unchanged except for its outputs."""
    try:
        notebook = nbformat.read(path, as_version=4)
        return notebook.metadata[MARK]["start"] == _digest(notebook)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError):
        return False


def _digest(notebook: NotebookNode) -> str:
    """Hash what a person can edit: the kinds and texts of the cells that are not empty."""
    written = [cell for cell in notebook.cells if cell.source.strip()]
    texts = [f"{cell.cell_type}\0{cell.source}\0" for cell in written]
    return hashlib.sha256("".join(texts).encode()).hexdigest()
