"""Plain text as Markdown that renders as that text: comments that nbgrader's pages show.

Formgrader shows a comment as it was typed, in a box, and the feedback page renders it as Markdown.
So nothing is escaped but what Markdown would read as something else.
"""

from __future__ import annotations

import re

# What opens a tag, a comment, an automatic link or an entity.
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
# A link or a reference needs one of these: brackets alone, as around a row of numbers, do nothing.
_LINK = re.compile(r"\](?=[(\[:])")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)  # four blanks would begin a block of code
# A heading, an item of a list, a quotation, a rule, or the line below a table's head.
_LINE_START = re.compile(r"^([#+*>=~|:-])", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
# An underscore within a word, as in a name, marks no emphasis.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def literal(text: str) -> str:
    """Markdown that renders as ``text`` on a page with MathJax, but for blanks at a line's ends."""
    text = text.replace("\\", "\\\\")
    for sign in ("`", "*", "~~"):  # two of them enclose code, emphasis, a deletion
        if text.count(sign) > 1:
            text = text.replace(sign, "".join(f"\\{one}" for one in sign))
    if text.count("$") > 1:  # a formula; the page's MathJax has to see a backslash, too
        text = text.replace("$", "\\\\$")
    text = _LINE_START.sub(r"\\\1", _INDENT.sub("", text))
    text = _UNDERSCORE.sub(r"\\_", _NUMBERED.sub(r"\1\\\2", text))
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", _LINK.sub(r"\\]", text)))
