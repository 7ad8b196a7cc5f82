"""`grade`, `nbgrader autograde` and `check` read the same files, and give the same points (T14)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from grader.course.assignments import assignment
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.student.runner import run_notebook
from tests.campaigns.fairness import answered
from tests.campaigns.front_ends import through
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import hand_in, run

LESSON = "single_query_attention"
NAME = assignment_id(LESSON)
RELEASE = assignment(NAME)
TOOLS = ["nbformat 3", "nbformat 5", "deepnote", "colab stripped", "databricks", "jupytext"]
STAMPS = {"a damaged stamp": b"yesterday evening\n", "a stamp of bytes": b"\xff\xfe\x00",
          "a stamp of numbers": b"99999999-99-99 99:99:99 UTC",
          "in time": b"2026-01-31 12:00:00 UTC", "late": b"2026-02-01 12:00:01 UTC"}  # fmt: skip
DUE = "2026-02-01 12:00:00 UTC"
LATE = "\nc.LateSubmissionPlugin.penalty_method = 'zero'  # all points\n"


def submissions(folder: Path) -> list[str]:
    """Right answers in every form; returns the students' names."""
    document = answered(LESSON)
    for tool in TOOLS:
        hand_in(folder, tool, through(tool, document), NAME)
    for student, stamp in STAMPS.items():
        path = hand_in(folder, student, through("nbformat 4 5", document), NAME)
        (path.parent / "timestamp.txt").write_bytes(stamp)
    path = hand_in(folder, "in a copy", notebook_path(LESSON).read_bytes(), NAME)
    path.with_name(f"{NAME}-Copy1.ipynb").write_bytes(through("nbformat 4 5", document))
    return [*TOOLS, *STAMPS, "in a copy"]


def marks(course: Path) -> dict[str, tuple[float, float, bool]]:
    """Points, points off for lateness, and whether a person has something to read."""
    with nbgrader_gradebook(course / "gradebook.db") as book:
        found: list[Any] = book.find_assignment(NAME).submissions
        off = {one.student.id: one.notebooks[0].late_submission_penalty or 0.0 for one in found}
        return {
            one.student.id: (one.score, off[one.student.id], one.needs_manual_grade)
            for one in found
        }


def new_course(folder: Path) -> Path:
    """A course's folder with a due date, after which everything is lost."""
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text() + LATE)
    with nbgrader_gradebook(folder / "gradebook.db") as book:
        book.update_or_create_assignment(NAME, duedate=DUE)
    return folder


def test_grade_and_nbgrader_autograde_come_to_the_same_points(tmp_path: Path) -> None:
    ours, theirs = new_course(tmp_path / "ours"), new_course(tmp_path / "theirs")
    students = submissions(theirs / "submitted")
    done = run("grade", theirs / "submitted", "--course-dir", ours, "--jobs", "1")
    assert done.exit_code == 0, done.output
    expected = dict.fromkeys(students, (RELEASE.max_score, 0.0, True))
    expected["late"] = (RELEASE.max_score, RELEASE.max_score, True)
    assert marks(ours) == expected
    assert "It came late, which costs" in page(ours, "late")
    assert "It came late" not in page(ours, "in time")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    autograde = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", NAME],
        cwd=theirs, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert autograde.returncode == 0, autograde.stderr[-3000:]
    assert marks(theirs) == expected


def test_nbgrader_may_be_started_elsewhere(tmp_path: Path) -> None:
    """As Formgrader is on a JupyterHub: a configuration elsewhere loads the course's.

    It may rename a folder, and there, too, nothing is kept but what students may get back.
    """
    course, home = new_course(tmp_path / "course"), tmp_path / "home"
    path = hand_in(course / "submitted", "late", notebook_path(LESSON).read_bytes(), NAME)
    path.write_bytes(through("nbformat 4 5", answered(LESSON)))
    (path.parent / "timestamp.txt").write_bytes(STAMPS["late"])
    (path.parent / "notes.txt").write_text("not a notebook")
    home.mkdir()
    (home / "nbgrader_config.py").write_text(
        f"load_subconfig('nbgrader_config.py', path={str(course)!r})\n"
        "c.CourseDirectory.autograded_directory = 'marked'\n"
    )
    (tmp_path / "elsewhere").mkdir()
    environment = {"PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(home)}
    autograde = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", NAME],
        cwd=tmp_path / "elsewhere", env=os.environ | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert autograde.returncode == 0, autograde.stderr[-3000:]
    assert marks(course) == {"late": (RELEASE.max_score, RELEASE.max_score, True)}
    graded = course / "marked" / "late" / NAME
    assert {one.name for one in graded.iterdir()} == {f"{NAME}.ipynb", "timestamp.txt"}
    assert not list((tmp_path / "elsewhere").iterdir())


def page(course: Path, student: str) -> str:
    return (course / "feedback" / student / NAME / f"{NAME}.html").read_text()


@pytest.mark.parametrize("tool", TOOLS)
def test_check_reads_what_grade_reads(shell: InteractiveShell, tmp_path: Path, tool: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_bytes(through(tool, answered(LESSON)))
    checked = run_notebook(path)
    assert [verdict.exercise for verdict in checked.verdicts] == [e.id for e in RELEASE.exercises]
    assert all(verdict.passed for verdict in checked.verdicts)


def test_check_says_the_cells_own_error(shell: InteractiveShell, tmp_path: Path) -> None:
    document = answered(LESSON)
    cell = next(cell for cell in document["cells"] if cell["id"] == "softmax")
    cell["source"] = "import not_installed_anywhere\n" + "".join(cell["source"])
    path = tmp_path / "x.ipynb"
    path.write_bytes(through("nbformat 4 5", document))
    verdict = next(v for v in run_notebook(path).verdicts if v.exercise == "softmax")
    assert "No module named 'not_installed_anywhere'" in verdict.checks[0].message
