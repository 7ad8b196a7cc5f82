"""nbgrader's gradebook as the ledger of marks, written by this module alone, after workers die."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.judge.course import Assignment
from grader.judge.errors import GradebookError
from grader.judge.outcome import Outcome
from grader.judge.quick import bare, without

# nbgrader itself imports its pages for the server and its converters, of which the database needs
# nothing. jsonschema builds a grammar of web addresses when it is imported, which takes longer
# than all of nbgrader, and which no notebook's schema asks for.
with bare("nbgrader"), without("rfc3987_syntax"):
    from nbgrader.api import (
        Base,
        Comment,
        Grade,
        Gradebook,
        InvalidEntry,
        MissingEntry,
        Student,
        SubmittedAssignment,
        SubmittedNotebook,
    )
    from nbgrader.dbutil import ALEMBIC_DIR
    from sqlalchemy import create_engine
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
    book.update_or_create_assignment(release.id)
    book.update_or_create_notebook(
        release.id, release.id, kernelspec=json.dumps(document["metadata"]["kernelspec"])
    )
    for name, cell in marked.items():
        marks, kind = cell["metadata"]["nbgrader"], cell["cell_type"]
        if marks["grade"]:
            book.update_or_create_grade_cell(
                name, release.id, release.id, max_score=marks["points"], cell_type=kind
            )
        if marks["solution"]:
            book.update_or_create_solution_cell(name, release.id, release.id)
        book.update_or_create_source_cell(
            name,
            release.id,
            release.id,
            cell_type=kind,
            source="".join(cell["source"]),
            locked=marks["locked"],
            checksum=marks["checksum"],
        )
    notebook = book.find_notebook(release.id, release.id)
    gone = [cell.name for cell in notebook.grade_cells if cell.name not in marked]
    if gone and notebook.submissions:
        raise GradebookError(
            f"the gradebook has cells of {release.id} that the course no longer has "
            f"({', '.join(sorted(gone))}): grade into a fresh --course-dir, or remove the "
            "assignment with `nbgrader db assignment remove`"
        )


def record(book: Gradebook, outcome: Outcome, when: datetime.datetime | None = None) -> None:
    """Write one submission's marks, all of them or none; a human's marks are left as they are."""
    scores = {f"check_{v.exercise}": min(max(v.score, 0.0), v.max_score) for v in outcome.verdicts}
    comments = dict(_comments(outcome))
    try:
        submission = _submission(book, outcome)
        if when is not None:
            submission.timestamp = when
        for notebook in submission.notebooks:
            _record_notebook(book, notebook, scores, comments, outcome)
        book.db.commit()
    except BaseException:
        book.db.rollback()
        raise


def _submission(book: Gradebook, outcome: Outcome) -> SubmittedAssignment:
    """The student's submission, made as nbgrader makes one, but for its four commits on the way."""
    try:
        return book.find_submission(outcome.assignment, outcome.student)
    except MissingEntry:
        student = book.db.get(Student, outcome.student) or Student(id=outcome.student)
        release = book.find_assignment(outcome.assignment)
    with book.db.no_autoflush:  # half made, it is not to be written
        submission = SubmittedAssignment(assignment=release, student=student)
        for notebook in release.notebooks:
            handed_in = SubmittedNotebook(notebook=notebook, assignment=submission)
            for cell in [*notebook.grade_cells, *notebook.task_cells]:
                Grade(cell_id=cell.id, cell=cell, notebook=handed_in)
            for cell in [*notebook.solution_cells, *notebook.task_cells]:
                Comment(cell_id=cell.id, cell=cell, notebook=handed_in)
        book.db.add(submission)  # with all of it, now that it is whole
    return submission


def _record_notebook(book: Gradebook, notebook, scores, comments, outcome: Outcome) -> None:
    have = {grade.name for grade in notebook.grades}
    missing = scores.keys() - have
    if missing:
        raise GradebookError(
            f"the gradebook does not know {', '.join(sorted(missing))} of {outcome.assignment} for "
            f"{outcome.student}: the course has changed since this submission was first graded; "
            "grade into a fresh --course-dir"
        )
    for grade in notebook.grades:
        if grade.name in scores:
            grade.auto_score = scores[grade.name]
            grade.needs_manual_grade = grade.manual_score is not None
        else:
            answered = outcome.humans.get(grade.name, (0.0, False))[1]
            grade.auto_score = None if answered else 0.0
            grade.needs_manual_grade = answered or grade.manual_score is not None
    for comment in notebook.comments:
        comment.auto_comment = comments.get(comment.name)


def _comments(outcome: Outcome) -> Iterable[tuple[str, str | None]]:
    """What nbgrader shows beside each answer: not attempted, or what was seen, as plain words."""
    for verdict in outcome.verdicts:
        if not verdict.attempted:
            yield verdict.exercise, "No response."
            continue
        failed = [check for check in verdict.checks if not check.passed]
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
