"""A new exercise, put into the six files of its lesson: whole, small, and marked where to go on.

What is there already is left as it is. The result is tried in a copy of the course, and only what
is tidy and proved there is written here: all of it or nothing.
"""

from __future__ import annotations

import builtins
import keyword
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import nbformat

from grader import files
from grader.authoring import scaffold_texts as texts
from grader.authoring.scaffold_places import (
    NoPlace,
    after_definition,
    at_end,
    before_name,
    in_list,
    in_notebook,
    number_after,
    with_import,
)
from grader.authoring.tidy import LessonError, tidy
from grader.course.exercises import exercises, home_of
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, notebook_path
from grader.coursefile import NAME
from grader.source.slicing import bound_names

LONGEST = 32  # so that no line of the example is longer than the house allows
COPIED = ("grader", "solutions")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "answers", "solved")


class ScaffoldError(Exception):
    """The exercise cannot be added; the message says why and what to do. Nothing was written."""


@dataclass(frozen=True)
class Wanted:
    """The exercise to add. ``after`` is the one that it follows, "" for the lesson's last."""

    lesson: str
    name: str
    points: int = 2
    layer: bool = False
    after: str = ""

    @property
    def snake(self) -> str:
        """``CrossAttention`` → ``cross_attention``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()


@dataclass(frozen=True)
class Places:
    """The files of one lesson, relative to the course."""

    lesson: str

    @property
    def solutions(self) -> Path:
        return Path("solutions", self.lesson, "__init__.py")

    @property
    def misconceptions(self) -> Path:
        return Path("solutions", self.lesson, "misconceptions.py")

    @property
    def alternatives(self) -> Path:
        return Path("solutions", self.lesson, "alternatives.py")

    @property
    def specification(self) -> Path:
        return Path("solutions", self.lesson, "checks.py")

    @property
    def laws(self) -> Path:
        return Path("tests", "lessons", f"test_{self.lesson}.py")

    @property
    def notebook(self) -> Path:
        return Path("notebooks") / notebook_path(self.lesson).relative_to(NOTEBOOKS)

    @property
    def modules(self) -> tuple[Path, ...]:
        return (
            self.solutions,
            self.misconceptions,
            self.alternatives,
            self.specification,
            self.laws,
        )


def scaffold(wanted: Wanted) -> list[Path]:
    """Add the exercise to this checkout; the files that it was written into."""
    changes = tried(plan(wanted), wanted)
    _write(changes)
    return list(changes)


def plan(wanted: Wanted) -> dict[Path, str]:
    """The new text of each file, the notebook's not yet tidy. Writes nothing."""
    places = Places(wanted.lesson)
    _checkout(wanted.lesson, places)
    old = {path: (ROOT / path).read_text(encoding="utf-8") for path in places.modules}
    notebook = nbformat.read(ROOT / places.notebook, as_version=4)
    after = wanted.after or _last(wanted.lesson)
    _name(wanted, after)
    torch = "torch" in bound_names(old[places.solutions])
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    bound = {path: bound_names(text) for path, text in old.items()}
    bound[places.notebook] = frozenset().union(*map(bound_names, cells))
    _free(wanted, bound)
    _imported(_needs(places, wanted.layer, torch), bound)
    parts = texts.LAYER if wanted.layer else texts.FUNCTION
    words = {"name": wanted.name, "snake": wanted.snake, "points": str(wanted.points)}
    words |= texts.TORCH if torch else texts.NUMPY
    rule = f"# --- {wanted.name} ".ljust(100, "-")

    def section(part: Template) -> str:
        block = part.substitute(words)
        return f"{rule}\n{'' if block.startswith('#') else 2 * chr(10)}{block}"

    try:
        number = number_after(notebook.cells, after, last=after == _last(wanted.lesson))
        card = texts.CARD.substitute(
            words,
            number=number,
            what=parts.what.replace("$name", wanted.name),
            counted=f"{wanted.points} point{'s'[: wanted.points != 1]}",
            check=texts.CHECK,
        )
        notebook.cells = in_notebook(
            notebook.cells, after, wanted.name, card, texts.HINT.substitute(words)
        )
        specification = before_name(old[places.specification], "EXERCISES", section(parts.checks))
        return {
            places.solutions: after_definition(
                old[places.solutions], after, parts.solution.substitute(words)
            ),
            places.misconceptions: at_end(
                old[places.misconceptions], section(parts.misconceptions)
            ),
            places.alternatives: at_end(old[places.alternatives], section(parts.alternatives)),
            places.specification: in_list(
                specification, "EXERCISES", after, texts.ENTRY.substitute(words)
            ),
            places.notebook: nbformat.writes(notebook) + "\n",
            places.laws: at_end(
                with_import(old[places.laws], f"solutions.{wanted.lesson}", wanted.name),
                parts.law.substitute(words),
            ),
        }
    except NoPlace as error:
        raise ScaffoldError(str(error)) from error


def tried(changes: Mapping[Path, str], wanted: Wanted) -> dict[Path, str]:
    """The same, tidied and proved in a copy of the course."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in COPIED:
            shutil.copytree(ROOT / part, copy / part, ignore=NOT_COPIED)
        measured = Path("docs", "lessons.json")
        for path in (*changes, measured):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
        for path in (measured, Path(NAME)):
            shutil.copyfile(ROOT / path, copy / path)
        for path, text in changes.items():
            (copy / path).write_text(text, encoding="utf-8")
        for command in (("tidy", wanted.lesson), ("prove", "--exercise", wanted.name)):
            done = subprocess.run(
                [sys.executable, "-m", "grader", *command],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy)},
                check=False,
                capture_output=True,
                text=True,
            )
            if done.returncode:
                said = (done.stderr.strip() or done.stdout.strip()).replace(f"{copy}{os.sep}", "")
                if said.startswith("Traceback"):
                    said = said.splitlines()[-1]
                raise ScaffoldError(
                    f"with {wanted.name} in it the lesson does not pass "
                    f"`python -m grader {' '.join(command)}`:\n{said}"
                )
        return {path: (copy / path).read_text(encoding="utf-8") for path in changes}


def _checkout(lesson: str, places: Places) -> None:
    if lesson not in LESSONS:
        raise ScaffoldError(f"no lesson {lesson!r}; there are {', '.join(LESSONS)}")
    for path in (*places.modules, places.notebook):
        if not (ROOT / path).is_file():
            raise ScaffoldError(
                f"there is no {path} beside this package: run it in a checkout of the course"
            )
        if not os.access(ROOT / path, os.W_OK) or not os.access((ROOT / path).parent, os.W_OK):
            raise ScaffoldError(f"{path} cannot be written")
    text = (ROOT / places.notebook).read_text(encoding="utf-8")
    try:
        tidied = nbformat.writes(tidy(nbformat.reads(text, as_version=4), lesson)) + "\n"
    except LessonError as error:
        raise ScaffoldError(f"{places.notebook}: {error}") from error
    if tidied != text:
        raise ScaffoldError(
            f"{places.notebook} is not tidy: run `python -m grader tidy {lesson}` first"
        )


def _last(lesson: str) -> str:
    return next(e.id for e in reversed(exercises(lesson)) if not e.id.startswith("quiz_"))


def _name(wanted: Wanted, after: str) -> None:
    """Is it a name that an exercise can have?"""
    name, own = wanted.name, [e.id for e in exercises(wanted.lesson)]
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        raise ScaffoldError(f"{name!r} cannot be the name of a function in Python")
    if hasattr(builtins, name):
        raise ScaffoldError(f"{name!r} is a name of Python's own: take another")
    if name.startswith(("_", "quiz_", "check_")) or len(name) > LONGEST:
        raise ScaffoldError(
            f"{name!r}: the name of an exercise has at most {LONGEST} characters and does not "
            "begin with _, quiz_ or check_"
        )
    if wanted.layer != name[0].isupper() or (not wanted.layer and not name.islower()):
        raise ScaffoldError(
            f"{name!r}: a layer is named like CrossAttention (--kind layer), a function like "
            "causal_mask"
        )
    if after not in own or after.startswith("quiz_"):
        known = ", ".join(one for one in own if not one.startswith("quiz_"))
        raise ScaffoldError(f"--after: {wanted.lesson} has no exercise {after!r}; it has {known}")
    try:
        raise ScaffoldError(f"{name!r} is taken: {home_of(name)} has an exercise of that name")
    except KeyError:
        return


def _free(wanted: Wanted, bound: Mapping[Path, frozenset[str]]) -> None:
    """Nothing in the lesson is called so yet, nor like what comes with the exercise."""
    added = (wanted.name, f"{wanted.snake}_checks", f"{wanted.snake}_reference")
    for path, names in bound.items():
        for name in added:
            if name in names:
                raise ScaffoldError(f"{path} has something called {name} already: take another")


def _needs(places: Places, layer: bool, torch: bool) -> dict[Path, set[str]]:
    """What the example's parts read that has to be imported."""
    nn, library = {"nn"} if layer else set(), "torch" if torch else "np"
    return {
        places.solutions: nn,
        places.misconceptions: {"wrong", *nn},
        places.alternatives: {"right", library, *nn},
        places.specification: {"np", "Check", "Draw", "Exercise", "case"}
        | ({"tensor"} if torch else set()),
        places.laws: {library},
        places.notebook: nn,
    }


def _imported(needs: Mapping[Path, set[str]], bound: Mapping[Path, frozenset[str]]) -> None:
    for path, names in needs.items():
        for name in sorted(names - bound[path]):
            if name == "nn":
                raise ScaffoldError(
                    f"a layer needs `from torch import nn`, and {path} does not have it"
                )
            raise ScaffoldError(f"the example needs {name}, and {path} does not import it")


def _write(changes: Mapping[Path, str]) -> None:
    """All of them, or none: what was written is put back if a later file cannot be."""
    before = {path: (ROOT / path).read_bytes() for path in changes}
    touched: list[Path] = []
    try:
        for path, text in changes.items():
            touched.append(path)
            files.write(ROOT / path, text.encode(), _mode(path))
    except BaseException as error:
        for path in touched:
            if (ROOT / path).read_bytes() != before[path]:
                files.write(ROOT / path, before[path], _mode(path))
        if isinstance(error, OSError):
            raise ScaffoldError(f"{touched[-1]} cannot be written: {error.strerror}") from error
        raise


def _mode(path: Path) -> int:
    return stat.S_IMODE((ROOT / path).stat().st_mode)
