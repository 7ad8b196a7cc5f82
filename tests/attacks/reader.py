"""Reading the cases in ``cases/``.

No attack is ever imported: its text is cut apart, and only data is evaluated.

A file holds, in this order:

- a docstring of two parts, ``TRIES: ...`` and ``MUST: ...``, and perhaps ``ROWS: 1, 7``, the
  numbers of the threat matrix that it covers;
- constants, all of them optional (see :class:`Case`);
- a line ``# --- handed in ---``, and below it the text of the answer cell; or, with
  ``KIND = "notebook"``, a function ``build(document)`` that makes the bytes of the file out of the
  notebook as it was given out; or, with ``KIND = "folder"``, a function ``plant(person, files)``
  that lays traps in a student's folder; or, with ``KIND = "archive"``, a function
  ``pack(folder, arena)`` that writes archives as an LMS gives them into a folder, and returns them
  with the text of a roster. Those three are our own code and run in the test process.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.authoring.derived import Page

FOLDER = Path(__file__).parent / "cases"
PAGE = Page(
    "docs/attacks.md",
    "python -m tests.attacks --markdown docs/attacks.md",
    (
        "tests/attacks/cases/**/*.py",
        *(f"tests/attacks/{name}.py" for name in ("arena", "exports", "reader")),
    ),
)
MARK = "# --- handed in ---\n"
LESSON = "self_attention"
EXERCISE = "softmax_jacobian"


@dataclass(frozen=True)
class Case:
    """One attack. The fields from ``kind`` on are the constants that a file may set."""

    name: str  # group/file
    path: Path
    tries: str
    must: str
    text: str
    rows: tuple[int, ...] = ()
    kind: str = "cell"  # cell, notebook, folder or archive
    lesson: str = LESSON
    exercise: str = EXERCISE
    place: str = "answer"  # or "added": a cell of its own, just before the answer
    baseline: str = ""  # an honest half-right answer: only what is beyond its marks is gained
    secret_of: str = ""  # an exercise whose solution must not be found in anything shown
    outcome: tuple[str, ...] = ()  # the words that the outcome may have; () for any of them
    no_processes: tuple[str, ...] = ()  # further ones at a level where no process can be started
    twice: bool = False  # handed in twice: the second must find nothing of the first
    slow: bool = False  # seconds of waiting: in the command, not in the suite
    limits: dict[str, Any] = field(default_factory=dict)  # instead of the arena's
    plain: bool = False  # also run against plain nbgrader: forges, or reads what was planted
    reaches: bool = False  # gets out where there are no walls: shows that the arena can see it

    def module(self) -> ModuleType:
        """For all but cells: the file as a module, with ``build``, ``plant`` or ``pack`` in it."""
        assert self.kind != "cell", "what a student hands in is never imported"
        spec = importlib.util.spec_from_file_location(self.name.replace("/", "_"), self.path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    @property
    def build(self) -> Callable[[dict[str, Any]], bytes | str]:
        return self.module().build

    @property
    def plant(self) -> Callable[[Path, Any], None]:
        return self.module().plant

    @property
    def pack(self) -> Callable[[Path, Any], tuple[list[Path], str]]:
        return self.module().pack


CONSTANTS = {f.name.upper(): f.name for f in fields(Case)[6:]}


class BadCase(Exception):
    """A file that is no case; the message says why."""


def read(path: Path) -> Case:
    """One case from its file."""
    name = f"{path.parent.name}/{path.stem}"
    head, _, text = path.read_text(encoding="utf-8").partition(MARK)
    tree = ast.parse(head)
    said = ast.get_docstring(tree) or ""
    parts = re.fullmatch(r"TRIES: (.+?)\n\nMUST: (.+?)(?:\n\nROWS: ([\d, ]+))?", said, re.S)
    if not parts:
        raise BadCase(f"{name}: the docstring is not TRIES, MUST and perhaps ROWS")
    values = dict(_constants(tree, name))
    if values.get("kind", "cell") == "cell" and not text.strip():
        raise BadCase(f"{name}: there is nothing below the line {MARK.strip()!r}")
    rows = tuple(int(number) for number in (parts[3] or "").split(",") if number.strip())
    tries, must = (" ".join(parts[n].split()) for n in (1, 2))
    return Case(name, path, tries, must, text, rows, **values)


def _constants(tree: ast.Module, name: str) -> Iterator[tuple[str, Any]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            constant = node.targets[0].id
            if constant in CONSTANTS:
                yield CONSTANTS[constant], ast.literal_eval(node.value)
            elif not constant.startswith("_"):
                raise BadCase(f"{name}: {constant} means nothing here")


def cases() -> list[Case]:
    """All of them, by group and name."""
    return [read(path) for path in sorted(FOLDER.glob("*/*.py"))]
