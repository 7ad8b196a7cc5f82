"""Exporters for nbgrader that write the gradebook as a CSV file for an LMS.

In a course folder ``nbgrader export --exporter=grader.lms.export.CanvasExportPlugin`` runs one.
Our own options are ``--CanvasExportPlugin.students=FILE`` and, in the same way,
``missing_as_zero=True`` and ``unreadable_as_zero=True``. ``python -m grader export`` runs the same
classes. :mod:`grader.lms.sheets` says which columns a file has, and why.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin
from traitlets import Bool, Unicode

from grader import files
from grader.errors import ExportError
from grader.lms import moodle_feedback, roster, worksheet
from grader.lms.sheets import Marks, Person, Sheet, SubmissionScore, Task, chosen, sheet, waiting
from grader.records import origin
from grader.records.nbgrader_tables import identities, read_gradebook, standings, worth

STDOUT = "-"


class _Exporter(ExportPlugin):
    """The common part of the exporters, which differ in ``form``."""

    form: ClassVar[str]

    students = Unicode(
        "", help="a CSV file of the LMS with its columns for each student; see the course's README"
    ).tag(config=True)
    missing_as_zero = Bool(False, help="0 instead of an empty cell for what was not handed in").tag(
        config=True
    )
    unreadable_as_zero = Bool(
        False, help="0 instead of no mark for what could not be read and waits for a human"
    ).tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write the file and log the notices, or exit with 2; called by nbgrader."""
        try:
            notices = self.write(Path(gradebook.engine.url.database or ""))
        except ExportError as error:
            self.log.error("%s", error)
            raise SystemExit(2) from None
        for notice in notices:
            self.log.warning("%s", notice)

    def write(self, gradebook: Path) -> tuple[str, ...]:
        """Write the file, and return notices for the user. ExportError if it cannot be written."""
        target = self.to or "grades.csv"  # nbgrader's default
        if target != STDOUT:
            _check_target(Path(target), (self.students, str(gradebook)))
        with read_gradebook(gradebook) as book:
            if book is None:
                raise ExportError("the gradebook holds no marks: grade something first")
            content, notices = self.made(marks(book))
        if target == STDOUT:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
            return notices
        try:
            files.write(Path(target).resolve(), content)
        except OSError as error:
            raise ExportError(
                f"{target} cannot be written ({error.strerror}): name another"
            ) from error
        return notices

    def made(self, found: Marks) -> tuple[bytes, tuple[str, ...]]:
        """Return the file's bytes, and notices for the user."""
        made = sheet(
            self.form,
            found,
            roster=roster.load(Path(self.students)) if self.students else None,
            assignments=[str(one) for one in self.assignment],
            students=[str(one) for one in self.student],
            missing_as_zero=self.missing_as_zero,
            unreadable_as_zero=self.unreadable_as_zero,
        )
        return encode(made), made.notices


class CanvasExportPlugin(_Exporter):
    """A file for Canvas: Gradebook, Import."""

    form = "canvas"


class MoodleExportPlugin(_Exporter):
    """A file for Moodle: Grades, Import, CSV file."""

    form = "moodle"


class PlainExportPlugin(_Exporter):
    """A plain table: a line for each student and assignment."""

    form = "csv"


class _Filler(_Exporter):
    """An exporter that fills marks into the LMS's own file and changes nothing else in it."""

    submitted = Unicode("submitted", help="where `collect` has put the submissions").tag(
        config=True
    )

    def made(self, found: Marks) -> tuple[bytes, tuple[str, ...]]:
        """Return the file's bytes, and notices for the user."""
        if not self.students:
            raise ExportError(
                f"marks go into {worksheet.FORMS[self.form].called}: download that file, and name "
                "it with --students"
            )
        path = Path(self.students)
        wanted, notices = chosen(
            found,
            tuple(map(str, self.assignment)),
            tuple(map(str, self.student)),
            self.unreadable_as_zero,
        )
        participants = {}
        if self.form == "moodle-worksheet" and len(wanted.tasks) == 1:
            place = (Path(self.submitted), wanted.tasks[0].id)
            participants = moodle_feedback.participants(*place)
            ignored = moodle_feedback.misplaced(*place)
            notices += tuple(f"{student}: {origin.MISPLACED}" for student in ignored)
        missing = 0.0 if self.missing_as_zero else None
        content, more = worksheet.filled(
            self.form,
            roster.content_of(path),
            path.name,
            wanted,
            participants,
            missing,
            everybody=not self.student,
        )
        return content, (*notices, *more, *waiting(wanted))


class MoodleWorksheetExportPlugin(_Filler):
    """Fills in Moodle's grading worksheet of one assignment."""

    form = "moodle-worksheet"


class BlackboardExportPlugin(_Filler):
    """Fills in the grade center downloaded from Blackboard."""

    form = "blackboard"


class BrightspaceExportPlugin(_Filler):
    """Fills in the grades exported from Brightspace."""

    form = "brightspace"


EXPORTERS: Mapping[str, type[_Exporter]] = {
    one.form: one
    for one in (
        CanvasExportPlugin,
        MoodleExportPlugin,
        MoodleWorksheetExportPlugin,
        BlackboardExportPlugin,
        BrightspaceExportPlugin,
        PlainExportPlugin,
    )
}


def marks(book: sqlite3.Connection) -> Marks:
    """Read all marks of a gradebook: a human's score where there is one, penalties separately."""
    people = (
        Person(student, first, last, email, lms)
        for student, lms, email, first, last in sorted(identities(book))
    )
    submissions = {
        owner: SubmissionScore(
            one.score, one.penalty or 0.0, one.handed_in, one.waiting, one.unread
        )
        for owner, one in standings(book).items()
        # Without a time or a mark there is no submission yet: the row is there for an extension.
        if one.handed_in is not None or one.is_marked or one.waiting
    }
    tasks = (Task(name, points) for name, points in sorted(worth(book).items()))
    return Marks(tuple(people), tuple(tasks), submissions)


def encode(made: Sheet) -> bytes:
    """Write the rows as CSV in UTF-8, with quotes where CSV needs them."""
    out = io.StringIO()
    csv.writer(out).writerows(made.rows)
    return out.getvalue().encode()


def _check_target(target: Path, inputs: Iterable[str]) -> None:
    """Raise ExportError if ``target`` cannot be written, is no file, or is one of the inputs."""
    try:
        if not target.resolve().parent.is_dir():
            raise ExportError(
                f"there is no folder {target.resolve().parent}: make it, or name another"
            )
        if target.exists() and not target.is_file():
            raise ExportError(f"{target} is not a file; use {STDOUT} for standard output")
        for one in filter(None, inputs):
            if target.exists() and Path(one).exists() and target.samefile(one):
                raise ExportError(f"{target} is what the export reads: name another file to write")
    except OSError as error:  # a name that no file can have
        raise ExportError(f"{target} cannot be written ({error.strerror}): name another") from error
