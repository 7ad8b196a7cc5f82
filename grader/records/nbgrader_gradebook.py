"""A gradebook as nbgrader's own objects, for what reads it at leisure."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Gradebook, InvalidEntry
from sqlalchemy.exc import DatabaseError

from grader.errors import GradebookError
from grader.records.nbgrader_tables import PATIENCE, open_gradebook, trouble


@contextlib.contextmanager
def nbgrader_gradebook(path: Path) -> Iterator[Gradebook]:
    """The gradebook at ``path``, made if there is none, closed afterwards.

    GradebookError for whatever the database says, there or in the body.
    """
    warnings.filterwarnings("ignore", module=r"nbgrader\.api|sqlalchemy")  # its autoflush remarks
    # nbgrader logs such errors with a traceback of its own before it raises them.
    log = logging.getLogger("tornado.application")
    before = log.level
    try:
        log.setLevel(logging.CRITICAL + 1)
        with open_gradebook(path):  # its tables: nbgrader would run Alembic's program to make them
            pass
        with Gradebook(f"sqlite:///{path}?timeout={PATIENCE:g}") as book:
            yield book
    except (DatabaseError, InvalidEntry) as error:  # nbgrader turns the one into the other
        raise GradebookError(trouble(path, error)) from error
    finally:
        log.setLevel(before)
