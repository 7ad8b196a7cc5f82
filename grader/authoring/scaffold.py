"""A new exercise, put into the six files of its lesson: whole, small, and marked where to go on.

What is there already is left as it is. The result is tried in a copy of the course, and only what
is tidy and proved there is written here: all of it or nothing.
"""

from __future__ import annotations

import builtins
import json
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
from nbformat import NotebookNode

from grader import files
from grader.authoring.lesson_files import lesson_files
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
from grader.course.layout import LESSONS, ROOT
from grader.coursefile import NAME
from grader.source.slicing import bound_names, read_names

MARK = "REPLACE"  # stands in the templates wherever an author goes on
TEMPLATES = Path(__file__).parent / "new_exercise"
LISTED = "EXERCISES"  # the list that a lesson's checks end in
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
        """``BigLayer`` → ``big_layer``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()


def scaffold(wanted: Wanted) -> list[Path]:
    """Add the exercise to this checkout; the files that it was written into."""
    changes = tried(plan(wanted), wanted)
    _write(changes)
    return list(changes)


def plan(wanted: Wanted) -> dict[Path, str]:
    """The new text of each file, the notebook's not yet tidy. Writes nothing."""
    _checkout(wanted.lesson)
    last = _last(wanted.lesson)
    after = wanted.after or last
    _name(wanted, after)
    files_of = lesson_files(wanted.lesson)
    notebook = nbformat.read(ROOT / files_of.pop("card"), as_version=4)
    old = {part: (ROOT / path).read_text(encoding="utf-8") for part, path in files_of.items()}
    try:
        number = number_after(notebook.cells, after, last=after == last)
        new = _texts(wanted, number, torch="torch" in bound_names(old["solution"]))
        _fits(wanted, old, notebook, new)
        old["solution"] = after_definition(old["solution"], after, new["solution"])
        for part in ("misconceptions", "alternatives"):
            old[part] = at_end(old[part], _section(wanted.name, new[part]))
        checks = before_name(old["checks"], LISTED, _section(wanted.name, new["checks"]))
        old["checks"] = in_list(checks, LISTED, after, new["entry"])
        law = with_import(old["law"], f"solutions.{wanted.lesson}", wanted.name)
        old["law"] = at_end(law, new["law"])
        notebook.cells = in_notebook(
            notebook.cells, after, wanted.name, new["card"].rstrip(), new["hint"].rstrip()
        )
    except NoPlace as error:
        raise ScaffoldError(str(error)) from error
    old["card"] = nbformat.writes(notebook) + "\n"
    return {path: old[part] for part, path in lesson_files(wanted.lesson).items()}


def _texts(wanted: Wanted, number: str, torch: bool) -> dict[str, str]:
    """The templates of this kind of exercise, filled in: "checks" → what goes into that file."""
    library = TEMPLATES / ("torch.json" if torch else "numpy.json")
    words = json.loads(library.read_text(encoding="utf-8")) | {
        "name": wanted.name,
        "snake": wanted.snake,
        "number": number,
        "points": wanted.points,
        "counted": f"{wanted.points} point{'s'[: wanted.points != 1]}",
    }
    kind = TEMPLATES / ("layer" if wanted.layer else "function")
    return {
        path.name.partition(".")[0]: Template(path.read_text(encoding="utf-8")).substitute(words)
        for path in (*TEMPLATES.glob("*.tmpl"), *kind.glob("*.tmpl"))
    }


def _section(name: str, block: str) -> str:
    """The block under a rule with the exercise's name, as the modules of a lesson have them."""
    rule = f"# --- {name} ".ljust(100, "-")
    return f"{rule}\n{'' if block.startswith('#') else 2 * chr(10)}{block}"


def _fits(
    wanted: Wanted, old: Mapping[str, str], notebook: NotebookNode, new: Mapping[str, str]
) -> None:
    """Do the files have what the example reads, and nothing yet of the names that it brings?"""
    paths = lesson_files(wanted.lesson)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    bound = {part: bound_names(text) for part, text in old.items()}
    bound["card"] = frozenset().union(*map(bound_names, cells))
    programs = {part: new[part] for part in old} | {"card": new["solution"]}
    programs["checks"] += f"[{new['entry'].strip()}]\n"
    for part, program in programs.items():
        brought = bound_names(program) | {wanted.name}
        for name in sorted(brought & bound[part]):
            raise ScaffoldError(f"{paths[part]} has something called {name} already: take another")
        read = read_names(program) or frozenset()
        for name in sorted(read - brought - bound[part] - set(dir(builtins))):
            raise ScaffoldError(f"the example needs {name}, and {paths[part]} does not have it")


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


def _checkout(lesson: str) -> None:
    """Are the lesson's files here, can they be written, and is its notebook tidy?"""
    if lesson not in LESSONS:
        raise ScaffoldError(f"no lesson {lesson!r}; there are {', '.join(LESSONS)}")
    paths = lesson_files(lesson)
    for path in paths.values():
        if not (ROOT / path).is_file():
            raise ScaffoldError(
                f"there is no {path} beside this package: run it in a checkout of the course"
            )
        if not os.access(ROOT / path, os.W_OK) or not os.access((ROOT / path).parent, os.W_OK):
            raise ScaffoldError(f"{path} cannot be written")
    text = (ROOT / paths["card"]).read_text(encoding="utf-8")
    try:
        tidied = nbformat.writes(tidy(nbformat.reads(text, as_version=4), lesson)) + "\n"
    except LessonError as error:
        raise ScaffoldError(f"{paths['card']}: {error}") from error
    if tidied != text:
        raise ScaffoldError(
            f"{paths['card']} is not tidy: run `python -m grader tidy {lesson}` first"
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
            f"{name!r}: a layer is named like BigLayer (--kind layer), a function like "
            "small_function"
        )
    if after not in own or after.startswith("quiz_"):
        known = ", ".join(one for one in own if not one.startswith("quiz_"))
        raise ScaffoldError(f"--after: {wanted.lesson} has no exercise {after!r}; it has {known}")
    try:
        raise ScaffoldError(f"{name!r} is taken: {home_of(name)} has an exercise of that name")
    except KeyError:
        return


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
