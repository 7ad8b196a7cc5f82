"""Add a lesson at the end of the course: its folder, its notebook, its line in course.toml.

It has one exercise, the example of ``new-exercise``, and one question in writing. Like an exercise,
it is tried in a copy of the course first, and written whole or not at all.
"""

from __future__ import annotations

import keyword
import os
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grader.authoring.rubrics import NAME as RUBRICS
from grader.authoring.scaffold import (
    LONGEST,
    Wanted,
    example,
    free_name,
    section,
    tried,
    write,
)
from grader.authoring.scaffold_places import (
    ScaffoldError,
    exercise_cells,
    lesson_files,
    with_lesson,
)
from grader.course.layout import COURSE, LESSONS, ROOT
from grader.coursefile import NAME

TEMPLATES = Path(__file__).parent / "new_lesson"
IN_WORDS = 3  # points of the question in writing
TAKEN = ("public", "solved")  # folders beside or inside a lesson's that mean something else


@dataclass(frozen=True)
class WantedLesson:
    """The lesson to add, the heading of its notebook, and the name of the exercise in it."""

    name: str
    title: str
    exercise: str


def scaffold_lesson(wanted: WantedLesson) -> list[Path]:
    """Add the lesson to this course; return the files that were written."""
    changes = tried(plan(wanted), wanted.name, wanted.exercise)
    write(changes)
    return list(changes)


def plan(wanted: WantedLesson) -> dict[Path, str]:
    """Return the text of each file, with the notebook not yet tidy; write nothing."""
    number = len(LESSONS) + 1
    files = lesson_files(wanted.name, f"{number:02d}_{wanted.name}")
    _free(wanted, files)
    exercise = Wanted(wanted.name, wanted.exercise)
    free_name(exercise)
    parts = example(exercise, f"{number}.1", torch=False)
    for part in ("misconceptions", "alternatives", "checks"):
        parts[part] = section(wanted.exercise, parts[part])
    words = {part: text.rstrip() for part, text in parts.items()} | {
        "number": number,
        "title": wanted.title,
        "lesson": wanted.name,
        "name": wanted.exercise,
        "solutions": COURSE.solutions,
        "in_words": IN_WORDS,
    }
    made = {
        path.name.partition(".")[0]: Template(path.read_text(encoding="utf-8")).substitute(words)
        for path in TEMPLATES.glob("*.tmpl")
    }
    cells = [
        new_markdown_cell(made["head"].rstrip()),
        new_code_cell(made["imports"].rstrip()),
        *exercise_cells(wanted.exercise, parts["card"], parts["hint"]),
        new_code_cell(made["use"].rstrip()),
        new_markdown_cell(made["question"].rstrip()),
        new_code_cell(f"#@ answer {wanted.name}_in_words {IN_WORDS}"),
    ]
    made["card"] = nbformat.writes(new_notebook(cells=cells)) + "\n"
    description = with_lesson((ROOT / NAME).read_text(encoding="utf-8"), wanted.name)
    changes = {path: made[part] for part, path in files.items()}
    changes[files["checks"].with_name(RUBRICS)] = made["written"]
    package = Path(COURSE.solutions, "__init__.py")
    if not (ROOT / package).exists():
        changes[package] = '"""The answers of this course."""\n'
    return changes | {Path(NAME): description}


def _free(wanted: WantedLesson, files: dict[str, Path]) -> None:
    """Raise ScaffoldError if no lesson can have this name, or something is in its place already."""
    name = wanted.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or len(name) > LONGEST:
        raise ScaffoldError(
            f"{name!r} cannot be a lesson's name: use at most {LONGEST} lower-case letters, digits "
            "and _, but no Python keyword"
        )
    if name in (*TAKEN, COURSE.notebooks, COURSE.solutions):
        raise ScaffoldError(f"{name!r} cannot be a lesson's name: a folder already has that name")
    if name in LESSONS:
        raise ScaffoldError(f"{name!r} is taken: it is lesson {LESSONS.index(name) + 1}")
    if not wanted.title.strip() or not wanted.title.isprintable():
        raise ScaffoldError("the title must be one line, and not empty")
    for path in dict.fromkeys(
        [files["solution"].parent, files["card"].parent, *filter(None, [files.get("law")])]
    ):
        if (ROOT / path).exists():
            raise ScaffoldError(f"{path} already exists: choose another name, or move it away")
    if not os.access(ROOT / NAME, os.W_OK) or not os.access(ROOT, os.W_OK):
        raise ScaffoldError(f"{NAME} cannot be written: make the file and its folder writable")
