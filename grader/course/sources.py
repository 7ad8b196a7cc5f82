"""Texts cut out of the solution modules: the whole answer, and the stub that students get."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from grader.course.layout import SOLUTIONS

STUB = "raise NotImplementedError"


@functools.cache
def _module(lesson: str) -> tuple[str, dict[str, ast.FunctionDef | ast.ClassDef]]:
    text = Path(SOLUTIONS, f"{lesson}.py").read_text(encoding="utf-8")
    nodes = {
        node.name: node
        for node in ast.parse(text).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    return text, nodes


def _lines(text: str, first: int, last: int) -> str:
    return "\n".join(text.splitlines()[first - 1 : last])


def answer_source(lesson: str, exercise: str) -> str:
    """The solution of one exercise as it stands in its module; KeyError if it has none."""
    text, nodes = _module(lesson)
    node = nodes[exercise]
    return _lines(text, node.lineno, node.end_lineno or node.lineno)


def stub_source(lesson: str, exercise: str) -> str:
    """Signature and docstring of the solution, and NotImplementedError for the rest.

    Of a class, ``__init__`` is given whole, and every other method is a stub.
    """
    text, nodes = _module(lesson)
    node = nodes[exercise]
    if isinstance(node, ast.FunctionDef):
        return _stub(text, node)
    assert isinstance(node, ast.ClassDef)
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    parts = [_lines(text, node.lineno, methods[0].lineno - 1).rstrip()]
    for method in methods:
        given = method.name == "__init__"
        last = method.end_lineno or method.lineno
        parts.append(_lines(text, method.lineno, last) if given else _stub(text, method))
    return "\n\n".join(parts)


def _stub(text: str, node: ast.FunctionDef) -> str:
    has_docstring = ast.get_docstring(node) is not None
    first = node.body[0]
    last = (first.end_lineno if has_docstring else first.lineno - 1) or node.lineno
    indent = " " * (node.col_offset + 4)
    return f"{_lines(text, node.lineno, last)}\n{indent}{STUB}"


def shape(source: str) -> str | None:
    """What code does, without comments, blank lines and layout; None if it is not Python."""
    try:
        return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
