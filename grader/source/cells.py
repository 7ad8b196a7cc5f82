"""Read what cells define and load, from their text alone, without running it."""

from __future__ import annotations

import ast
import contextlib
import functools
import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

MINE = "mine"
T = TypeVar("T")
# Of texts of at most CACHED_LENGTH characters, the last CACHED_RESULTS results are kept. Of longer
# ones, a submission's own, the last results are kept, up to CACHED_LONG characters of text in all.
CACHED_LENGTH, CACHED_RESULTS, CACHED_LONG = 10_000, 1000, 4_000_000
# No real name has more dotted parts, and Python's parser builds every prefix of such a name.
MAX_PARTS = 100
_LONG_NAME = re.compile(rf"(?<!\w)(?:\w++\s*+\.\s*+){{{MAX_PARTS}}}")
# Python sorts the accents of a name, which takes quadratic time in a run of them.
_FAR_FROM_ASCII = re.compile(r"[^\x00-\x7f]{300,}")


_MAGIC = re.compile(r"^[ \t]*[%!].*$", re.M)
_ASSIGNED = re.compile(r"^([ \t]*\w[\w., \t]*=[ \t]*)[%!].*$", re.M)
_INDENT = re.compile(r"(?:[ \t]*\n)*([ \t]+)\S")
_DEFINES = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=", re.M)
_MORE_THAN_PYTHON = re.compile(r"[%!?]|await|^[ \t]*(?:>>>|\.\.\.|In \[|[,;/])|\A\s", re.M)
_QUESTION = re.compile(r"^.*\?[ \t]*$", re.M)


# A tree that was parsed may fail to be unparsed: nested too deeply, or with too long a number.
UNPARSE_ERRORS = (RecursionError, MemoryError, ValueError)


def cached(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache the results: in a cohort most cells are the release's own.

    A submission's own long cells are looked at for each exercise, and parsing one takes long.
    """
    recent = functools.lru_cache(CACHED_RESULTS)(function)
    long = _ByLength(function)

    @functools.wraps(function)
    def call(source: str) -> T:
        return recent(source) if len(source) <= CACHED_LENGTH else long(source)

    return call


class _ByLength(Generic[T]):
    """The results for the texts asked for last, of ``CACHED_LONG`` characters in all."""

    def __init__(self, function: Callable[[str], T]) -> None:
        self.function = function
        self.results: dict[str, T] = {}  # in the order of their last use
        self.length = 0

    def __call__(self, source: str) -> T:
        if source in self.results:
            self.results[source] = self.results.pop(source)
            return self.results[source]
        self.results[source] = result = self.function(source)
        self.length += len(source)
        while self.length > CACHED_LONG:
            oldest = next(iter(self.results))
            del self.results[oldest]
            self.length -= len(oldest)
        return result


def readable(source: str) -> tuple[str, ast.Module] | None:
    """Read a cell as Python, if necessary with IPython's magics made to do nothing.

    IPython also runs ``%time``, ``x = !ls``, a trailing ``?`` and an indented cell, which are not
    Python. Return the text, with the same line numbers, and its tree; None if it cannot be parsed
    even so.
    """
    plain = _ASSIGNED.sub(r"\1None", _MAGIC.sub("pass", _flush_left(source)))
    for text in (source, plain, _QUESTION.sub("pass", plain)):
        tree = parsed(text)
        if tree is not None:
            return text, tree
    return None


def _flush_left(source: str) -> str:
    """Remove the first line's indent from all lines, as IPython does."""
    indent = _INDENT.match(source)
    if not indent:
        return source
    return "\n".join(line.removeprefix(indent[1]) for line in source.split("\n"))


def magics(source: str) -> list[str]:
    """Return the lines of a cell that are not Python but magics."""
    return _MAGIC.findall(source) + [found[0] for found in _ASSIGNED.finditer(source)]


def guessed_definitions(source: str) -> set[str]:
    """Return the names that a cell seems to define, by how its lines begin, without parsing it."""
    return {found[1] or found[2] for found in _DEFINES.finditer(source)}


def _costly(source: str) -> bool:
    """Tell whether Python's parser may need more than linear time or memory for the text."""
    runs = (found[0] for found in _FAR_FROM_ASCII.finditer(source))
    return bool(_LONG_NAME.search(source)) or any(map(_has_accents, runs))


def _has_accents(text: str) -> bool:
    return any(map(unicodedata.combining, text))


def has_syntax_error(source: str) -> bool:
    """Tell whether a syntax error keeps the whole cell from running; False in doubt.

    IPython accepts more than Python does: magics, help, prompts, an indented cell, await.
    """
    if _costly(source) or _MORE_THAN_PYTHON.search(source):
        return False
    try:
        ast.parse(source)
    except SyntaxError:
        return True
    except (ValueError, RecursionError, MemoryError):
        return False
    return False


def parsed(source: str) -> ast.Module | None:
    """Return the syntax tree; None if the text is not Python, or too costly to parse."""
    if _costly(source):
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def text_of(node: ast.AST) -> str:
    """Return a node as source text; empty if it cannot be unparsed (see ``UNPARSE_ERRORS``)."""
    try:
        return ast.unparse(node)
    except UNPARSE_ERRORS:
        return ""


def definitions(cells: Iterable[str]) -> str:
    """Return the cells' imports, functions, classes, constants and ``mine`` assignments as text.

    Cells that are not Python are left out, and so are statements that are nested too deep. The text
    may hold student code: only a worker may run it.
    """
    kept = filter(None, map(_definitions, cells))
    return "\n\n".join(kept) + "\n"


@cached
def _definitions(source: str) -> str:
    tree = parsed(source)
    nodes = tree.body if tree else []
    return "\n\n".join(filter(None, (text_of(node) for node in nodes if _defines(node))))


def carried_names(cells: Iterable[str]) -> set[str]:
    """Return the answers of earlier lessons that cells load with ``mine("name")``."""
    return set().union(*map(_carried, cells))


@cached
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


@cached
def normalized(source: str) -> str:
    """Return code without its comments and layout; the text itself if it cannot be parsed."""
    tree = parsed(source)
    with contextlib.suppress(*UNPARSE_ERRORS):
        return source.strip() if tree is None else ast.dump(tree)
    return source.strip()
