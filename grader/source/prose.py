"""Tell written text from code in cells, and what a student wrote from what was given out."""

from __future__ import annotations

import ast
import re

from grader.source.cells import cached, guessed_definitions, readable
from grader.source.notebook import Cell

LONG = 25  # words: so much text, added anywhere, may be the answer to a question
# Patterns are matched against strangers' texts, so none of them may need more than linear time.
_FENCED = re.compile(r"(`{3,}|~{3,})[ \t]*(?:\w+[ \t]*)?\n(.*?)\n[ \t]*\1", re.S)
_DEFINITION = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", re.M)
# How Databricks and IPython mark a cell of Markdown.
_MARKDOWN_MAGIC = re.compile(r"%{1,2}(?:md|markdown)\b[^\S\n]*\n?")


def flat(text: str) -> str:
    """Return the text without what tools change: line ends, trailing spaces, no-break spaces."""
    # No Unicode normalization: sorting a run of accents takes quadratic time.
    lines = text.replace("\u00a0", " ").strip().splitlines()
    return "\n".join(line.rstrip() for line in lines)


def written(text: str, released: str) -> str:
    """Return what a student wrote into a cell: its text without the line that was given out."""
    if not flat(text) or flat(text) == flat(released):
        return ""
    kept = [line for line in text.splitlines() if not released or flat(line) != flat(released)]
    return "\n".join(kept).strip()


def added_lines(text: str, released: str) -> str:
    """Return the lines of a text that the released text does not have."""
    given = {flat(line) for line in released.splitlines()}
    return "\n".join(line for line in text.splitlines() if flat(line) not in given).strip()


def kind_of(cell: Cell) -> str:
    """Return a cell's type; a code cell with a Markdown magic is Markdown."""
    magic = cell.kind == "code" and _MARKDOWN_MAGIC.match(cell.source.lstrip())
    return "markdown" if magic else cell.kind


def text_in(cell: Cell) -> str:
    """Return a cell's text, without the magic that turns a code cell into Markdown."""
    if cell.kind != "code":
        return cell.source
    text = cell.source.lstrip()
    magic = _MARKDOWN_MAGIC.match(text)
    return text[magic.end() :] if magic else cell.source


def unfenced(source: str) -> str:
    """Return the code in a Markdown cell, without a fence around all of it."""
    found = _FENCED.fullmatch(source.strip())
    return found[2] if found else source


def is_prose(cell: Cell) -> bool:
    """Tell whether a cell is text: no code cell, or one without Python but comments and strings."""
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
    """Tell whether a text has at least ``LONG`` words."""
    return len(text.split(maxsplit=LONG)) >= LONG


def defined(source: str, assigned: bool = True) -> set[str]:
    """Return the names that a cell seems to define, by how its lines begin, without parsing it.

    ``assigned``: also names that it assigns to.
    """
    return guessed_definitions(source) if assigned else set(_DEFINITION.findall(source))
