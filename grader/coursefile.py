"""Find and read a course's description: the file ``course.toml`` in the course's folder.

This module is copied to students and into workers, so it holds names and folders, never an answer.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from grader.errors import Failed

NAME = "course.toml"
VARIABLE = "GRADER_COURSE"
# A link shown to students, or "". It holds nothing that could end a link in Markdown or HTML.
ADDRESS = r"""((https?://|mailto:)[^\s<>()\[\]"'`\\]+)?"""
ENGINE = Path(__file__).resolve().parent
INSTALLED = ENGINE / "course_files"  # the course, in a wheel of the student bundle


class CourseError(Failed):
    """An error in the course's files; the message says what is wrong, and how to fix it.

    IPython shows it as one line.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


@dataclass(frozen=True)
class Course:
    """A course: its name, its lessons in order, and where its two halves are.

    ``notebooks`` and ``solutions`` are names of folders in ``root``; the second is a Python
    package with a subpackage for each lesson. ``hand_in`` tells students where to hand in; ``ask``
    is the address of a page where they can ask.
    """

    root: Path
    id: str
    title: str
    lessons: tuple[str, ...]
    notebooks: str = "notebooks"
    solutions: str = "solutions"
    hand_in: str = ""
    ask: str = ""


def find() -> Path:
    """Find the course's folder.

    It is ``$GRADER_COURSE``, else the nearest folder around the working directory that holds a
    ``course.toml``, else the engine's own folder, else the course installed with the engine.

    Raises:
        CourseError: there is no such folder.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents, ENGINE.parent, INSTALLED):
        if (folder / NAME).is_file():
            return folder.resolve()
    raise CourseError(
        f"there is no {NAME} in this folder or in one around it: run this in a course's folder, "
        "or name that folder with `python -m grader --course DIR …`; install a checkout with "
        "`pip install -e`"
    )


def load(root: Path) -> Course:
    """Read a course's description.

    Raises:
        CourseError: it is missing or not valid.
    """
    path = root / NAME
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"{root} is not a course's folder: it has no {NAME}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from error
    texts = {}
    for key in ("id", "title", "notebooks", "solutions"):
        value = data.get(key, key if key in ("notebooks", "solutions") else None)
        if not isinstance(value, str) or not value:
            raise CourseError(f'{path}: it needs a line {key} = "…"')
        texts[key] = value
    for key, more in (("id", "_-"), ("solutions", "_")):  # a folder of ours, and a package
        if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9{more}]*", texts[key]):
            raise CourseError(
                f"{path}: {key} = {texts[key]!r} is not a name: use letters, digits and {more[0]}"
            )
    hand_in = data.get("hand_in", "")
    if not isinstance(hand_in, str):
        raise CourseError(f"{path}: hand_in must be a text in quotation marks")
    ask = data.get("ask", "")
    if not isinstance(ask, str) or not re.fullmatch(ADDRESS, ask):
        raise CourseError(
            f"{path}: ask must be an address that begins with https://, http:// or mailto:, "
            "without spaces, quotation marks and brackets"
        )
    lessons = data.get("lessons")
    if not isinstance(lessons, list):
        raise CourseError(f'{path}: it needs a list lessons = ["…", …], in the lessons\' order')
    for name in lessons:
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise CourseError(
                f"{path}: {name!r} cannot be a lesson's name: use lower-case letters, digits and _"
            )
        if lessons.count(name) > 1:
            raise CourseError(f"{path}: the lesson {name!r} is listed twice: remove one")
    hand_in = " ".join(hand_in.split())
    return Course(root, lessons=tuple(lessons), hand_in=hand_in, ask=ask, **texts)


@functools.cache
def current() -> Course:
    """Return the course of this process; put its root on ``sys.path``, to import its solutions.

    Raises:
        CourseError: as :func:`find` and :func:`load`.
    """
    course = load(find())
    if str(course.root) not in sys.path:
        sys.path.insert(0, str(course.root))
    return course
