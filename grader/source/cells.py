"""What can be told from the text of cells alone: nothing here runs it."""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

MINE = "mine"
T = TypeVar("T")
SHORT, KEPT = 10_000, 1000  # characters; results
# A dotted name of more parts is read by nobody: Python's parser builds every beginning of it.
MAX_PARTS = 100
_LONG_NAME = re.compile(rf"(?<!\w)(?:\w++\s*+\.\s*+){{{MAX_PARTS}}}")


_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.M)
_ASSIGNED = re.compile(r"^([ \t]*\w[\w., \t]*=[ \t]*)[%!].*$", re.M)
_INDENT = re.compile(r"(?:[ \t]*\n)*([ \t]+)\S")
_DEFINES = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=", re.M)
_MORE_THAN_PYTHON = re.compile(r"[%!?]|await|^[ \t]*(?:>>>|\.\.\.|In \[|[,;/])|\A\s", re.M)
_QUESTION = re.compile(r"^.*\?[ \t]*$", re.M)


# What can be read, and yet not be written again: nested too deep, or a number too long.
UNWRITABLE = (RecursionError, MemoryError, ValueError)


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Keep the results for the last short texts: in a cohort most cells are the release's own."""
    recent = functools.lru_cache(KEPT)(function)

    @functools.wraps(function)
    def call(source: str) -> T:
        return recent(source) if len(source) <= SHORT else function(source)

    return call


def readable(source: str) -> tuple[str, ast.Module] | None:
    """A cell as Python and its tree: as it is, or with its magics made to do nothing.

    ``%time``, ``x = !ls``, a trailing ``?`` and an indented cell are a notebook's own. Line numbers
    stay.
    """
    bare = _ASSIGNED.sub(r"\1None", _MAGIC.sub("pass", _flush_left(source)))
    for text in (source, bare, _QUESTION.sub("pass", bare)):
        tree = parsed(text)
        if tree is not None:
            return text, tree
    return None


def _flush_left(source: str) -> str:
    """Without the indent of its first line, as IPython takes it away from all."""
    indent = _INDENT.match(source)
    return re.sub(rf"^{indent[1]}", "", source, flags=re.M) if indent else source


def magics(source: str) -> list[str]:
    """The lines of a cell that are not Python but magics."""
    return _MAGIC.findall(source) + [found[0] for found in _ASSIGNED.finditer(source)]


def defined_anyhow(source: str) -> set[str]:
    """Names that a cell seems to define which cannot be read: told by its lines' beginnings."""
    return {found[1] or found[2] for found in _DEFINES.finditer(source)}


def broken(source: str) -> bool:
    """Is it Python with a syntax error, and so runs not even in part? In doubt: no.

    IPython makes sense of more than Python does: magics, help, prompts, an indented cell, await.
    """
    if _LONG_NAME.search(source) or _MORE_THAN_PYTHON.search(source):
        return False
    try:
        ast.parse(source)
    except SyntaxError:
        return True
    except (ValueError, RecursionError, MemoryError):
        return False
    return False


def parsed(source: str) -> ast.Module | None:
    """The syntax tree, or None of what is not Python or costs too much to read."""
    if _LONG_NAME.search(source):
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def text_of(node: ast.AST) -> str:
    """A node as source; empty of what can be read and not written: too deep, a number too long."""
    try:
        return ast.unparse(node)
    except UNWRITABLE:
        return ""


def definitions(cells: Iterable[str]) -> str:
    """Imports, functions, classes, plain constants and what came from still earlier lessons.

    Cells that are not Python are left out, and so is what is nested too deep. The result is source
    text, to be run by whoever may.
    """
    kept = filter(None, map(_definitions, cells))
    return "\n\n".join(kept) + "\n"


@remembered
def _definitions(source: str) -> str:
    tree = parsed(source)
    nodes = tree.body if tree else []
    return "\n\n".join(filter(None, (text_of(node) for node in nodes if _defines(node))))


def carried_names(cells: Iterable[str]) -> set[str]:
    """The answers of earlier lessons that cells load with ``mine("name")``."""
    return set().union(*map(_carried, cells))


@remembered
def _carried(source: str) -> frozenset[str]:
    tree = parsed(source) if MINE in source else None
    nodes = ast.walk(tree) if tree else ()
    return frozenset(str(node.args[0].value) for node in nodes if _is_mine(node))  # type: ignore[attr-defined]


def _defines(node: ast.stmt) -> bool:
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)):
        return True
    if not isinstance(node, ast.Assign) or not all(isinstance(t, ast.Name) for t in node.targets):
        return False
    calls = [inner for inner in ast.walk(node.value) if isinstance(inner, ast.Call)]
    return _is_mine(node.value) or not calls


def _is_mine(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == MINE
        and len(node.args) == 1
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )


@remembered
def shape(source: str) -> str:
    """What code does, without comments and layout; the text itself if that cannot be told."""
    tree = parsed(source)
    with contextlib.suppress(*UNWRITABLE):
        return source.strip() if tree is None else ast.dump(tree)
    return source.strip()
