"""Text as HTML."""

from __future__ import annotations

import html
import re

# Of a block of code or of what code has printed.
PRE = "white-space:pre-wrap;margin:.3em 0 .3em .8em;max-width:60em"


def escaped(text: str) -> str:
    """Text as it is, also between quotation marks."""
    return html.escape(text, quote=True)


def coded(text: str) -> str:
    """Text with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))
