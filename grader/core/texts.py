"""What can be told from the text of cells alone: nothing here runs it."""

from __future__ import annotations

import ast
from collections.abc import Iterable

MINE = "mine"


def definitions(cells: Iterable[str]) -> str:
    """Imports, functions, classes, plain constants and what came from still earlier lessons.

    Cells that are not Python are left out. The result is source text, to be run by whoever may.
    """
    kept = []
    for source in cells:
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        kept += [ast.unparse(node) for node in body if _defines(node)]
    return "\n\n".join(kept) + "\n"


def carried_names(cells: Iterable[str]) -> set[str]:
    """The answers of earlier lessons that cells load with ``mine("name")``."""
    names: set[str] = set()
    for source in cells:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        names |= {str(node.args[0].value) for node in ast.walk(tree) if _is_mine(node)}  # type: ignore[attr-defined]
    return names


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


def shape(source: str) -> str:
    """What code does, without comments and layout; the text itself if it is not Python."""
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source.strip()
