"""Code and terminal colors as HTML, on our pages and on nbgrader's, at a bounded cost."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grader.judge.room import Room, code_room

# What the judge writes into the metadata of a cell for whose code the notebook has no room left.
UNCOLORED = {"grader": {"uncolored": True}}
SHOWN_PLAIN = "(shown without colors: too long, or with too many blanks, to be colored)"
MOST_COLORS = 1000  # changes of color in one output
_ESCAPE = re.compile("\x1b\\[[0-9;]*m")


def colored_code(source: str, room: Room, css: str = "code") -> str:
    """Return code as HTML, colored if there is room for that.

    IPython's lexer, nbconvert's default, takes minutes for a long chain of attributes.
    """
    if room.takes(source):
        return highlight(source, PythonLexer(), formatter(css))
    code = html.escape(source, quote=False)
    return f'<div class="{css}"><pre>{code}\n</pre><p><em>{SHOWN_PLAIN}</em></p></div>\n'


@functools.cache
def formatter(css: str = "code") -> HtmlFormatter:
    """Return Pygments' formatter for code in an element of this class."""
    return HtmlFormatter(nowrap=False, cssclass=css)


def highlight_code(
    source: str, language: str | None = None, metadata: Mapping[str, Any] | None = None
) -> str:
    """Return a cell's code as HTML: takes the place of nbconvert's filter of this name."""
    is_plain = (metadata or {}).get("grader") == UNCOLORED["grader"]
    room = code_room(0) if is_plain else code_room()
    return colored_code(source or " ", room, " highlight hl-ipython3")


def ansi2html(text: str) -> str:
    """Return a terminal's text as HTML: takes the place of nbconvert's filter of this name.

    That one copies the rest of the text at each change of color, so of a text with very many of
    them all are left out.
    """
    from nbconvert.filters import ansi2html as colored  # takes long to import

    return colored(_ESCAPE.sub("", text) if text.count("\x1b") > MOST_COLORS else text)
