"""Copy a course folder's records for a dry run, which must change nothing."""

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
    """Copy what a run reads into a private temporary folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="grader-dry-run-") as name:
        copy = Path(name)
        (copy / "submitted").mkdir()  # students' zips are unpacked here before grading
        with course_lock(course_dir):  # so that no other run writes during the copy
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
                    old.backup(new)  # consistent even while Formgrader writes, unlike a file copy
        yield copy
