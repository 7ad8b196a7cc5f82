"""The files of a lesson, relative to the course: what lies where is said here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from grader.course.layout import COURSE, ROOT, assignment_id

LAWS = Path("tests", "lessons")  # a course need not have it


def lesson_files(lesson: str, assignment: str = "") -> dict[str, Path]:
    """Each part that an exercise has, and the file of the lesson that holds it.

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
