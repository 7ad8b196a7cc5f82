"""The files of a lesson, relative to the course. Only this module says where each lies."""

from __future__ import annotations

from pathlib import Path

from grader.course.layout import COURSE, ROOT, notebook_path


def lesson_files(lesson: str) -> dict[str, Path]:
    """The lesson's file for each part of an exercise."""
    folder = Path(COURSE.solutions, lesson)
    return {
        "solution": folder / "__init__.py",
        "misconceptions": folder / "misconceptions.py",
        "alternatives": folder / "alternatives.py",
        "checks": folder / "checks.py",
        "card": notebook_path(lesson).relative_to(ROOT),
        "law": Path("tests", "lessons", f"test_{lesson}.py"),
    }
