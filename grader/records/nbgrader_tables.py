"""Read and write nbgrader's tables by SQL. No other module contains SQL for them.

The statements fit only the tables of nbgrader 0.9 (revision ``SCHEMA``): the revision of a
gradebook is checked whenever it is opened. They write the rows that nbgrader's own ``Gradebook``
would write (tests/records/test_gradebook.py compares them). The reason for SQL is time: importing
nbgrader's database layer takes seconds, and its objects would take most of the writer's time for
each submission.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import GradebookError

NBGRADER = "0.9"
SCHEMA = "e43177bfe90b"  # Alembic's name for the newest revision of that version's tables
COURSE = "default_course"  # nbgrader's name for a course without a name
PATIENCE = 30.0  # seconds to wait for another program that has locked the gradebook
TABLES = Path(__file__).with_name("nbgrader_tables.sql")

Columns = Mapping[str, Any]
_EPOCH = datetime.datetime(1970, 1, 1)  # SQLAlchemy stores an Interval as a time after this


@contextlib.contextmanager
def open_gradebook(path: Path, patience: float = PATIENCE) -> Iterator[sqlite3.Connection]:
    """Open the gradebook at ``path``, creating it if there is none, and close it afterwards.

    GradebookError if its tables are of another nbgrader, if another program locks the file for more
    than ``patience`` seconds, and for every other database error, also in the ``with`` body.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _clear_errors(path):
        # isolation_level=None: transactions begin and end where at_once says, and nowhere else.
        book = sqlite3.connect(path, timeout=patience, isolation_level=None)
        with contextlib.closing(book):
            if not _has_tables(book):
                _make_tables(book)
            _check_schema(book, path)
            yield book


@contextlib.contextmanager
def read_gradebook(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the gradebook at ``path`` for reading; None if it does not exist or has no tables."""
    if not path.exists():
        yield None
        return
    with _clear_errors(path), contextlib.closing(sqlite3.connect(path, timeout=PATIENCE)) as book:
        if not _has_tables(book):
            yield None
            return
        _check_schema(book, path)
        yield book


@contextlib.contextmanager
def at_once(book: sqlite3.Connection) -> Iterator[None]:
    """Run the body in one transaction: either all of its writes happen or none."""
    # IMMEDIATE takes the lock now, so that nothing the body reads changes before it ends.
    book.execute("BEGIN IMMEDIATE")
    try:
        yield
        book.execute("COMMIT")
    except BaseException:
        if book.in_transaction:
            book.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise GradebookError(trouble(path, error)) from error


def trouble(path: Path, error: Exception) -> str:
    """Say in one line what a database error means, and what to do."""
    message = str(getattr(error, "orig", None) or error).splitlines()[0]
    remedy = "fix it and run the same command again to go on"
    if "locked" in message:
        remedy = "another program holds it: close that one and run the same command again to go on"
    elif "full" in message:
        remedy = "make room on the disk and run the same command again to go on"
    elif any(word in message for word in ("not a database", "malformed", "no such table")):
        remedy = "restore it from a backup, or move it away to begin a new one"
    return f"{path}: {message}. What was graded before is kept; {remedy}"


# -- the tables themselves -------------------------------------------------------------------------


def _has_tables(book: sqlite3.Connection) -> bool:
    return book.execute("SELECT 1 FROM sqlite_master WHERE type = 'table'").fetchone() is not None


def _make_tables(book: sqlite3.Connection) -> None:
    installed = importlib.metadata.version("nbgrader")
    if not f"{installed}.".startswith(f"{NBGRADER}."):
        raise GradebookError(
            f"nbgrader {installed} is installed, and this grader makes the tables of nbgrader "
            f"{NBGRADER}: install the version that pyproject.toml names"
        )
    with at_once(book):
        if _has_tables(book):  # another program made them since we looked
            return
        for statement in TABLES.read_text(encoding="utf-8").split(";"):
            book.execute(statement)
        _insert(book, "alembic_version", {"version_num": SCHEMA})
        _insert(book, "course", {"id": COURSE})


def _check_schema(book: sqlite3.Connection, path: Path) -> None:
    found = book.execute("SELECT version_num FROM alembic_version").fetchone()
    if found != (SCHEMA,):
        revision = found[0] if found else "unknown"
        raise GradebookError(
            f"{path}: its tables are of revision {revision}, and this grader writes those of "
            f"nbgrader {NBGRADER}, {SCHEMA}. What was graded before is kept; install that nbgrader "
            "and run `nbgrader db upgrade` there, or grade into a fresh --course-dir"
        )


# -- writing ---------------------------------------------------------------------------------------


def _new_id() -> str:
    return uuid.uuid4().hex  # the form of nbgrader's own ids


def _insert(book: sqlite3.Connection, table: str, *rows: Columns) -> None:
    if rows:
        names = ", ".join(rows[0])
        places = ", ".join(f":{name}" for name in rows[0])
        book.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)


def _put(book: sqlite3.Connection, table: str, key: Columns, values: Columns) -> str:
    """Insert the row with this key, or update it; return its id."""
    where = " AND ".join(f"{name} = :{name}" for name in key)
    found = book.execute(f"SELECT id FROM {table} WHERE {where}", key).fetchone()
    if found is None:
        new = _new_id()
        _insert(book, table, {"id": new, **key, **values})
        return new
    if values:
        changes = ", ".join(f"{name} = :{name}" for name in values)
        book.execute(f"UPDATE {table} SET {changes} WHERE id = :id", {"id": found[0], **values})
    return found[0]


def put_notebook(book: sqlite3.Connection, name: str, kernelspec: str) -> str:
    """Enter an assignment and its notebook of the same name; return the notebook's id."""
    book.execute("INSERT OR IGNORE INTO course (id) VALUES (?)", (COURSE,))
    found = book.execute("SELECT id FROM assignment WHERE name = ?", (name,)).fetchone()
    assignment = found[0] if found else _new_id()
    if not found:
        _insert(book, "assignment", {"id": assignment, "name": name, "course_id": COURSE})
    key = {"name": name, "assignment_id": assignment}
    return _put(book, "notebook", key, {"kernelspec": kernelspec})


def put_grade_cell(book: sqlite3.Connection, notebook: str, name: str, values: Columns) -> None:
    """Enter a cell that gives points; ``values``: max_score and cell_type."""
    cell = _put_base_cell(book, notebook, name, "GradeCell")
    book.execute(
        "INSERT INTO grade_cells (id, max_score, cell_type) VALUES (:id, :max_score, :cell_type) "
        "ON CONFLICT (id) DO UPDATE SET max_score = :max_score, cell_type = :cell_type",
        {"id": cell, **values},
    )


def put_solution_cell(book: sqlite3.Connection, notebook: str, name: str) -> None:
    """Enter a cell that students write in."""
    cell = _put_base_cell(book, notebook, name, "SolutionCell")
    book.execute("INSERT OR IGNORE INTO solution_cells (id) VALUES (?)", (cell,))


def put_source_cell(book: sqlite3.Connection, notebook: str, name: str, values: Columns) -> None:
    """Enter a cell as it was released; ``values``: cell_type, source, locked and checksum."""
    _put(book, "source_cell", {"name": name, "notebook_id": notebook}, values)


def _put_base_cell(book: sqlite3.Connection, notebook: str, name: str, kind: str) -> str:
    return _put(book, "base_cell", {"name": name, "notebook_id": notebook, "type": kind}, {})


def grade_cells(book: sqlite3.Connection, notebook: str) -> list[str]:
    """Return the names of a notebook's cells that give points."""
    found = book.execute(
        "SELECT name FROM base_cell WHERE notebook_id = ? AND type = 'GradeCell'", (notebook,)
    )
    return [name for (name,) in found]


def was_handed_in(book: sqlite3.Connection, notebook: str) -> bool:
    """Tell whether there is a submission of this notebook."""
    found = book.execute("SELECT 1 FROM submitted_notebook WHERE notebook_id = ?", (notebook,))
    return found.fetchone() is not None


@dataclass(frozen=True)
class SubmittedNotebook:
    """A submitted notebook's id, and the ids of its grades and comments by cell name."""

    id: str
    grades: Mapping[str, str]
    comments: Mapping[str, str]


def put_submission(
    book: sqlite3.Connection, assignment: str, student: str, when: datetime.datetime | None
) -> list[SubmittedNotebook]:
    """Enter a submission, with a row for each cell if it is new; return its notebooks."""
    row = book.execute("SELECT id FROM assignment WHERE name = ?", (assignment,)).fetchone()
    if row is None:
        raise GradebookError(
            f"the gradebook no longer has the assignment {assignment}: another program has removed "
            "it; run the same command again to enter it anew"
        )
    (assignment_id,) = row
    book.execute("INSERT OR IGNORE INTO student (id) VALUES (?)", (student,))
    key = {"assignment_id": assignment_id, "student_id": student}
    values = {} if when is None else {"timestamp": _as_text(when)}
    submission = _put(book, "submitted_assignment", key, values)
    of_submission = "SELECT id FROM submitted_notebook WHERE assignment_id = ?"
    if book.execute(of_submission, (submission,)).fetchone() is None:
        of_release = "SELECT id FROM notebook WHERE assignment_id = ?"
        for (notebook,) in book.execute(of_release, (assignment_id,)).fetchall():
            _add_notebook(book, submission, notebook)
    return [
        SubmittedNotebook(own, _by_cell(book, "grade", own), _by_cell(book, "comment", own))
        for (own,) in book.execute(of_submission, (submission,)).fetchall()
    ]


def _as_text(when: datetime.datetime) -> str:
    """Format a time as SQLAlchemy does for SQLite; %Y would not pad a year before 1000."""
    return f"{when.year:04}-{when:%m-%d %H:%M:%S.%f}"


def _add_notebook(book: sqlite3.Connection, submission: str, notebook: str) -> None:
    """Enter a grade for each cell with points, and a comment for each that students write in."""
    own = _new_id()
    row = {"id": own, "assignment_id": submission, "notebook_id": notebook, "flagged": False}
    _insert(book, "submitted_notebook", row)
    cells = book.execute(
        "SELECT id, type FROM base_cell WHERE notebook_id = ?", (notebook,)
    ).fetchall()
    for table, kinds, more in (
        ("grade", ("GradeCell", "TaskCell"), {"needs_manual_grade": False}),
        ("comment", ("SolutionCell", "TaskCell"), {}),
    ):
        rows = (
            {"id": _new_id(), "notebook_id": own, "cell_id": cell, **more}
            for cell, kind in cells
            if kind in kinds
        )
        _insert(book, table, *rows)


def _by_cell(book: sqlite3.Connection, table: str, notebook: str) -> dict[str, str]:
    return dict(
        book.execute(
            f"SELECT base_cell.name, {table}.id FROM {table} "
            f"JOIN base_cell ON base_cell.id = {table}.cell_id WHERE {table}.notebook_id = ?",
            (notebook,),
        ).fetchall()
    )


def set_grades(book: sqlite3.Connection, rows: Iterable[tuple[float | None, bool, str]]) -> None:
    """Write grades; each of ``rows`` is (automatic score, needs a human's mark, the row's id).

    A human's points are kept, but the cell is flagged as needing a mark, so that Formgrader shows
    that the answer may have changed since the points were given.
    """
    book.executemany(
        "UPDATE grade SET auto_score = ?, "
        "needs_manual_grade = ? OR manual_score IS NOT NULL WHERE id = ?",
        rows,
    )


# Our own table, made when first needed: which text of a written answer a person's points are for,
# and what an earlier text got. nbgrader leaves tables alone that it does not know.
_ANSWERS = """
CREATE TABLE IF NOT EXISTS grader_answer (
    grade_id VARCHAR(32) NOT NULL PRIMARY KEY, text VARCHAR(64) NOT NULL,
    earlier_score FLOAT, earlier_comment TEXT
)
"""


@dataclass(frozen=True)
class Earlier:
    """A person's points for an earlier text of an answer, or None, and the comment."""

    score: float | None
    comment: str | None


@dataclass(frozen=True)
class Answer:
    """Whether a person has graded this text of a written answer, and what an earlier text got."""

    graded: bool
    earlier: Earlier | None = None
    withdrawn: bool = False  # just now, because the text has changed


def put_answer(book: sqlite3.Connection, grade: str, comment: str, text: str) -> Answer:
    """Enter the hash ``text`` of an answer; ``grade`` and ``comment`` are the ids of its rows.

    Points and a comment given for another text are kept as those of an earlier text, and no longer
    count. If it is not known which text they were given for, they are left as they are.
    """
    book.execute(_ANSWERS)
    score, extra = book.execute(
        "SELECT manual_score, extra_credit FROM grade WHERE id = ?", (grade,)
    ).fetchone()
    (words,) = book.execute(
        "SELECT manual_comment FROM comment WHERE id = ?", (comment,)
    ).fetchone()
    given = score is not None or bool(extra) or bool((words or "").strip())
    known = book.execute(
        "SELECT text, earlier_score, earlier_comment FROM grader_answer WHERE grade_id = ?",
        (grade,),
    ).fetchone()
    earlier = Earlier(*known[1:]) if known and known[1:] != (None, None) else None
    withdrawn = given and known is not None and known[0] != text
    if withdrawn:
        points = None if score is None and not extra else (score or 0.0) + (extra or 0.0)
        earlier = Earlier(points, words or None)
        book.execute(
            "UPDATE grade SET manual_score = NULL, extra_credit = NULL WHERE id = ?", (grade,)
        )
        book.execute("UPDATE comment SET manual_comment = NULL WHERE id = ?", (comment,))
    elif score is not None:
        earlier = None  # this text now has its own points
    last = earlier or Earlier(None, None)
    book.execute(
        "INSERT OR REPLACE INTO grader_answer VALUES (?, ?, ?, ?)",
        (grade, text, last.score, last.comment),
    )
    return Answer(score is not None and not withdrawn, earlier, withdrawn)


def set_written_grades(
    book: sqlite3.Connection, rows: Iterable[tuple[float | None, bool, str]]
) -> None:
    """Write grades of written answers; ``rows`` has the form that :func:`set_grades` takes."""
    book.executemany(
        "UPDATE grade SET auto_score = ?, needs_manual_grade = ? WHERE id = ?",
        rows,
    )


def set_comments(book: sqlite3.Connection, rows: Iterable[tuple[str | None, str]]) -> None:
    """Write comments; each of ``rows`` is (automatic comment, the row's id)."""
    book.executemany("UPDATE comment SET auto_comment = ? WHERE id = ?", rows)


def set_penalty(
    book: sqlite3.Connection, assignment: str, student: str, points: float | None
) -> None:
    """Enter the points taken off a submission for lateness, or remove the penalty (None)."""
    book.execute(
        "UPDATE submitted_notebook SET late_submission_penalty = ? WHERE assignment_id IN "
        "(SELECT submitted_assignment.id FROM submitted_assignment "
        "JOIN assignment ON assignment.id = submitted_assignment.assignment_id "
        "WHERE assignment.name = ? AND submitted_assignment.student_id = ?)",
        (points, assignment, student),
    )


def set_timestamp(
    book: sqlite3.Connection, assignment: str, student: str, when: datetime.datetime
) -> None:
    """Correct the time at which a submission was handed in (UTC)."""
    book.execute(
        "UPDATE submitted_assignment SET timestamp = ? WHERE student_id = ? AND assignment_id = "
        "(SELECT id FROM assignment WHERE name = ?)",
        (_as_text(when), student, assignment),
    )


def set_due(book: sqlite3.Connection, assignment: str, due: datetime.datetime | None) -> None:
    """Enter when an assignment is due (UTC); None means never."""
    text = None if due is None else _as_text(due)
    book.execute("UPDATE assignment SET duedate = ? WHERE name = ?", (text, assignment))


def set_extension(
    book: sqlite3.Connection, assignment: str, student: str, span: datetime.timedelta | None
) -> None:
    """Give a student more time, whether or not anything was handed in; None takes it back."""
    with at_once(book):
        put_submission(book, assignment, student, None)
        book.execute(
            "UPDATE submitted_assignment SET extension = ? WHERE student_id = ? AND "
            "assignment_id = (SELECT id FROM assignment WHERE name = ?)",
            (None if span is None else _as_text(_EPOCH + span), student, assignment),
        )


# -- reading ---------------------------------------------------------------------------------------

_SELECT_OWNER = "SELECT submitted_assignment.student_id, assignment.name"
_JOIN_SUBMISSION = """
JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
JOIN assignment ON assignment.id = submitted_assignment.assignment_id
"""
_JOIN_CELL = """
JOIN base_cell ON base_cell.id = {0}.cell_id
JOIN submitted_notebook ON submitted_notebook.id = {0}.notebook_id
"""
_JOIN_POINTS = """
LEFT JOIN grade_cells ON grade_cells.id = {0}
LEFT JOIN task_cells ON task_cells.id = {0}
"""


def manual_scores(book: sqlite3.Connection) -> Iterable[tuple[str, str, str, float | None, float]]:
    """Return (student, assignment, cell, score, extra credit) wherever a person gave points."""
    return book.execute(
        f"{_SELECT_OWNER}, base_cell.name, grade.manual_score, coalesce(grade.extra_credit, 0.0) "
        f"FROM grade {_JOIN_CELL.format('grade')} {_JOIN_SUBMISSION} "
        "WHERE grade.manual_score IS NOT NULL OR coalesce(grade.extra_credit, 0.0) != 0.0"
    )


def manual_comments(book: sqlite3.Connection) -> Iterable[tuple[str, str, str, str]]:
    """Return (student, assignment, cell, comment) wherever a person wrote a comment."""
    return book.execute(
        f"{_SELECT_OWNER}, base_cell.name, comment.manual_comment "
        f"FROM comment {_JOIN_CELL.format('comment')} {_JOIN_SUBMISSION} "
        "WHERE trim(coalesce(comment.manual_comment, '')) != ''"
    )


@dataclass(frozen=True)
class Timing:
    """The facts from which a late penalty is computed; all times are in UTC.

    ``score`` is nbgrader's: a person's points, where given, replace the automatic ones. ``penalty``
    is what the gradebook has now.
    """

    handed_in: datetime.datetime | None
    due: datetime.datetime | None
    extension: datetime.timedelta
    score: float
    penalty: float | None

    @property
    def seconds_late(self) -> float:
        """How late it is; 0 if it is in time or if a time is unknown."""
        if self.handed_in is None or self.due is None:
            return 0.0
        return max(0.0, (self.handed_in - self.due - self.extension).total_seconds())


@dataclass(frozen=True)
class Standing(Timing):
    """The state of a submission: also who gave its points, and whether it waits for a person's.

    ``unread``: every cell waits, as after a file could not be read.
    """

    max_score: float
    is_marked: bool
    by_person: bool
    waiting: bool
    unread: bool


def standings(
    book: sqlite3.Connection, assignment: str | None = None, student: str | None = None
) -> dict[tuple[str, str], Standing]:
    """Return the standing of each submission that fits, by (student, assignment)."""
    rows = book.execute(
        f"{_SELECT_OWNER}, submitted_assignment.timestamp, assignment.duedate, "
        "submitted_assignment.extension, "
        "total(CASE "  # as nbgrader's Grade.score
        "WHEN manual_score IS NOT NULL THEN manual_score + coalesce(extra_credit, 0.0) "
        "WHEN auto_score IS NOT NULL THEN auto_score + coalesce(extra_credit, 0.0) END), "
        "max(costs.points), total(coalesce(grade_cells.max_score, task_cells.max_score)), "
        "count(auto_score) + count(manual_score), "
        "count(manual_score) + total(coalesce(extra_credit, 0.0) != 0.0), "
        "max(needs_manual_grade), min(needs_manual_grade) AND count(manual_score) = 0 "
        "FROM submitted_assignment "
        "JOIN assignment ON assignment.id = submitted_assignment.assignment_id "
        "LEFT JOIN submitted_notebook "
        "ON submitted_notebook.assignment_id = submitted_assignment.id "
        "LEFT JOIN grade ON grade.notebook_id = submitted_notebook.id "
        f"{_JOIN_POINTS.format('grade.cell_id')} "
        "LEFT JOIN (SELECT assignment_id, sum(late_submission_penalty) AS points "
        "FROM submitted_notebook GROUP BY assignment_id) AS costs "
        "ON costs.assignment_id = submitted_assignment.id "
        "WHERE assignment.name = coalesce(?, assignment.name) "
        "AND submitted_assignment.student_id = coalesce(?, submitted_assignment.student_id) "
        "GROUP BY submitted_assignment.id",
        (assignment, student),
    )
    return {
        (owner, name): Standing(
            _when(handed_in),
            _when(due),
            (_when(extension) or _EPOCH) - _EPOCH,
            score,
            penalty,
            most,
            *map(bool, facts),
        )
        for owner, name, handed_in, due, extension, score, penalty, most, *facts in rows
    }


def worth(book: sqlite3.Connection) -> dict[str, float]:
    """Return the maximum points of each assignment, by name."""
    return dict(
        book.execute(
            "SELECT assignment.name, total(coalesce(grade_cells.max_score, task_cells.max_score)) "
            "FROM assignment LEFT JOIN notebook ON notebook.assignment_id = assignment.id "
            "LEFT JOIN base_cell ON base_cell.notebook_id = notebook.id "
            f"{_JOIN_POINTS.format('base_cell.id')} GROUP BY assignment.id"
        ).fetchall()
    )


def due_dates(book: sqlite3.Connection) -> dict[str, datetime.datetime | None]:
    """Return when each assignment is due (UTC), by name."""
    rows = book.execute("SELECT name, duedate FROM assignment").fetchall()
    return {name: _when(due) for name, due in rows}


def put_student(book: sqlite3.Connection, student: str, first: str, last: str, email: str) -> None:
    """Enter a student; if already there, overwrite only what is not empty here."""
    book.execute("INSERT OR IGNORE INTO student (id) VALUES (?)", (student,))
    book.execute(
        "UPDATE student SET first_name = coalesce(nullif(?, ''), first_name), "
        "last_name = coalesce(nullif(?, ''), last_name), email = coalesce(nullif(?, ''), email) "
        "WHERE id = ?",
        (first, last, email, student),
    )


def students(book: sqlite3.Connection) -> set[str]:
    """Return the ids of all students."""
    return {student for (student,) in book.execute("SELECT id FROM student")}


def _when(text: str | None) -> datetime.datetime | None:
    """Parse a time in the form in which SQLAlchemy stores it."""
    return None if text is None else datetime.datetime.fromisoformat(text)


def earlier_scores(book: sqlite3.Connection) -> Iterable[tuple[str, str, str, float]]:
    """Return (student, assignment, cell, points) of earlier texts, for answers that wait."""
    table = "SELECT 1 FROM sqlite_master WHERE name = 'grader_answer'"
    if book.execute(table).fetchone() is None:
        return ()
    return book.execute(
        f"{_SELECT_OWNER}, base_cell.name, grader_answer.earlier_score "
        "FROM grader_answer JOIN grade ON grade.id = grader_answer.grade_id "
        f"{_JOIN_CELL.format('grade')} {_JOIN_SUBMISSION} "
        "WHERE grader_answer.earlier_score IS NOT NULL AND grade.manual_score IS NULL"
    )


def penalties(book: sqlite3.Connection) -> Iterable[tuple[str, str, float]]:
    """Return (student, assignment, points) wherever points are taken off for lateness."""
    return book.execute(
        f"{_SELECT_OWNER}, sum(submitted_notebook.late_submission_penalty) "
        f"FROM submitted_notebook {_JOIN_SUBMISSION} "
        "WHERE submitted_notebook.late_submission_penalty > 0.0 GROUP BY submitted_assignment.id"
    )


@dataclass(frozen=True)
class GradeRow:
    """One cell's marks of one submission. ``cell`` is empty if the submission has no marks."""

    student: str
    assignment: str
    cell: str
    auto: float | None
    max_score: float
    student_is_known: bool


def all_grades(book: sqlite3.Connection) -> Iterator[GradeRow]:
    """Yield every mark of every submission, including those of deleted students."""
    rows = book.execute(
        f"{_SELECT_OWNER}, coalesce(base_cell.name, ''), grade.auto_score, "
        "coalesce(grade_cells.max_score, task_cells.max_score, 0.0), student.id IS NOT NULL "
        "FROM submitted_assignment "
        "JOIN assignment ON assignment.id = submitted_assignment.assignment_id "
        "LEFT JOIN student ON student.id = submitted_assignment.student_id "
        "LEFT JOIN submitted_notebook "
        "ON submitted_notebook.assignment_id = submitted_assignment.id "
        "LEFT JOIN grade ON grade.notebook_id = submitted_notebook.id "
        f"LEFT JOIN base_cell ON base_cell.id = grade.cell_id {_JOIN_POINTS.format('base_cell.id')}"
    )
    for student, assignment, cell, auto, most, known in rows:
        yield GradeRow(student, assignment, cell, auto, most, bool(known))


def identities(book: sqlite3.Connection) -> Iterable[tuple[str, str, str, str, str]]:
    """Return (student, LMS id, e-mail address, first name, last name) of all; "" for unknown."""
    return book.execute(
        "SELECT id, coalesce(lms_user_id, ''), coalesce(email, ''), coalesce(first_name, ''), "
        "coalesce(last_name, '') FROM student"
    )
