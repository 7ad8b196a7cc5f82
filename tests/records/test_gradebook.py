"""The gradebook when something is wrong with it: said in a line, with the mend."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from nbgrader.api import Gradebook
from nbgrader.dbutil import ALEMBIC_DIR

from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import LESSONS, assignment_id
from grader.errors import GradebookError
from grader.judge.run import Submission, rejected
from grader.records.gradebook import ensure_assignment, newest_version, open_gradebook, record


def tables_of(path: Path) -> set[tuple]:
    with sqlite3.connect(path) as database:
        made = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
        courses = database.execute("SELECT id FROM course").fetchall()
    return {*made, *versions, *courses}


def test_a_new_gradebook_is_whole_and_an_old_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a new folder" / "gradebook.db"
    with open_gradebook(path) as book:
        book.add_student("ada")
    with open_gradebook(path) as book:
        assert [student.id for student in book.students] == ["ada"]
    assert [file.name for file in path.parent.iterdir()] == ["gradebook.db"]


def test_the_version_of_its_tables_is_the_one_that_alembic_finds() -> None:
    assert newest_version(Path(ALEMBIC_DIR)) == ScriptDirectory(ALEMBIC_DIR).get_current_head()


def test_the_database_is_loaded_without_nbgraders_pages_and_nbgrader_can_be_loaded_after() -> None:
    code = (
        "import sys, grader.records.gradebook as ours\n"
        "assert 'nbgrader' not in sys.modules and 'nbgrader.server_extensions' not in sys.modules\n"
        "import nbgrader, nbgrader.apps\n"
        "from nbgrader import api\n"
        "assert nbgrader.__version__ and api.Gradebook is ours.Gradebook\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_new_gradebook_is_the_one_that_nbgrader_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_gradebook(tmp_path / "ours.db"):
        pass
    # nbgrader runs a program for the version of its tables.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    Gradebook(f"sqlite:///{tmp_path / 'theirs.db'}").close()
    assert tables_of(tmp_path / "ours.db") == tables_of(tmp_path / "theirs.db")


def test_what_takes_longest_to_import_is_left_out() -> None:
    code = (
        "import sys, grader.records.gradebook, grader.lms.export;"
        "print('jsonschema' in sys.modules, 'rfc3987_syntax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_a_submission_is_recorded_in_the_rows_that_nbgrader_makes(tmp_path: Path) -> None:
    release = assignment(assignment_id(LESSONS[0]))
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, release)
        record(book, rejected(Submission("ours", release.id, b""), release, "for a reason"))
        book.add_student("theirs")
        book.add_submission(release.id, "theirs")
        ours, theirs = (
            book.find_submission(release.id, student).notebooks[0] for student in ("ours", "theirs")
        )
        assert ours.name == theirs.name
        assert sorted(grade.name for grade in ours.grades) == sorted(
            grade.name for grade in theirs.grades
        )
        assert sorted(comment.name for comment in ours.comments) == sorted(
            comment.name for comment in theirs.comments
        )


def test_a_gradebook_held_by_another_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    with open_gradebook(path):
        pass
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    named = pytest.raises(GradebookError, match=r"gradebook\.db: .* locked.*close that one")
    with named, open_gradebook(path, patience=0.1) as book:
        ensure_assignment(book, assignment(assignment_id(LESSONS[0])))
    other.close()


def test_a_gradebook_on_a_full_disk_is_named(tmp_path: Path) -> None:
    """The pages that it may have are bounded: to SQLite that is a disk without room."""
    named = pytest.raises(GradebookError, match="full.*make room")
    with named, open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, assignment(assignment_id(LESSONS[0])))
        connection = book.db.connection()
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        for number in range(2000):
            book.update_or_create_student(f"student-{number}")
            book.update_or_create_submission(assignment_id(LESSONS[0]), f"student-{number}")


@pytest.mark.parametrize("command", ["grade", "verify"])
def test_what_is_no_gradebook_is_no_traceback(command: str, tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").write_text("marks: all of them\n" * 100)
    (tmp_path / "submitted" / "ada" / assignment_id(LESSONS[0])).mkdir(parents=True)
    where = [str(tmp_path / "submitted")] if command == "grade" else []
    arguments = [command, *where, "--course-dir", str(tmp_path), "--salt", "s"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert "file is not a database" in done.output and "backup" in done.output
    assert (tmp_path / "gradebook.db").read_text().startswith("marks: all of them")


def rows_of(path: Path) -> set[tuple]:
    """A submission's rows by the names of what they belong to, without ids."""
    joins = {
        "grade": "auto_score, manual_score, extra_credit, needs_manual_grade",
        "comment": "auto_comment, manual_comment",
    }
    with sqlite3.connect(path) as database:
        return {
            (table, *row)
            for table, columns in joins.items()
            for row in database.execute(
                f"SELECT base_cell.name, student.id, assignment.name, {columns}, flagged,"
                " late_submission_penalty, timestamp, extension, first_name, lms_user_id"
                f" FROM {table} JOIN base_cell ON base_cell.id = cell_id"
                f" JOIN submitted_notebook ON submitted_notebook.id = {table}.notebook_id"
                " JOIN submitted_assignment"
                " ON submitted_assignment.id = submitted_notebook.assignment_id"
                " JOIN assignment ON assignment.id = submitted_assignment.assignment_id"
                " JOIN student ON student.id = student_id"
            )
        }


@pytest.mark.parametrize("answered", [False, True])
def test_a_new_submissions_rows_are_those_that_nbgrader_makes(
    tmp_path: Path, answered: bool
) -> None:
    """Made by nbgrader first and filled in then, or written at once: nobody can tell."""
    release = assignment(assignment_id("masking"))
    found = rejected(Submission("ada", release.id, b""), release, "a reason")
    humans = {name: (points, answered) for name, (points, _) in found.humans.items()}
    found = dataclasses.replace(found, humans=humans)
    for name in ("theirs", "ours"):
        with open_gradebook(tmp_path / name) as book:
            ensure_assignment(book, release)
            if name == "theirs":
                book.add_student("ada")
                book.add_submission(release.id, "ada")
            record(book, found)
            record(book, found)  # graded again: nothing is there twice
            submission = book.find_submission(release.id, "ada")
            assert submission.max_score == release.max_score + sum(p for p, _ in humans.values())
            assert submission.needs_manual_grade is answered
    ours = rows_of(tmp_path / "ours")
    assert ours == rows_of(tmp_path / "theirs")
    assert len(ours) > len(release.exercises)
