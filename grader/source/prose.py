"""Tell written text from code in cells, and what a student wrote from what was given out."""

from __future__ import annotations

import ast
import re

from grader.source.cells import cached, guessed_definitions, readable
from grader.source.notebook import Cell

LONG = 25  # words: so much text, added anywhere, may be the answer to a question
# Patterns are matched with texts of strangers: none of them may need more than linear time.
_FENCED = re.compile(r"(`{3,}|~{3,})[ \t]*(?:\w+[ \t]*)?\n(.*?)\n[ \t]*\1", re.S)
_DEFINITION = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", re.M)
# How Databricks and IPython mark a cell of Markdown.
_MARKDOWN_MAGIC = re.compile(r"%{1,2}(?:md|markdown)\b[^\S\n]*\n?")


def flat(text: str) -> str:
    """The text without what tools change: line ends, blanks at the ends of lines, hard blanks."""
    # Not Unicode's normal forms: to sort a run of accents takes quadratic time.
    lines = text.replace("\u00a0", " ").strip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def written(text: str, released: str) -> str:
    """What a student wrote into a cell: its text without the line that was given out in it."""
    if not flat(text) or flat(text) == flat(released):
        return ""
    kept = [line for line in text.splitlines() if not released or flat(line) != flat(released)]
    return "\n".join(kept).strip()


def added_lines(text: str, released: str) -> str:
    """The lines of a text that the released text does not have."""
    given = {flat(line) for line in released.splitlines()}
    return "\n".join(line for line in text.splitlines() if flat(line) not in given).strip()


def kind_of(cell: Cell) -> str:
    """A cell's type, that of Markdown in a code cell being Markdown."""
    magic = cell.kind == "code" and _MARKDOWN_MAGIC.match(cell.source.lstrip())
    return "markdown" if magic else cell.kind


def text_in(cell: Cell) -> str:
    """A cell's text, without the magic that makes Markdown of a code cell."""
    if cell.kind != "code":
        return cell.source
    text = cell.source.lstrip()
    magic = _MARKDOWN_MAGIC.match(text)
    return text[magic.end() :] if magic else cell.source


def unfenced(source: str) -> str:
    """The code in a cell of Markdown: what the fence encloses if that is all there is."""
    found = _FENCED.fullmatch(source.strip())
    return found[2] if found else source


def is_prose(cell: Cell) -> bool:
    """Is it a text: not code, or a code cell that holds no Python, or only comments and strings?"""
    return kind_of(cell) != "code" or _says_nothing(cell.source)


@cached
def _says_nothing(source: str) -> bool:
    found = readable(source)
    if found is None:
        return not guessed_definitions(source)  # code with a syntax error is code
    return all(
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for node in found[1].body
    )


def is_long(text: str) -> bool:
    """Is it more than a remark?"""
    return len(text.split(maxsplit=LONG)) >= LONG


def defined(source: str, assigned: bool = True) -> set[str]:
    """Names that a cell seems to define, by how its lines begin, whether it can be parsed or not.

    ``assigned``: also names that it assigns to.
    """
    return guessed_definitions(source) if assigned else set(_DEFINITION.findall(source))
