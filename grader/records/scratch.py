"""A copy of a course folder's records, for a run that shall change nothing."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from grader.records import ledger
from grader.records.course_lock import course_lock
from grader.records.late import CONFIG
from grader.records.written import RECORDS

GRADEBOOK = "gradebook.db"


@contextmanager
def scratch_of(course_dir: Path) -> Iterator[Path]:
    """A folder that only its owner can read, with what a run reads there; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="grader-dry-run-") as name:
        copy = Path(name)
        with course_lock(course_dir):  # so that no other run writes meanwhile
            for one in (ledger.NAME, ledger.HEAD, Path(CONFIG)):
                if (course_dir / one).exists():
                    (copy / one).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(course_dir / one, copy / one)
            if (course_dir / RECORDS).is_dir():
                shutil.copytree(course_dir / RECORDS, copy / RECORDS)
            if (course_dir / GRADEBOOK).exists():
                with (
                    closing(sqlite3.connect(course_dir / GRADEBOOK)) as old,
                    closing(sqlite3.connect(copy / GRADEBOOK)) as new,
                ):
                    old.backup(new)  # whole, whatever Formgrader is writing just now
        yield copy
