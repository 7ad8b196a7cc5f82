"""Plain text as Markdown that renders as that text: comments that nbgrader's pages show.

Formgrader shows a comment as it was typed, in a box, and the feedback page renders it as Markdown.
So nothing is escaped but what Markdown would read as something else.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# What opens a tag, a comment, an automatic link or an entity.
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
# A link or a reference needs one of these: brackets alone, as around a row of numbers, do nothing.
_LINK = re.compile(r"\](?=[(\[:])")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)  # four blanks would begin a block of code
# A heading, an item of a list, a quotation, a rule, or the line below a table's head; but no sign
# before a word, as in -1 and -=.
_LINE_START = re.compile(r"^([#>~|:]|[-+*](?=[-+*|:\s]|$)|=(?==*[ \t]*$))", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
# An underscore within a word, as in a name, marks no emphasis.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# What the course's own texts mark up: code, and words with emphasis.
_MARKUP = re.compile(r"`[^`\n]+`|(?<![\w*])\*[^*`\s](?:[^*`\n]*[^*`\s])?\*(?![\w*])")
_PRIVATE = range(0xE000, 0xF900)  # characters that Unicode gives no meaning


def marked_up(text: str) -> list[str]:
    """The code and the emphasis in a text of the course's own; none if backticks are left over."""
    return [] if "`" in _MARKUP.sub("", text) else _MARKUP.findall(text)


def literal(text: str, kept: Collection[str] = ()) -> str:
    """Markdown that renders as ``text`` on a page with MathJax, but for blanks at a line's ends.

    What :func:`marked_up` found, ``kept``, stays markup; nothing else in the text becomes any.
    """
    place = next((sign for sign in map(chr, _PRIVATE) if sign not in text), "")
    spans: list[str] = []
    if kept and place:
        longest_first = sorted(set(kept), key=lambda span: (-len(span), span))
        known = re.compile("|".join(map(re.escape, longest_first)))
        spans, text = known.findall(text), known.sub(place, text)
    text = _escaped(text, 0 if spans else 1)  # one sign alone encloses nothing
    parts = text.split(place) if place else [text]
    return "".join(part + span for part, span in zip(parts, [*spans, ""], strict=True))


def _escaped(text: str, harmless: int) -> str:
    """With a backslash before what would be markup, if a sign is there more than so many times."""
    text = text.replace("\\", "\\\\")
    for sign in ("`", "*", "~~"):  # two of them enclose code, emphasis, a deletion
        if text.count(sign) > harmless:
            text = text.replace(sign, "".join(f"\\{one}" for one in sign))
    if text.count("$") > 1:  # a formula; the page's MathJax has to see a backslash, too
        text = text.replace("$", "\\\\$")
    text = _LINE_START.sub(r"\\\1", _INDENT.sub("", text))
    text = _NUMBERED.sub(r"\1\\\2", text)
    if len(_UNDERSCORE.findall(text)) > harmless:
        text = _UNDERSCORE.sub(r"\\_", text)
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", _LINK.sub(r"\\]", text)))
