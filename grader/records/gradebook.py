"""nbgrader's gradebook as the ledger of marks, written by this module alone, after workers die."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from grader.course.assignments import Assignment
from grader.errors import GradebookError
from grader.judge.outcome import Outcome
from grader.judge.quick import bare
from grader.later import Functions, Package, StandIn

# nbgrader itself imports its pages for the server and its converters, of which the database needs
# nothing; nor does it need what nbgrader asks a JupyterHub with, or unpacks archives and reads
# notebooks with. All of it takes longer to import than the database.
Package(StandIn("requests")).delay()
Package(StandIn("setuptools"), Functions("setuptools.archive_util")).delay()
with bare("nbgrader"), bare("nbformat"):
    from nbgrader.api import (
        Base,
        Comment,
        Grade,
        Gradebook,
        InvalidEntry,
        Student,
        SubmittedAssignment,
        SubmittedNotebook,
        new_uuid,
    )
    from nbgrader.dbutil import ALEMBIC_DIR
    from sqlalchemy import create_engine, insert, select
    from sqlalchemy.exc import DatabaseError


PATIENCE = 30.0  # seconds


@contextlib.contextmanager
def open_gradebook(path: Path, patience: float = PATIENCE) -> Iterator[Gradebook]:
    """The gradebook at ``path``, made if there is none, closed afterwards.

    ``patience`` is for how many seconds another program may hold it. GradebookError if it holds
    it for longer, and for whatever else the database says, there or in the body.
    """
    warnings.filterwarnings("ignore", module=r"nbgrader\.api|sqlalchemy")  # its autoflush remarks
    # nbgrader logs such errors with a traceback of its own before it raises them.
    log, quiet = logging.getLogger("tornado.application"), logging.CRITICAL + 1
    before = log.level
    try:
        log.setLevel(quiet)
        if not path.exists():
            _make(path)
        with Gradebook(f"sqlite:///{path}?timeout={patience:g}") as book:
            yield book
    except (DatabaseError, InvalidEntry) as error:  # nbgrader turns the one into the other
        raise GradebookError(trouble(path, error)) from error
    finally:
        log.setLevel(before)


def _make(path: Path) -> None:
    """An empty gradebook, moved into place when it is whole: it is made in more than one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        _make_tables(new)
        os.link(new, path)  # unlike a rename it never takes the place of one that is there by now
    except FileExistsError:
        return
    except OSError:  # a file system without links, or a full one: then the rename says so
        if not path.exists():
            os.rename(new, path)
    finally:
        new.unlink(missing_ok=True)


def _make_tables(path: Path) -> None:
    """As nbgrader makes them, which starts a program of Alembic's to learn their version."""
    version = newest_version(Path(ALEMBIC_DIR))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        Base.metadata.create_all(bind=connection)
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"
        )
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (version,))
    engine.dispose()
    Gradebook(f"sqlite:///{path}").close()  # adds the course


def newest_version(folder: Path) -> str:
    """The version of the tables that no other one follows, as Alembic finds it in its scripts."""
    found = re.compile(r"^(down_)?revision = ['\"](\w+)['\"]", re.M)
    texts = [path.read_text(encoding="utf-8") for path in (folder / "versions").glob("*.py")]
    pairs = [pair for text in texts for pair in found.findall(text)]
    (newest,) = {name for down, name in pairs if not down} - {name for down, name in pairs if down}
    return newest


def trouble(path: Path, error: Exception) -> str:
    """What a database's error means, and what to do."""
    said = str(getattr(error, "orig", None) or error).splitlines()[0]
    mend = "mend it and run the same command again to go on"
    if "locked" in said:
        mend = "another program holds it: close that one and run the same command again to go on"
    elif "full" in said:
        mend = "make room on the disk and run the same command again to go on"
    elif "not a database" in said or "malformed" in said or "no such table" in said:
        mend = "restore it from a backup, or move it away to begin a new one"
    return f"{path}: {said}. What was graded before is kept; {mend}"


def ensure_assignment(book: Gradebook, release: Assignment) -> None:
    """The assignment's cells as the release has them, in nbgrader's terms."""
    document = json.loads(release.path.read_bytes())
    marked = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in document["cells"]
        if "nbgrader" in cell["metadata"]
    }
    with _at_once(book):
        _write_cells(book, release.id, document["metadata"]["kernelspec"], marked)
    notebook = book.find_notebook(release.id, release.id)
    gone = [cell.name for cell in notebook.grade_cells if cell.name not in marked]
    if gone and notebook.submissions:
        raise GradebookError(
            f"the gradebook has cells of {release.id} that the course no longer has "
            f"({', '.join(sorted(gone))}): grade into a fresh --course-dir, or remove the "
            "assignment with `nbgrader db assignment remove`"
        )


@contextlib.contextmanager
def _at_once(book: Gradebook) -> Iterator[None]:
    """What nbgrader would commit in the body, call by call, is committed once, at its end."""
    session = book.db
    session.commit = session.flush
    try:
        yield
    finally:
        del session.commit
    session.commit()


def _write_cells(
    book: Gradebook, name: str, kernelspec: Mapping[str, str], marked: Mapping[str, dict]
) -> None:
    book.update_or_create_assignment(name)
    book.update_or_create_notebook(name, name, kernelspec=json.dumps(kernelspec))
    for cell_id, cell in marked.items():
        marks, kind = cell["metadata"]["nbgrader"], cell["cell_type"]
        if marks["grade"]:
            book.update_or_create_grade_cell(
                cell_id, name, name, max_score=marks["points"], cell_type=kind
            )
        if marks["solution"]:
            book.update_or_create_solution_cell(cell_id, name, name)
        book.update_or_create_source_cell(
            cell_id,
            name,
            name,
            cell_type=kind,
            source="".join(cell["source"]),
            locked=marks["locked"],
            checksum=marks["checksum"],
        )


@dataclass(frozen=True)
class Places:
    """An assignment in the gradebook: its id, and each notebook's with its cells', by name."""

    assignment: str
    notebooks: tuple[Cells, ...]


@dataclass(frozen=True)
class Cells:
    """A notebook's id, and the ids of the cells that get marks and of those that get comments."""

    notebook: str
    marked: Mapping[str, str]
    commented: Mapping[str, str]


_PLACES: WeakKeyDictionary[Gradebook, dict[str, Places]] = WeakKeyDictionary()


def _places(book: Gradebook, name: str) -> Places:
    """Looked up once for as long as the gradebook is open."""
    known = _PLACES.setdefault(book, {})
    if name not in known:
        release = book.find_assignment(name)
        known[name] = Places(
            release.id,
            tuple(
                Cells(
                    notebook.id,
                    {cell.name: cell.id for cell in (*notebook.grade_cells, *notebook.task_cells)},
                    {
                        cell.name: cell.id
                        for cell in (*notebook.solution_cells, *notebook.task_cells)
                    },
                )
                for notebook in release.notebooks
            ),
        )
    return known[name]


def record(book: Gradebook, outcome: Outcome, when: datetime.datetime | None = None) -> None:
    """Write one submission's marks, all of them or none; a human's marks are left as they are."""
    scores = {f"check_{v.exercise}": min(max(v.score, 0.0), v.max_score) for v in outcome.verdicts}
    comments = dict(_comments(outcome))
    try:
        places = _places(book, outcome.assignment)
        if _known(book, places, outcome.student):
            submission = book.find_submission(outcome.assignment, outcome.student)
            if when is not None:
                submission.timestamp = when
            for notebook in submission.notebooks:
                _record_notebook(book, notebook, scores, comments, outcome)
        else:
            _add(book, places, outcome, when, scores, comments)
        book.db.commit()
    except BaseException:
        book.db.rollback()
        raise


def _known(book: Gradebook, places: Places, student: str) -> bool:
    table = SubmittedAssignment.__table__.c
    found = select(table.id).where(
        table.assignment_id == places.assignment, table.student_id == student
    )
    return book.db.execute(found).first() is not None


def _add(
    book: Gradebook,
    places: Places,
    outcome: Outcome,
    when: datetime.datetime | None,
    scores: Mapping[str, float],
    comments: Mapping[str, str | None],
) -> None:
    """The rows that nbgrader makes for a new submission, without its objects and its four commits.

    The objects take most of the writer's time: each is loaded, watched, and sorted before it is
    written.
    """

    def add(table: Any, *rows: dict[str, Any]) -> None:
        if rows:
            book.db.execute(insert(table.__table__), list(rows))

    if book.db.get(Student, outcome.student) is None:
        add(Student, {"id": outcome.student})
    own = new_uuid()
    row = {"id": own, "assignment_id": places.assignment, "student_id": outcome.student}
    add(SubmittedAssignment, row | {"timestamp": when})
    for cells in places.notebooks:
        _all_known(scores, cells.marked, outcome)
        handed = new_uuid()
        add(
            SubmittedNotebook,
            {"id": handed, "assignment_id": own, "notebook_id": cells.notebook},
        )
        marks = {name: _mark(name, scores, outcome) for name in cells.marked}
        add(
            Grade,
            *(
                {"notebook_id": handed, "cell_id": cell}
                | {"auto_score": marks[name][0], "needs_manual_grade": marks[name][1]}
                for name, cell in cells.marked.items()
            ),
        )
        add(
            Comment,
            *(
                {"notebook_id": handed, "cell_id": cell, "auto_comment": comments.get(name)}
                for name, cell in cells.commented.items()
            ),
        )


def _mark(name: str, scores: Mapping[str, float], outcome: Outcome) -> tuple[float | None, bool]:
    """The score of a cell, if a check gives it, and whether a human has to."""
    if name in scores:
        return scores[name], False
    answered = outcome.humans.get(name, (0.0, False))[1]
    return (None if answered else 0.0), answered


def _all_known(scores: Mapping[str, float], known: Iterable[str], outcome: Outcome) -> None:
    missing = scores.keys() - set(known)
    if missing:
        raise GradebookError(
            f"the gradebook does not know {', '.join(sorted(missing))} of {outcome.assignment} for "
            f"{outcome.student}: the course has changed since this submission was first graded; "
            "grade into a fresh --course-dir"
        )


def _record_notebook(book: Gradebook, notebook, scores, comments, outcome: Outcome) -> None:
    _all_known(scores, {grade.name for grade in notebook.grades}, outcome)
    for grade in notebook.grades:
        grade.auto_score, waits = _mark(grade.name, scores, outcome)
        grade.needs_manual_grade = waits or grade.manual_score is not None
    for comment in notebook.comments:
        comment.auto_comment = comments.get(comment.name)


def _comments(outcome: Outcome) -> Iterable[tuple[str, str | None]]:
    """What nbgrader shows beside each answer: not attempted, or what was seen, as plain words."""
    for verdict in outcome.verdicts:
        if not verdict.attempted:
            yield verdict.exercise, "No response."
            continue
        failed = [check for check in verdict.checks if check.tried and not check.passed]
        lines = [f"{verdict.score:g} of {verdict.max_score:g} points."]
        for check in failed[:4]:
            known = (
                f" Matches an answer that {check.misconception.title}."
                if check.misconception
                else ""
            )
            lines.append(f"{check.name}: {check.message}.{known}")
        yield verdict.exercise, _escaped("\n\n".join(lines)) if failed else None
    for name, (_, answered) in outcome.humans.items():
        yield name, None if answered else "No response."


def _escaped(text: str) -> str:
    """Plain words stay plain where nbgrader renders comments as Markdown."""
    table = {ord(c): f"\\{c}" for c in "\\`*_{}[]()#+!|~"} | {ord("<"): "&lt;", ord("&"): "&amp;"}
    return text.translate(table)
