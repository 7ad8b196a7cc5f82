"""Put a lesson's diagrams into its notebook, as attachments of the cells that show them.

A lesson's ``diagrams.py`` has one function for each diagram: it returns a matplotlib figure, and
its docstring is the alternative text. An author writes ``![](attachment:NAME.png)`` into a Markdown
cell. ``tidy`` draws the function ``NAME`` and writes the alternative text between the brackets. The
picture travels in the notebook, so it can be seen in every program, without a network and before
any cell has run. It is a PNG, since JupyterLab shows no attachment in SVG.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from matplotlib.figure import Figure
from nbformat import NotebookNode

from grader.authoring import drawing
from grader.course.layout import SOLUTIONS, module_of

PART = "diagrams"
IMAGE = re.compile(r"!\[[^\]]*\]\(attachment:(\w+)\.png\)")
MIME = "image/png"


class DiagramError(Exception):
    """A diagram that cannot be drawn; the message names it and the fix."""


def with_diagrams(cell: NotebookNode, lesson: str) -> NotebookNode:
    """Give the cell, in place, the diagrams that its text names, and the text their descriptions.

    A picture that was drawn from the present sources stays as it is: another version of matplotlib
    would draw other bytes.
    """
    names = IMAGE.findall(cell.source)
    before = cell.pop("attachments", {})
    kept = {}
    for name in names:
        file = f"{name}.png"
        picture = base64.b64decode(before.get(file, {}).get(MIME, ""))
        if not picture or drawing.stamp_of(picture) != stamp(lesson):
            picture = draw(lesson, name)
        kept[file] = {MIME: base64.b64encode(picture).decode()}
    cell.source = IMAGE.sub(
        lambda found: f"![{description(lesson, found[1])}](attachment:{found[1]}.png)", cell.source
    )
    if kept:
        cell["attachments"] = kept
    return cell


def draw(lesson: str, name: str) -> bytes:
    """The diagram as a PNG."""
    return drawing.png(_function(lesson, name), stamp(lesson))


def description(lesson: str, name: str) -> str:
    """The diagram's alternative text, in one line."""
    text = " ".join((inspect.getdoc(_function(lesson, name)) or "").split())
    if not text or "[" in text or "]" in text:
        raise DiagramError(
            f"{lesson}: the docstring of the diagram {name!r} is its alternative text: say there "
            "what it shows, without square brackets, which would end the text"
        )
    return text


def stamp(lesson: str) -> str:
    """A hash of the sources that the lesson's diagrams are drawn from."""
    sources = [_path(lesson), Path(drawing.__file__)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _path(lesson: str) -> Path:
    path = SOLUTIONS / lesson / f"{PART}.py"
    if not path.is_file():
        raise DiagramError(f"{lesson}: a cell shows a diagram, but there is no {path.name}")
    return path


def _module(lesson: str) -> ModuleType:
    _path(lesson)
    return importlib.import_module(module_of(lesson, PART))


def _function(lesson: str, name: str) -> Callable[[], Figure]:
    found = getattr(_module(lesson), name, None)
    if not inspect.isfunction(found):
        raise DiagramError(f"{lesson}: {PART}.py has no function {name!r} to draw {name}.png")
    return found
