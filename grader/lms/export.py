"""Exporters for nbgrader that write the gradebook as a CSV file for Canvas, Moodle or others.

In a course folder ``nbgrader export --exporter=grader.lms.export.CanvasExportPlugin`` runs one. Two
options are our own: ``--CanvasExportPlugin.students=FILE`` and
``--CanvasExportPlugin.missing_as_zero=True``. ``python -m grader export`` runs the same classes.
:mod:`grader.lms.sheets` says which columns a file has, and why.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import ClassVar

from nbgrader.api import Grade, Gradebook, SubmittedAssignment, SubmittedNotebook
from nbgrader.plugins import ExportPlugin
from sqlalchemy import func, select
from traitlets import Bool, Unicode

from grader import files
from grader.errors import ExportError
from grader.lms import roster
from grader.lms.sheets import Marks, Person, Sheet, SubmissionScore, Task, sheet

STDOUT = "-"


class _Exporter(ExportPlugin):
    """What the three exporters share; they differ in ``form``."""

    form: ClassVar[str]

    students = Unicode(
        "", help="a CSV file of the LMS with its columns for each student; see the course's README"
    ).tag(config=True)
    missing_as_zero = Bool(False, help="0 instead of an empty cell for what was not handed in").tag(
        config=True
    )

    def export(self, gradebook: Gradebook) -> None:
        """Called by nbgrader: write the file and log the notices; exit with 2 if it fails."""
        try:
            notices = self.write(gradebook)
        except ExportError as error:
            self.log.error("%s", error)
            raise SystemExit(2) from None
        for notice in notices:
            self.log.warning("%s", notice)

    def write(self, gradebook: Gradebook) -> tuple[str, ...]:
        """Write the file, and return notices for the user. ExportError if it cannot be written."""
        target = self.to or "grades.csv"  # nbgrader's default
        if target != STDOUT:
            _check_target(Path(target), (self.students, gradebook.engine.url.database or ""))
        made = sheet(
            self.form,
            marks(gradebook),
            roster=read_roster(Path(self.students)) if self.students else None,
            assignments=[str(one) for one in self.assignment],
            students=[str(one) for one in self.student],
            missing_as_zero=self.missing_as_zero,
        )
        content = encode(made)
        if target == STDOUT:
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
            return made.notices
        try:
            files.write(Path(target).resolve(), content)
        except OSError as error:
            raise ExportError(
                f"{target} cannot be written ({error.strerror}): name another"
            ) from error
        return made.notices


class CanvasExportPlugin(_Exporter):
    """A file for Canvas: Gradebook, Import."""

    form = "canvas"


class MoodleExportPlugin(_Exporter):
    """A file for Moodle: Grades, Import, CSV file."""

    form = "moodle"


class PlainExportPlugin(_Exporter):
    """A plain table: a line for each student and assignment."""

    form = "csv"


EXPORTERS: Mapping[str, type[_Exporter]] = {
    one.form: one for one in (CanvasExportPlugin, MoodleExportPlugin, PlainExportPlugin)
}


def marks(book: Gradebook) -> Marks:
    """All marks of a gradebook: a human's score where there is one, penalties kept apart."""
    assignments = list(book.assignments)
    names = {one.id: one.name for one in assignments}
    # One query for all submissions: nbgrader's own properties make several for each of them.
    scores = (
        select(
            SubmittedAssignment.student_id,
            SubmittedAssignment.assignment_id,
            SubmittedAssignment.id,
            SubmittedAssignment.timestamp,
            func.coalesce(func.sum(Grade.score), 0.0),
            func.coalesce(func.max(Grade.needs_manual_grade), False),
            func.count(Grade.auto_score) + func.count(Grade.manual_score),
        )
        .outerjoin(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .outerjoin(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .group_by(SubmittedAssignment.id)
    )
    late = select(
        SubmittedNotebook.assignment_id,
        func.coalesce(func.sum(SubmittedNotebook.late_submission_penalty), 0.0),
    ).group_by(SubmittedNotebook.assignment_id)
    penalties = {one: float(penalty) for one, penalty in book.db.execute(late)}
    submissions = {
        (student, names[assignment]): SubmissionScore(
            float(score), penalties.get(submission, 0.0), timestamp, bool(needs_mark)
        )
        for student, assignment, submission, timestamp, score, needs_mark, count in book.db.execute(
            scores
        )
        # Without a time and a mark it is no submission: an extension was given before there is one.
        if timestamp is not None or count or needs_mark
    }
    people = [
        Person(
            one.id,
            one.first_name or "",
            one.last_name or "",
            one.email or "",
            one.lms_user_id or "",
        )
        for one in book.students
    ]
    tasks = [Task(one.name, float(one.max_score)) for one in assignments]
    return Marks(
        tuple(sorted(people, key=lambda one: one.id)),
        tuple(sorted(tasks, key=lambda one: one.id)),
        submissions,
    )


def read_roster(path: Path) -> roster.Roster:
    """Read the LMS's list of students from a file."""
    return roster.read(roster.text_of(path), path.name)


def encode(made: Sheet) -> bytes:
    """The rows as CSV in UTF-8, with quotes where CSV needs them."""
    out = io.StringIO()
    csv.writer(out).writerows(made.rows)
    return out.getvalue().encode()


def _check_target(target: Path, inputs: Iterable[str]) -> None:
    """ExportError if writing would overwrite an input, or what is not a file."""
    try:
        if not target.resolve().parent.is_dir():
            raise ExportError(
                f"there is no folder {target.resolve().parent}: make it, or name another"
            )
        if target.exists() and not target.is_file():
            raise ExportError(f"{target} is no file; {STDOUT} is the standard output")
        for one in filter(None, inputs):
            if target.exists() and Path(one).exists() and target.samefile(one):
                raise ExportError(f"{target} is what the export reads: name another file to write")
    except OSError as error:  # a name that no file can have
        raise ExportError(f"{target} cannot be written ({error.strerror}): name another") from error
