"""Turn text into HTML."""

from __future__ import annotations

import html
import re

# The style of a block of code, or of what code has printed.
PRE = "white-space:pre-wrap;margin:.3em 0 .3em .8em;max-width:60em"


def coded(text: str) -> str:
    """Escape text, and show what is between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
