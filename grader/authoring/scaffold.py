"""Put a new exercise into the files of its lesson: whole, small, and marked where to go on.

Existing text is left as it is. The result is tried in a copy of the course, and written here only
if it is tidy and proved there: all of it or nothing.
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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from string import Template

import nbformat
from nbformat import NotebookNode

from grader import files
from grader.authoring import scaffold_places as places
from grader.authoring.header import MEASURED
from grader.authoring.scaffold_places import ScaffoldError, lesson_files
from grader.authoring.tidy import LessonError, tidied
from grader.course.exercises import exercises, home_of
from grader.course.layout import COURSE, LESSONS, ROOT
from grader.coursefile import ENGINE, NAME, VARIABLE
from grader.source.slicing import bound_names, read_names
from grader.student.words import points

MARK = "REPLACE"  # in the templates, wherever the author is to go on
TEMPLATES = Path(__file__).parent / "new_exercise"
LONGEST = 32  # so that no line of the example is longer than the house allows
NOT_COPIED = shutil.ignore_patterns("__pycache__", "solved")


@dataclass(frozen=True)
class Wanted:
    """The exercise to add, after the one called ``after``, or as the last if that is ""."""

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
    """Add the exercise to this course; return the files that it was written into."""
    changes = tried(plan(wanted), wanted.lesson, wanted.name)
    write(changes)
    return list(changes)


def plan(wanted: Wanted) -> dict[Path, str]:
    """Return the new text of each file, with the notebook not yet tidy; write nothing."""
    _checkout(wanted.lesson)
    last = next(e.id for e in reversed(exercises(wanted.lesson)) if not e.id.startswith("quiz_"))
    after = wanted.after or last
    _name(wanted, after)
    files_of = lesson_files(wanted.lesson)
    notebook = nbformat.read(ROOT / files_of.pop("card"), as_version=4)
    old = {part: (ROOT / path).read_text(encoding="utf-8") for part, path in files_of.items()}
    number = places.number_after(notebook.cells, after, last=after == last)
    new = example(wanted, number, torch="torch" in bound_names(old["solution"]))
    _fits(wanted, old, notebook, new)
    old["solution"] = places.after_definition(old["solution"], after, new["solution"])
    for part in ("misconceptions", "alternatives"):
        old[part] = places.at_end(old[part], section(wanted.name, new[part]))
    checks = places.before_list(old["checks"], section(wanted.name, new["checks"]))
    old["checks"] = places.in_list(checks, after, new["entry"])
    if "law" in old:
        law = places.with_import(old["law"], f"{COURSE.solutions}.{wanted.lesson}", wanted.name)
        old["law"] = places.at_end(law, new["law"])
    own = places.exercise_cells(wanted.name, new["card"], new["hint"])
    notebook.cells = places.in_notebook(notebook.cells, after, own)
    old["card"] = nbformat.writes(notebook) + "\n"
    return {path: old[part] for part, path in lesson_files(wanted.lesson).items()}


def example(wanted: Wanted, number: str, torch: bool) -> dict[str, str]:
    """Fill in the templates of this kind of exercise: "checks" → what goes into that file.

    ``number`` is "" where the notebook's exercises have none.
    """
    library = TEMPLATES / ("torch.json" if torch else "numpy.json")
    words = json.loads(library.read_text(encoding="utf-8")) | {
        "name": wanted.name,
        "snake": wanted.snake,
        "heading": f"Exercise {number}".rstrip(),
        "points": wanted.points,
        "counted": points(wanted.points),
    }
    kind = TEMPLATES / ("layer" if wanted.layer else "function")
    return {
        path.name.partition(".")[0]: Template(path.read_text(encoding="utf-8")).substitute(words)
        for path in (*TEMPLATES.glob("*.tmpl"), *kind.glob("*.tmpl"))
    }


def section(name: str, block: str) -> str:
    """Return the block under a ruled line with the exercise's name, as in a lesson's modules."""
    rule = f"# --- {name} ".ljust(100, "-")
    return f"{rule}\n{'' if block.startswith('#') else 2 * chr(10)}{block}"


def _fits(
    wanted: Wanted, old: Mapping[str, str], notebook: NotebookNode, new: Mapping[str, str]
) -> None:
    """Raise ScaffoldError if a file lacks a name the example reads, or has one that it brings."""
    paths = lesson_files(wanted.lesson)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    bound = {part: bound_names(text) for part, text in old.items()}
    bound["card"] = frozenset().union(*map(bound_names, cells))
    programs = {part: new[part] for part in old} | {"card": new["solution"]}
    programs["checks"] += f"[{new['entry'].strip()}]\n"
    for part, program in programs.items():
        brought = bound_names(program) | {wanted.name}
        for name in sorted(brought & bound[part]):
            raise ScaffoldError(f"{paths[part]} already defines {name}: choose another name")
        read = read_names(program) or frozenset()
        for name in sorted(read - brought - bound[part] - set(dir(builtins))):
            raise ScaffoldError(f"the example needs {name}: import it in {paths[part]}")


def tried(
    changes: Mapping[Path, str], lesson: str, exercise: str, what: str = ""
) -> dict[Path, str]:
    """Return the changes, tidied and, for this exercise, proved in a copy of the course.

    ``what`` begins the message if that fails; by default it is about a lesson with the exercise.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        if (ROOT / COURSE.solutions).is_dir():
            shutil.copytree(ROOT / COURSE.solutions, copy / COURSE.solutions, ignore=NOT_COPIED)
        measured = MEASURED.relative_to(ROOT)
        texts = {
            path: (ROOT / path).read_text(encoding="utf-8")
            for path in (Path(NAME), measured)
            if (ROOT / path).is_file()
        }
        for path, text in (texts | dict(changes)).items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_text(text, encoding="utf-8")
        for command in (("tidy", lesson), ("prove", "--exercise", exercise)):
            _passes(copy, command, what or f"the lesson with {exercise} in it")
        return {path: (copy / path).read_text(encoding="utf-8") for path in changes}


def _passes(copy: Path, command: Sequence[str], what: str) -> None:
    """Raise ScaffoldError if the command fails in this copy of the course."""
    done = subprocess.run(
        [sys.executable, "-m", "grader", *command],
        cwd=copy,
        env=os.environ | {VARIABLE: str(copy), "PYTHONPATH": str(ENGINE.parent)},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        error = done.stderr.strip()
        if error.startswith("Traceback"):
            error = error.splitlines()[-1]
        # `prove` prints its faults on the standard output, and a library may warn beside them.
        said = "\n".join(filter(None, (done.stdout.strip(), error)))
        said = said.replace(f"{copy}{os.sep}", "")
        raise ScaffoldError(f"{what} does not pass `python -m grader {' '.join(command)}`:\n{said}")


def _checkout(lesson: str) -> None:
    """Raise ScaffoldError unless the lesson's files are writable here and its notebook is tidy."""
    if lesson not in LESSONS:
        raise ScaffoldError(f"no lesson {lesson!r}; there are {', '.join(LESSONS)}")
    paths = lesson_files(lesson)
    for path in paths.values():
        if not (ROOT / path).is_file():
            raise ScaffoldError(
                f"the course in {ROOT} has no {path}, which a new exercise of {lesson} needs: run "
                "this in a checkout of the course"
            )
        if not os.access(ROOT / path, os.W_OK) or not os.access((ROOT / path).parent, os.W_OK):
            raise ScaffoldError(f"{path} cannot be written: make the file and its folder writable")
    text = (ROOT / paths["card"]).read_text(encoding="utf-8")
    try:
        is_tidy = tidied(nbformat.reads(text, as_version=4), lesson) == text
    except LessonError as error:
        raise ScaffoldError(f"{paths['card']}: {error}") from error
    if not is_tidy:
        raise ScaffoldError(
            f"{paths['card']} is not tidy: run `python -m grader tidy {lesson}` first"
        )


def _name(wanted: Wanted, after: str) -> None:
    """Raise ScaffoldError if no exercise can have the name, or there is no exercise ``after``."""
    free_name(wanted)
    own = [e.id for e in exercises(wanted.lesson)]
    if after not in own or after.startswith("quiz_"):
        known = ", ".join(one for one in own if not one.startswith("quiz_"))
        raise ScaffoldError(f"--after: {wanted.lesson} has no exercise {after!r}; it has {known}")


def free_name(wanted: Wanted) -> None:
    """Raise ScaffoldError if no exercise can have this name, or another one has it."""
    name = wanted.name
    if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
        raise ScaffoldError(f"{name!r} cannot be the name of a function in Python")
    if hasattr(builtins, name):
        raise ScaffoldError(f"{name!r} is one of Python's built-in names: choose another")
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
    try:
        raise ScaffoldError(f"{name!r} is taken: {home_of(name)} has an exercise of that name")
    except KeyError:
        return


def write(changes: Mapping[Path, str]) -> None:
    """Write all of them, or none: if a file cannot be written, those before it are put back."""
    with ExitStack() as undo:
        for path, text in changes.items():
            place = ROOT / path
            undo.callback(_put_back, place, place.read_bytes() if place.exists() else None)
            try:
                files.write(place, text.encode(), _mode(place))
            except OSError as error:
                raise ScaffoldError(f"{path} cannot be written: {error.strerror}") from error
        undo.pop_all()


def _put_back(path: Path, content: bytes | None) -> None:
    """Restore a file; for None, remove it and the folders around it that are now empty."""
    if content is None:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if not folder.is_dir() or any(folder.iterdir()):
                break
            folder.rmdir()
    elif path.read_bytes() != content:
        files.write(path, content, _mode(path))


def _mode(path: Path) -> int:
    """Return the file's mode, or that of a new file."""
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
