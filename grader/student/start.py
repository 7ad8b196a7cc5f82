"""The start page: a small notebook that shows the lessons before any kernel has started.

Its one code cell calls ``progress()``; its output is made here, from what is noted, and made anew
each time the lab is opened. JupyterLab shows a stranger's HTML without its colors, so the page
is signed, as the server signs what it saves. A page that a student has changed is left alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from grader.coursefile import current
from grader.student.progress import Course

NAME = "start.ipynb"
MARK = "grader_start_page"
WELCOME = """\
# {title}

**Open a lesson from the table.** Write your answer in an exercise's cell, run it with Shift+Enter,
and run the check below it: it tells what it has seen, and which mistake it looks like. When you
are stuck, open the hints under the check, one at a time.

What you write is yours: it is never overwritten. Later lessons build on your own answers from
the lessons before, so save each notebook when you leave it."""
CALL = "from grader import progress\n\nprogress()"
# Also what Shift+Enter goes on to: after a last cell it would make a new one.
BELOW = """\
*The table is as of when you opened the course. Run its cell to bring it up to date: click into it,
then Shift+Enter.*"""


def write(folder: Path, course: Course) -> Path:
    """Write the page into a folder of lessons, unless what is there is the student's own.

    Raises OSError if it cannot be written.
    """
    path = folder / NAME
    if not path.exists() or is_ours(path):
        notebook = page(course)
        nbformat.write(notebook, path)
        NotebookNotary().sign(notebook)
    return path


def page(course: Course) -> NotebookNode:
    """The notebook, with the table as it stands now."""
    shown = {"text/html": course._repr_html_(), "text/plain": repr(course)}
    cells = [
        nbformat.v4.new_markdown_cell(WELCOME.format(title=current().title), id="welcome"),
        nbformat.v4.new_code_cell(
            CALL, id="progress", outputs=[nbformat.v4.new_output("display_data", shown)]
        ),
        nbformat.v4.new_markdown_cell(BELOW, id="below"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    made.nbformat_minor = 5
    made.metadata["language_info"] = {"name": "python"}
    made.metadata[MARK] = {"start": _digest(made)}
    return made


def is_ours(path: Path) -> bool:
    """Is it a page as it was made here, with nothing but its outputs changed?"""
    try:
        notebook = nbformat.read(path, as_version=4)
        return notebook.metadata[MARK]["start"] == _digest(notebook)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError):
        return False


def _digest(notebook: NotebookNode) -> str:
    """A hash of what a person can write: the kinds and texts of the cells, empty ones left out."""
    written = [cell for cell in notebook.cells if cell.source.strip()]
    texts = [f"{cell.cell_type}\0{cell.source}\0" for cell in written]
    return hashlib.sha256("".join(texts).encode()).hexdigest()
