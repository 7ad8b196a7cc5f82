"""Put a lesson's diagrams into its notebook.

A lesson's ``diagrams.py`` has one function for each diagram: it returns a matplotlib figure, and
its docstring is the alternative text. An author writes ``![](NAME)`` into a Markdown cell of its
own. ``tidy`` draws the function ``NAME``, puts the PNG in the place of its name, as a data URL, and
writes the alternative text between the brackets. So the picture travels in the text of the cell,
and every program shows it without a network and before any cell has run.
Attachments would make the cell easier to read while editing, but Colab does not show them,
JupyterLab shows none in SVG, and tools that convert notebooks drop them.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from grader.authoring import drawing
from grader.course.layout import SOLUTIONS, module_of

PART = "diagrams"
DATA = "data:image/png;base64,"
# A picture given by its name alone, or one that was drawn already.
IMAGE = re.compile(rf"!\[[^\]]*\]\((?:{DATA}(?P<png>[A-Za-z0-9+/=]+)|(?P<name>[a-z_]\w*))\)")


class DiagramError(Exception):
    """A diagram that cannot be drawn; the message names it and the fix."""


def with_diagrams(source: str, lesson: str) -> str:
    """Return a cell's text with the diagrams that it names.

    A picture drawn from the present sources is kept: another version of matplotlib would draw
    other bytes.
    """

    def shown(found: re.Match[str]) -> str:
        picture = base64.b64decode(found["png"] or "")
        made_from = drawing.stamp_of(picture) if picture else ""
        name = found["name"] or made_from.partition(" ")[0]
        if not name:
            return found[0]  # a picture of the author's own
        if made_from != stamp(lesson, name):
            picture = draw(lesson, name)
        data = base64.b64encode(picture).decode()
        return f"![{description(lesson, name)}]({DATA}{data})"

    return IMAGE.sub(shown, source)


def draw(lesson: str, name: str) -> bytes:
    """Draw the diagram as a PNG."""
    return drawing.png(_function(lesson, name), stamp(lesson, name))


def description(lesson: str, name: str) -> str:
    """Return the diagram's alternative text, in one line."""
    text = " ".join((inspect.getdoc(_function(lesson, name)) or "").split())
    if not text or "[" in text or "]" in text:
        raise DiagramError(
            f"{lesson}: the docstring of the diagram {name!r} is its alternative text: describe "
            "the diagram there, without square brackets"
        )
    return text


def stamp(lesson: str, name: str) -> str:
    """Return the diagram's name and a hash of its sources; the PNG carries both."""
    sources = [_path(lesson), Path(drawing.__file__)]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources))
    return f"{name} {digest.hexdigest()[:16]}"


def _path(lesson: str) -> Path:
    path = SOLUTIONS / lesson / f"{PART}.py"
    if not path.is_file():
        raise DiagramError(f"{lesson}: a cell shows a diagram, but there is no {path.name}")
    return path


def _function(lesson: str, name: str) -> Callable[[], Figure]:
    _path(lesson)
    found = getattr(importlib.import_module(module_of(lesson, PART)), name, None)
    if not inspect.isfunction(found):
        raise DiagramError(f"{lesson}: {PART}.py has no function {name!r} to draw")
    return found
