"""Insert new text into modules and notebooks, at places found by their syntax."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from grader.course.layout import COURSE, ROOT, assignment_id
from grader.errors import Refused

WIDTH = 100
LISTED = "EXERCISES"  # the list that a lesson's checks end in
LAWS = Path("tests", "lessons")  # a course need not have it
EXERCISE = re.compile(r"^### Exercise(?: (\d+)\.(\d+)([a-z]?))? · `(\w+)`", re.M)
HEADING = re.compile(r"^#{2,3} (?=\S)", re.M)


class ScaffoldError(Refused):
    """The change cannot be made; the message says why and what to do. Nothing was written."""


def lesson_files(lesson: str, assignment: str = "") -> dict[str, Path]:
    """Return the lesson's file for each part of an exercise, relative to the course.

    ``assignment`` is the id of a lesson that the course does not have yet.
    """
    folder = Path(COURSE.solutions, lesson)
    name = assignment or assignment_id(lesson)
    law = {"law": LAWS / f"test_{lesson}.py"} if (ROOT / LAWS).is_dir() else {}
    return {
        "solution": folder / "__init__.py",
        "misconceptions": folder / "misconceptions.py",
        "alternatives": folder / "alternatives.py",
        "checks": folder / "checks.py",
        "card": Path(COURSE.notebooks, name, f"{name}.ipynb"),
        **law,
    }


def at_end(text: str, block: str) -> str:
    """Append the block to the module."""
    return f"{text.rstrip()}\n\n\n{block}"


def after_definition(text: str, name: str, block: str) -> str:
    """Insert the block after the function or class of this name."""
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return _inserted(text, node.end_lineno, f"\n\n{block}")
    raise ScaffoldError(f"the solutions have no definition of {name}")


def before_list(text: str, block: str) -> str:
    """Insert the block before the checks' list of exercises."""
    return _inserted(text, _list(text).lineno - 1, f"{block}\n\n")


def in_list(text: str, after: str, entry: str) -> str:
    """Insert the entry into the checks' list of exercises, after that of ``after``."""
    return _inserted(text, listed(text, after).end_lineno, entry)


def listed(text: str, exercise: str) -> ast.Call:
    """Return the exercise's entry in the checks' list; raise ScaffoldError if it has none."""
    value = _list(text).value
    for item in value.elts if isinstance(value, ast.List) else []:
        if isinstance(item, ast.Call) and is_text(item.args[:1], exercise):
            return item
    raise ScaffoldError(f"{LISTED} of the checks has no entry {exercise!r} of its own")


def is_text(found: Iterable[ast.expr | None], text: str) -> bool:
    """Tell whether this text, as a constant, is among these expressions."""
    return any(isinstance(node, ast.Constant) and node.value == text for node in found)


def with_import(text: str, module: str, name: str) -> str:
    """Add the name to those imported from the module, in the order that ruff keeps."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and node.module == module:
            known = {alias.name: alias.asname for alias in node.names} | {name: None}
            shown = [
                f"{one} as {known[one]}" if known[one] else one for one in sorted(known, key=_order)
            ]
            return with_names(text, node, shown)
    raise ScaffoldError(f"the lesson's tests import nothing from {module}")


def with_names(text: str, node: ast.ImportFrom, names: Sequence[str]) -> str:
    """Replace the names that the statement imports; without any, remove the statement."""
    line = f"from {node.module} import {', '.join(names)}"
    if node.lineno != node.end_lineno or len(line) > WIDTH:
        line = f"from {node.module} import (\n" + "".join(f"    {one},\n" for one in names) + ")"
    lines = text.splitlines()
    own = [line] if names else []
    return "\n".join([*lines[: node.lineno - 1], *own, *lines[node.end_lineno :], ""])


def _order(name: str) -> tuple[int, str]:
    """Sort constants first, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def _list(text: str) -> ast.Assign:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == LISTED for target in node.targets
        ):
            return node
    raise ScaffoldError(f"the checks do not assign {LISTED}")


def _inserted(text: str, line: int | None, block: str) -> str:
    """Insert the block after this line."""
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:line], block, *lines[line:]])


def number_after(cells: Sequence[NotebookNode], after: str, last: bool) -> str:
    """Return the new exercise's number: the next, or amid others a letter, so that none changes.

    It is "" if the exercise before has none.
    """
    found = [
        match
        for cell in cells
        if cell.cell_type == "markdown"
        for match in EXERCISE.finditer(cell.source)
    ]
    own = next((one for one in found if one[4] == after), None)
    if own is None:
        raise ScaffoldError(f"the notebook has no heading `### Exercise N.N · `{after}``")
    lesson, number = own[1], own[2]
    if lesson is None:
        return ""
    if last:
        return f"{lesson}.{max(int(one[2]) for one in found if one[2]) + 1}"
    taken = max(one[3] or "a" for one in found if one[2] == number)
    return f"{lesson}.{number}{chr(ord(taken) + 1)}"


def exercise_cells(name: str, card: str, hint: str) -> list[NotebookNode]:
    """Make an exercise's cells as an author writes them: `tidy` makes the stub and the check."""
    return [
        new_markdown_cell(card.rstrip()),
        new_code_cell(f"#@ exercise {name}"),
        new_code_cell(f"#@ check {name}"),
        new_markdown_cell(hint.rstrip()),
    ]


def in_notebook(
    cells: Sequence[NotebookNode], after: str, own: Sequence[NotebookNode]
) -> list[NotebookNode]:
    """Insert a new exercise's cells before the heading that follows ``after``'s check."""
    start = next((i for i, c in enumerate(cells) if c.get("id") == f"check_{after}"), None)
    if start is None:
        raise ScaffoldError(f"the notebook has no cell check_{after}")
    rest = cells[start + 1 :]
    return [*cells[: start + 1], *(before_heading(rest, HEADING, own) or [*rest, *own])]


def before_heading(
    cells: Sequence[NotebookNode], heading: re.Pattern[str], own: Sequence[NotebookNode]
) -> list[NotebookNode]:
    """Insert the cells before the first heading of this form; return none if there is none."""
    for place, cell in enumerate(cells):
        found = heading.search(cell.source) if cell.cell_type == "markdown" else None
        if found is None:
            continue
        above, below = cell.source[: found.start()].rstrip(), cell.source[found.start() :]
        if not above:
            return [*cells[:place], *own, *cells[place:]]
        cell.source = above
        return [*cells[: place + 1], *own, new_markdown_cell(below), *cells[place + 1 :]]
    return []


TOKEN = re.compile(r"""(?P<item>"[^"\n]*"|'[^'\n]*')|(?P<comma>,)|(?P<end>\])|\s+|\#[^\n]*""")


def with_lesson(text: str, name: str) -> str:
    """Add a last lesson to a course's description; keep its comments and layout.

    Raises ScaffoldError if its list ``lessons`` is written in a way that this does not understand.
    """
    start = re.search(r"^lessons\s*=\s*\[", text, re.M)
    last, comma, place, end = None, False, start.end() if start else 0, None
    while start and end is None and (token := TOKEN.match(text, place)):
        if token["item"]:
            last, comma = token, False
        comma = comma or bool(token["comma"])
        end = token.start() if token["end"] else None
        place = token.end()
    if end is None:
        raise ScaffoldError(
            f'the list lessons of course.toml is not as expected: add "{name}" yourself'
        )
    if last is None:
        out = f'{text[:end]}"{name}"{text[end:]}'
    elif "\n" not in text[last.end() : end]:
        out = f'{text[: last.end()]}, "{name}"{text[last.end() :]}'
    else:  # a line of its own, after the last item's and what is written beside and under it
        line = text[text.rfind("\n", 0, last.start()) + 1 : last.start()]
        indent = line if not line.strip() else "    "
        close = text.rfind("\n", 0, end) + 1
        if text[close:end].strip():
            close = end
        head = text[: last.end()] + ("" if comma else ",") + text[last.end() : close]
        out = f'{head}{indent}"{name}",\n{text[close:]}'
    before, after = tomllib.loads(text), tomllib.loads(out)
    if after != before | {"lessons": [*before.get("lessons", []), name]}:
        raise ScaffoldError(
            f'the list lessons of course.toml is not as expected: add "{name}" yourself'
        )
    return out
