"""The gradebook as nbgrader's own objects: what tests hold our own reading and writing against."""

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
    """Open the gradebook at ``path``, made if there is none; it is closed afterwards.

    GradebookError for every error of the database, also in the ``with`` body.
    """
    warnings.filterwarnings("ignore", module=r"nbgrader\.api|sqlalchemy")  # remarks on autoflush
    # nbgrader logs such errors with a traceback of its own before it raises them.
    log = logging.getLogger("tornado.application")
    level = log.level
    try:
        log.setLevel(logging.CRITICAL + 1)
        # Make the tables here: nbgrader would start Alembic's program for that.
        with open_gradebook(path):
            pass
        with Gradebook(f"sqlite:///{path}?timeout={PATIENCE:g}") as book:
            yield book
    except (DatabaseError, InvalidEntry) as error:  # nbgrader turns some of the one into the other
        raise GradebookError(trouble(path, error)) from error
    finally:
        log.setLevel(level)
