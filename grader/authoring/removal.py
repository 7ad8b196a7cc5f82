"""Take an exercise out of the files of its lesson, as `new-exercise` puts one in.

What belongs to the exercise alone is removed. If anything else needs the exercise, that is named
and nothing is changed. What merely mentions it is kept, and named for the author, who alone knows
what to write instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.authoring.rubrics import NAME as RUBRICS
from grader.authoring.scaffold import tried, write
from grader.authoring.scaffold_places import (
    ScaffoldError,
    is_text,
    lesson_files,
    listed,
    with_names,
)
from grader.course.exercises import exercises
from grader.course.layout import COURSE, LESSONS, ROOT, assignment_id, notebook_path
from grader.source.slicing import bound_names, read_names

MUTANTS = "equivalent_mutants.py"
REGISTERS = ("misconception", "variant", "alternative")
_RULE = re.compile(r"^# --- (.+?) -+$")
_HEADING = re.compile(r"^#{1,6} ", re.M)


@dataclass(frozen=True)
class Removal:
    """The new texts of files, the laws removed with them, and where the name still occurs."""

    changes: dict[Path, str]
    laws: tuple[str, ...]
    mentions: tuple[str, ...]


def remove(lesson: str, name: str) -> Removal:
    """Take the exercise out of this course, or raise ScaffoldError and write nothing."""
    removal = plan(lesson, name)
    other = next(e.id for e in exercises(lesson) if e.id != name)
    changes = tried(removal.changes, lesson, other, f"the lesson without {name}")
    write(changes)
    return removal


def plan(lesson: str, name: str) -> Removal:
    """Return what is to be written; raise ScaffoldError with all that needs the exercise."""
    _known(lesson, name)
    paths = lesson_files(lesson)
    old = {part: (ROOT / path).read_text(encoding="utf-8") for part, path in paths.items()}
    new = {
        "solution": without(old["solution"], name, lambda node: getattr(node, "name", "") == name),
        "misconceptions": without_versions(old["misconceptions"], name),
        "alternatives": without_versions(old["alternatives"], name),
        "checks": without_checks(old["checks"], name),
    }
    laws: tuple[str, ...] = ()
    if "law" in old:
        laws, new["law"] = _without_laws(old["law"], name)
    notebook = nbformat.reads(old["card"], as_version=4)
    notebook.cells = without_cells(notebook.cells, name)
    new["card"] = nbformat.writes(notebook) + "\n"
    changes = {paths[part]: text for part, text in new.items() if text != old[part]}
    mutants = paths["checks"].with_name(MUTANTS)
    if (ROOT / mutants).is_file():
        text = (ROOT / mutants).read_text(encoding="utf-8")
        if without_keys(text, name) != text:
            changes[mutants] = without_keys(text, name)
    needs = list(_needs(lesson, name, changes))
    if needs:
        raise ScaffoldError(f"{name} is needed elsewhere:\n" + "\n".join(needs))
    return Removal(changes, laws, tuple(_mentions(name, changes)))


def _known(lesson: str, name: str) -> None:
    if lesson not in LESSONS:
        raise ScaffoldError(f"no lesson {lesson!r}; there are {', '.join(LESSONS)}")
    own = [one.id for one in exercises(lesson) if not one.id.startswith("quiz_")]
    if name not in own:
        raise ScaffoldError(f"{lesson} has no exercise {name!r}; it has {', '.join(own)}")
    if own == [name]:
        raise ScaffoldError(
            f"{name} is the only exercise of {lesson}: leave the lesson out instead"
        )


# -- modules ---------------------------------------------------------------------------------------


def without(text: str, name: str, goes: Callable[[ast.stmt], bool]) -> str:
    """Return the module without the statements that ``goes`` picks, and the comments above them.

    Of the ruled lines that divide a module into sections, only that of ``name`` is removed.
    """
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    end = 0
    for node in ast.parse(text).body:
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        above, own = lines[end : first - 1], lines[first - 1 : node.end_lineno]
        end = node.end_lineno or node.lineno
        if not goes(node):
            kept += [*above, *own]
            continue
        for line in above:
            rule = _RULE.match(line)
            if rule and rule[1] != name:
                kept += ["\n\n", line]
    return "".join([*kept, *lines[end:]])


def _for(node: ast.stmt, name: str) -> bool:
    """Tell whether the statement registers a version of this exercise."""
    return any(
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in REGISTERS
        and is_text(call.args[:1], name)
        for call in ast.walk(node)
    )


def _orphaned(text: str, read_by_it: str) -> Callable[[ast.stmt], bool]:
    """Return a test for the definitions that nobody reads once ``read_by_it`` is gone.

    ``text`` is the module without that piece. Only what the piece read, directly or not, counts:
    what nobody read before is somebody's own.
    """
    body = [
        ast.unparse(node)
        for node in ast.parse(text).body
        if not isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    gone: set[str] = set()  # texts of statements
    wanted = set(_reads(read_by_it))
    grew = True
    while grew:
        grew = False
        read = {one for source in body if source not in gone for one in _reads(source, own=True)}
        for source in body:
            bound = bound_names(source)
            if source not in gone and bound and bound <= wanted and not bound & read:
                gone.add(source)
                wanted |= set(_reads(source))
                grew = True
    return lambda node: ast.unparse(node) in gone


def without_versions(text: str, name: str) -> str:
    """Return the module of wrong or right answers without this exercise's, and their helpers."""
    versions = [ast.unparse(node) for node in ast.parse(text).body if _for(node, name)]
    rest = without(text, name, lambda node: _for(node, name))
    return without(rest, name, _orphaned(rest, "\n".join(versions)))


def without_checks(text: str, name: str) -> str:
    """Return the checks without the exercise's entry and what it alone reads."""
    entry = listed(text, name)
    lines = text.splitlines(keepends=True)
    rest = "".join([*lines[: entry.lineno - 1], *lines[entry.end_lineno :]])
    return without(rest, name, _orphaned(rest, ast.unparse(entry)))


def _reads(source: str, own: bool = False) -> Iterable[str]:
    """Return the names that a program reads; with ``own``, not those it binds (a recursion)."""
    names = read_names(source)
    names = frozenset(re.findall(r"\w+", source)) if names is None else names
    return names - bound_names(source) if own else names


def without_keys(text: str, name: str) -> str:
    """Return the module without the entries of this key in its dictionaries."""
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        table = getattr(node, "value", None)
        if not isinstance(table, ast.Dict):
            continue
        for key, value in reversed(list(zip(table.keys, table.values, strict=True))):
            if key is not None and is_text([key], name):
                del lines[key.lineno - 1 : value.end_lineno]
    return "".join(lines)


def _without_laws(text: str, name: str) -> tuple[tuple[str, ...], str]:
    """Return the names of the laws that call the exercise, and the tests without them."""
    laws = [
        node.name
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and name in _reads(ast.unparse(node))
    ]
    rest = without(text, name, lambda node: isinstance(node, ast.FunctionDef) and node.name in laws)
    for node in ast.parse(rest).body:
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            names = [ast.unparse(alias) for alias in node.names if alias.name != name]
            return tuple(laws), with_names(rest, node, names)
    return tuple(laws), rest


# -- the notebook ----------------------------------------------------------------------------------


def without_cells(cells: Sequence[NotebookNode], name: str) -> list[NotebookNode]:
    """Return the cells without the exercise's card, stub, check and mentions of its hints."""
    heading = re.compile(rf"^#{{2,}} .*`{name}`", re.M)
    kept: list[NotebookNode] = []
    inside = False  # between the card and the stub
    for cell in cells:
        if cell.get("id") in (name, f"check_{name}"):
            inside = False
            continue
        if cell.cell_type == "markdown":
            found, source = heading.search(cell.source), cell.source
            if found:
                following = _HEADING.search(source, found.end())
                below = source[following.start() :] if following else ""
                source = f"{source[: found.start()].rstrip()}\n\n{below}".strip()
                inside = not below
            elif inside and not _HEADING.search(source):
                continue
            hint = f'hint("{name}")'
            paragraphs = [one for one in source.split("\n\n") if hint not in one]
            source = "\n\n".join(paragraphs) if hint in source else source
            if not source.strip():
                continue
            if source != cell.source:
                cell.source = source
        kept.append(cell)
    return kept


# -- who needs it ----------------------------------------------------------------------------------


def _needs(lesson: str, name: str, changes: dict[Path, str]) -> Iterator[str]:
    """Yield a line for each thing that cannot work without the exercise."""
    for exercise in exercises(lesson):
        if name in exercise.uses:
            yield f"{exercise.id} uses it: see `uses` in its entry in the checks"
    for path, text in _programs(changes):
        if "solved" in path.parts or path.name == MUTANTS:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.ImportFrom):
                found = name in {alias.name for alias in node.names}
            else:
                own = lesson in path.parts
                found = own and name in _reads(ast.unparse(node))
                asked = own and path.name == "checks.py"
                constants = (one for one in ast.walk(node) if isinstance(one, ast.Constant))
                found = found or (asked and is_text(constants, name))
            if found:
                yield f"{path}, line {node.lineno}: {ast.unparse(node).partition(chr(10))[0][:60]}"
    for other in LESSONS:
        notebook = nbformat.read(notebook_path(other), as_version=4)
        for number, cell in enumerate(notebook.cells, 1):
            code = cell.source if cell.cell_type == "code" else ""
            if re.search(rf"\bmine\(\W*{name}\b", code):
                yield f"{assignment_id(other)} loads it in cell {number}"


def _programs(changes: dict[Path, str]) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / COURSE.solutions).rglob("*.py")):
        place = path.relative_to(ROOT)
        yield place, changes.get(place) or path.read_text(encoding="utf-8")


def _mentions(name: str, changes: dict[Path, str]) -> Iterator[str]:
    """Yield a line for each place where programs, notebooks and rubrics still have the name."""
    word = re.compile(rf"\b{name}\b")
    for path, text in _programs(changes):
        for number, line in enumerate(text.splitlines(), 1):
            if word.search(line):
                yield f"{path}, line {number}: {line.strip()[:60]}"
    for lesson in LESSONS:
        path = notebook_path(lesson).relative_to(ROOT)
        text = changes.get(path) or (ROOT / path).read_text(encoding="utf-8")
        for number, cell in enumerate(nbformat.reads(text, as_version=4).cells, 1):
            found = next((one for one in cell.source.splitlines() if word.search(one)), "")
            if found:
                yield f"{path}, cell {number}: {found.strip()[:60]}"
        rubric = Path(COURSE.solutions, lesson, RUBRICS)
        if (ROOT / rubric).is_file() and word.search((ROOT / rubric).read_text(encoding="utf-8")):
            yield f"{rubric}"
