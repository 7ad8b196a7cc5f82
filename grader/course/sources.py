"""Cut answers and stubs out of the text of the solution modules."""

from __future__ import annotations

import ast
import functools
import textwrap

from grader.course import quiz
from grader.course.exercises import exercises
from grader.course.layout import SOLUTIONS
from grader.course.versions import misconceptions

STUB = "raise NotImplementedError"


@functools.cache
def _module(lesson: str) -> tuple[str, dict[str, ast.FunctionDef | ast.ClassDef]]:
    text = (SOLUTIONS / lesson / "__init__.py").read_text(encoding="utf-8")
    nodes = {
        node.name: node
        for node in ast.parse(text).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    return text, nodes


def _lines(text: str, first: int, last: int) -> str:
    return "\n".join(text.splitlines()[first - 1 : last])


def answer_source(lesson: str, exercise: str) -> str:
    """Return the source of an exercise's solution, cut out of its module; KeyError if it has none.

    A quiz's solution is made from its data.
    """
    if exercise == quiz.quiz_id(lesson):
        return quiz.solved(lesson)
    text, nodes = _module(lesson)
    node = nodes[exercise]
    return _lines(text, node.lineno, node.end_lineno or node.lineno)


def stub_source(lesson: str, exercise: str) -> str:
    """Return what students get: the solution's signature and docstring, with another body.

    The body raises NotImplementedError, or is that of the misconception named in the exercise's
    ``broken``. In a class, ``__init__`` stays whole and every other method gets such a body. A
    quiz is left unanswered.
    """
    if exercise == quiz.quiz_id(lesson):
        return quiz.blank(lesson)
    text, nodes = _module(lesson)
    node = nodes[exercise]
    broken = _broken(lesson, exercise)
    if isinstance(node, ast.FunctionDef):
        return _stub(text, node, broken)
    assert isinstance(node, ast.ClassDef)
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    parts = [_lines(text, node.lineno, methods[0].lineno - 1).rstrip()]
    for method in methods:
        last = method.end_lineno or method.lineno
        whole = _lines(text, method.lineno, last)
        parts.append(whole if method.name == "__init__" else _stub(text, method, broken))
    return "\n\n".join(parts)


def _stub(text: str, node: ast.FunctionDef, broken: dict[str, str]) -> str:
    has_docstring = ast.get_docstring(node) is not None
    first = node.body[0]
    last = (first.end_lineno if has_docstring else first.lineno - 1) or node.lineno
    body = broken.get(node.name) or broken.get("") or STUB
    indented = textwrap.indent(body, " " * (node.col_offset + 4))
    return f"{_lines(text, node.lineno, last)}\n{indented}"


def _broken(lesson: str, exercise: str) -> dict[str, str]:
    """Return the bodies of the broken version that students fix, by method ("" for a function)."""
    name = next(spec.broken for spec in exercises(lesson) if spec.id == exercise)
    if not name:
        return {}
    version = next(v for v in misconceptions(lesson, exercise) if v.name == name)
    node = ast.parse(version.source).body[0]
    if isinstance(node, ast.FunctionDef):
        return {"": _body(version.source, node)}
    assert isinstance(node, ast.ClassDef)
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    return {method.name: _body(version.source, method) for method in methods}


def _body(text: str, node: ast.FunctionDef) -> str:
    """Return a function's lines after its docstring, dedented."""
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    after = node.body[0].end_lineno if ast.get_docstring(node) is not None else None
    first = (after or statements[0].lineno - 1) + 1
    return textwrap.dedent(_lines(text, first, node.end_lineno or first)).strip("\n")
