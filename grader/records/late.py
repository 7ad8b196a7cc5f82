"""Points taken off for lateness: as `nbgrader autograde` does, by the course's configuration."""

from __future__ import annotations

import functools
import sqlite3
from pathlib import Path
from typing import Any

from grader.errors import GradebookError
from grader.judge.outcome import Outcome
from grader.records import nbgrader_tables as tables

CONFIG = "nbgrader_config.py"


def assign_penalty(course_dir: Path, book: sqlite3.Connection, outcome: Outcome) -> float:
    """Enter the penalty for a recorded submission into the gradebook, and return it.

    nbgrader's own preprocessor decides, with the plug-in that the course's configuration names. It
    is asked only about what came after the due date: to import it takes seconds.
    """
    student, name = outcome.student, outcome.assignment
    if not tables.came_after_due_date(book, name, student):
        tables.clear_penalty(book, name, student)
        return 0.0
    place = {"notebook": name, "assignment": name, "student": student,
             "db_url": f"sqlite:///{course_dir / 'gradebook.db'}"}  # fmt: skip
    from nbformat.v4 import new_notebook

    try:
        _preprocessor(course_dir).preprocess(new_notebook(), {"nbgrader": place})
    except Exception as error:  # the plug-in is the course's own code
        raise GradebookError(
            f"the penalty for the late {name} of {student} cannot be worked out by the plug-in of "
            f"{course_dir / CONFIG}: {type(error).__name__}: {error}"
        ) from error
    return sum(points for *place, points in tables.penalties(book) if place == [student, name])


@functools.cache
def _preprocessor(course_dir: Path) -> Any:
    from nbgrader.preprocessors import AssignLatePenalties
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader(CONFIG, path=str(course_dir)).load_config()
    return AssignLatePenalties(config=config)
