"""The files of a lesson, relative to the course: what lies where is said here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from grader.course.layout import COURSE, ROOT, notebook_path


def lesson_files(lesson: str) -> dict[str, Path]:
    """Each part that an exercise has, and the file of the lesson that holds it."""
    folder = Path(COURSE.solutions, lesson)
    return {
        "solution": folder / "__init__.py",
        "misconceptions": folder / "misconceptions.py",
        "alternatives": folder / "alternatives.py",
        "checks": folder / "checks.py",
        "card": notebook_path(lesson).relative_to(ROOT),
        "law": Path("tests", "lessons", f"test_{lesson}.py"),
    }
