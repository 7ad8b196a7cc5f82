"""How much of a submission's text is formatted: bounded by counting, before any parser sees it.

Parsers of Markdown and of code take a time that is quadratic in some texts: from each opener of a
formula they look for its end up to the end of the text, and from each blank of a run they read the
run to its end. A cell like that would hold up Formgrader, and the Jupyter server with it. So what a
parser could have to do is estimated first, and a text with too much of it is shown as it was
written.
"""

from __future__ import annotations

import re

# Characters of one text, and of all texts in a notebook or on a page. Prose of ten pages and code
# of a thousand lines are formatted; a character of code can become 25 of HTML.
MOST_MARKDOWN, ALL_MARKDOWN = 20_000, 100_000
MOST_CODE, ALL_CODE = 60_000, 150_000
STEPS = 30_000_000  # as estimated below; the slowest texts known take a second for them
MOST_KEPT = 2_000_000  # characters of a submission's cells in one executed notebook
_OPENER = re.compile(r"\$|\\[(\[]|\\begin")
_RUN = re.compile(r"\s{2,}")


def steps(text: str) -> int:
    """Estimate how many characters a parser reads, each as often as it could be read."""
    openers = sum(1 for _ in _OPENER.finditer(text))
    runs = sum(len(run[0]) ** 2 for run in _RUN.finditer(text))
    return len(text) * (1 + openers) + runs


class Room:
    """The room that a page or a notebook has for formatted text: for each text, and for all."""

    def __init__(self, most: int, total: int, steps: int = STEPS) -> None:
        self.most, self.left, self.steps = most, total, steps

    def takes(self, text: str) -> bool:
        """Tell whether there is room to format a text, and use that room if there is."""
        if len(text) > min(self.most, self.left):
            return False
        needed = steps(text)
        if needed > self.steps:
            return False
        self.left -= len(text)
        self.steps -= needed
        return True


def markdown_room(total: int = ALL_MARKDOWN) -> Room:
    """Return the room for Markdown in one notebook."""
    return Room(MOST_MARKDOWN, total)


def code_room(total: int = ALL_CODE) -> Room:
    """Return the room for code with colors in one notebook or on one page."""
    return Room(MOST_CODE, total)
