"""Turn plain text into Markdown that renders as that text, for comments on nbgrader's pages.

Formgrader shows a comment unrendered, in a box, and the feedback page renders it as Markdown. So
only what Markdown would interpret is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# The beginnings of a tag, a comment or an automatic link, and of an entity.
_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
# Links and references contain one of these; brackets alone, as around a row of numbers, do not.
_LINK = re.compile(r"\](?=[(\[:])")
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)  # four spaces would begin a code block
# The beginning of a heading, a list item, a quotation, a rule, or the line below a table's head;
# but not that of -1 or -=.
_LINE_START = re.compile(r"^([#>~|:]|[-+*](?=[-+*|:\s]|$)|=(?==*[ \t]*$))", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)", re.MULTILINE)
# An underscore within a word, as in a name, does not begin or end emphasis.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
# The markup in the course's own texts: code, and emphasized words.
_MARKUP = re.compile(r"`[^`\n]+`|(?<![\w*])\*[^*`\s](?:[^*`\n]*[^*`\s])?\*(?![\w*])")
_PRIVATE = range(0xE000, 0xF900)  # characters that Unicode gives no meaning


def marked_up(text: str) -> list[str]:
    """Return the code and emphasis in a text of the course; none if backticks are unpaired."""
    return [] if "`" in _MARKUP.sub("", text) else _MARKUP.findall(text)


def literal(text: str, kept: Collection[str] = ()) -> str:
    """Return Markdown that a page with MathJax renders as ``text``, except spaces at a line's ends.

    The spans in ``kept``, found by :func:`marked_up`, stay markup; nothing else becomes markup.
    """
    place = next((sign for sign in map(chr, _PRIVATE) if sign not in text), "")
    spans: list[str] = []
    if kept and place:
        longest_first = sorted(set(kept), key=lambda span: (-len(span), span))
        known = re.compile("|".join(map(re.escape, longest_first)))
        spans, text = known.findall(text), known.sub(place, text)
    text = _escaped(text, 0 if spans else 1)  # a single sign encloses nothing
    parts = text.split(place) if place else [text]
    return "".join(part + span for part, span in zip(parts, [*spans, ""], strict=True))


def _escaped(text: str, harmless: int) -> str:
    """Escape what would be markup; leave signs that occur at most ``harmless`` times."""
    text = text.replace("\\", "\\\\")
    for sign in ("`", "*", "~~"):  # two of them enclose code, emphasis, a deletion
        if text.count(sign) > harmless:
            text = text.replace(sign, "".join(f"\\{one}" for one in sign))
    if text.count("$") > 1:  # a formula; MathJax, too, must see a backslash
        text = text.replace("$", "\\\\$")
    text = _LINE_START.sub(r"\\\1", _INDENT.sub("", text))
    text = _NUMBERED.sub(r"\1\\\2", text)
    if len(_UNDERSCORE.findall(text)) > harmless:
        text = _UNDERSCORE.sub(r"\\_", text)
    return _TAG.sub("&lt;", _ENTITY.sub("&amp;", _LINK.sub(r"\\]", text)))
