"""A list of students that cannot be used is one clear line, whatever command it is given to."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from grader.course.assignments import assignment
from grader.course.layout import assignment_id, notebook_path
from grader.records import nbgrader_tables as tables
from grader.records import origin
from grader.records.gradebook import ensure_assignment
from grader.records.nbgrader_tables import open_gradebook
from grader.records.origin import Origin
from tests.records.test_cohort import run

NAME = assignment_id("masking")


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course in which ada and bo have a mark, and an archive of their work from Moodle."""
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, assignment(NAME))
        for student in ("ada", "bo"):
            with tables.at_once(book):
                (notebook,) = tables.put_submission(book, NAME, student, None)
                tables.set_grades(book, [(2.0, False, notebook.grades["check_causal_mask"])])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for number in (4711, 4712):
            name = f"X_{number}_assignsubmission_file/x.ipynb"
            file.writestr(name, notebook_path("masking").read_bytes())
    return tmp_path


def roster(course: Path, path: Path) -> Result:
    return run("roster", path, "--course-dir", course)


def collect(course: Path, path: Path) -> Result:
    return run("collect", course / "all.zip", "--roster", path, "--output", course / "submitted")


def report(course: Path, path: Path) -> Result:
    return run("report", "--course-dir", course, "--students", path)


def export(form: str) -> Callable[[Path, Path], Result]:
    def command(course: Path, path: Path) -> Result:
        return run("export", "--to", form, "--assignment", NAME, "--students", path,
                   "--course-dir", course)  # fmt: skip

    return command


COMMANDS = {
    "roster": roster,
    "collect": collect,
    "report": report,
    **{form: export(form) for form in ("canvas", "moodle", "moodle-worksheet", "csv")},
}


def missing(path: Path) -> str:
    return "No such file"


def folder(path: Path) -> str:
    path.mkdir()
    return "Is a directory"


def two_gigabytes(path: Path) -> str:
    with path.open("wb") as file:
        file.truncate((2 << 30) + 1)
    return "is too large for a list of students"


def archive(path: Path) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x", bytes(range(256)))
    return "is not text in UTF-8"


def twice(path: Path) -> str:
    path.write_text("Identifier,Username,ID,Grade\nParticipant 4711,ada,1,\n"
                    "Participant 4712,bo,2,\nParticipant 4713,ada,3,\n")  # fmt: skip
    return "lines 2 and 4"


FAULTS = {one.__name__: one for one in (missing, folder, two_gigabytes, archive, twice)}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_list_that_cannot_be_used_is_one_line(course: Path, command: str, fault: str) -> None:
    path = course / "list.csv"
    said = FAULTS[fault](path)
    before = sorted(course.rglob("*"))
    done = COMMANDS[command](course, path)
    words = " ".join(done.output.split())
    assert done.exit_code == 2, words
    assert said in words and "list.csv" in words and "Traceback" not in words, words
    assert sorted(course.rglob("*")) == before  # nothing was written


def test_two_students_of_one_number_get_no_feedback(course: Path) -> None:
    for student in ("ada", "bo"):
        place = course / "submitted" / student / NAME
        place.mkdir(parents=True)
        path = "X_4711_assignsubmission_file/x.ipynb"
        origin.write(place, Origin("Moodle", "all.zip", path, "0" * 64))
    done = run("export", "--to", "moodle-feedback", "--assignment", NAME, "--course-dir", course)
    assert done.exit_code == 2 and "Traceback" not in done.output
    assert "ada and bo both came as Moodle's participant 4711" in " ".join(done.output.split())
    assert not list(course.glob("*.zip.tmp")) and not list(course.glob("feedback*"))
