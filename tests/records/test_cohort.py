"""A cohort on disk: one outcome each, whatever lies there; nothing lost, nothing done twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.layout import LESSONS, ROOT, assignment_id, notebook_path
from grader.course.versions import misconceptions
from tests.conftest import with_answers

LESSON = "masking"
NAME = assignment_id(LESSON)


def hand_in(folder: Path, student: str, content: str | bytes, name: str = NAME) -> Path:
    path = folder / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that may lie in a folder of submissions."""
    folder = tmp_path_factory.mktemp("cohort") / "submitted"
    wrong = answer_text(misconceptions(LESSON, "causal_mask")[0])
    hand_in(folder, "ada", nbformat.writes(solved(LESSON)))
    hand_in(folder, "blank", notebook_path(LESSON).read_bytes())
    hand_in(folder, "Åsa Öberg", with_answers(LESSON, {"causal_mask": wrong}, solve=True))
    hand_in(folder, "half", nbformat.writes(solved(LESSON, {"causal_mask", "local_mask"})))
    hand_in(folder, "empty", b"")
    hand_in(folder, "junk", b"not json at all")
    hand_in(folder, "killer", with_answers(LESSON, {"causal_mask": "import os\nos._exit(1)"}))
    hand_in(folder, "v3", b'{"nbformat": 3, "metadata": {}, "worksheets": [{"cells": []}]}')
    hand_in(folder, "ada2", nbformat.writes(solved(LESSON)), "07_unknown")
    (folder / "no-notebook" / NAME).mkdir(parents=True)
    (folder / "no-assignment").mkdir()
    hand_in(folder, "=evil(1)", b"{}")
    (folder / "linked").symlink_to("/etc")
    (folder / "stray file.txt").write_text("hello")
    huge = hand_in(folder, "huge", b"")
    with huge.open("wb") as file:
        file.truncate(100_000_000)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def graded(submitted: Path) -> tuple[Path, dict]:
    course = submitted.parent / "course"
    target = submitted.parent / "out.json"
    command = [sys.executable, "-m", "grader", "grade", submitted, "--course-dir", course]
    command += ["--json", target, "--salt", "s", "--jobs", "2"]
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return course, json.loads(target.read_text())


def by_student(report: dict) -> dict[str, dict]:
    return {s["student"]: s for s in report["submissions"]}


def test_each_submission_has_exactly_one_outcome_and_a_reason_where_it_needs_one(graded) -> None:
    _, report = graded
    found = by_student(report)
    assert len(found) == len(report["submissions"])
    assert [line.partition(":")[0] for line in report["passed_over"]] == [
        "no-assignment",
        "stray file.txt",
    ]
    words = {name: result["outcome"] for name, result in found.items()}
    assert words == {
        "ada": "graded",
        "blank": "not_attempted",
        "Åsa Öberg": "graded",
        "half": "graded",
        "empty": "rejected",
        "junk": "rejected",
        "killer": "crashed",
        "v3": "not_attempted",
        "ada2": "rejected",
        "no-notebook": "rejected",
        "=evil(1)": "rejected",
        "linked": "rejected",
        "huge": "rejected",
    }
    for result in found.values():
        assert bool(result["reason"]) == (result["outcome"] in ("rejected", "crashed"))
        assert 0 <= result["score"] <= result["max_score"]


def test_the_form_of_the_json_is_the_fixed_one(graded) -> None:
    _, report = graded
    assert {"engine", "sandbox", "submissions"} <= report.keys()
    fields = {"student", "assignment", "outcome", "reason", "score", "max_score", "seconds"}
    for result in report["submissions"]:
        assert fields | {"exercises"} <= result.keys()
        for exercise in result["exercises"]:
            assert {"id", "score", "max_score", "attempted", "checks"} == exercise.keys()
            for check in exercise["checks"]:
                assert {"name", "passed", "message", "misconception"} == check.keys()
    wrong = next(
        e for e in by_student(report)["Åsa Öberg"]["exercises"] if e["id"] == "causal_mask"
    )
    named = {check["misconception"] for check in wrong["checks"]} - {None}
    assert named == {misconceptions(LESSON, "causal_mask")[0].name}


def test_the_gradebook_holds_the_same_marks(graded) -> None:
    from tests.nbgrader_gradebook import nbgrader_gradebook

    course, report = graded
    with nbgrader_gradebook(course / "gradebook.db") as book:
        kept = {s.student.id: s.score for s in book.find_assignment(NAME).submissions}
        waiting = {
            s.student.id for s in book.find_assignment(NAME).submissions if s.needs_manual_grade
        }
    ours = {
        s["student"]: s["score"] for s in report["submissions"] if s["exercises"]
    }  # those of this course
    assert kept == pytest.approx(ours)
    # Nobody answered the human question; but something was handed in that could not be read.
    assert waiting == {"junk", "huge"}


def test_notebooks_and_pages_are_written_and_nothing_else(graded) -> None:
    course, report = graded
    for student, result in by_student(report).items():
        if result["exercises"]:
            nbformat.read(course / "autograded" / student / NAME / f"{NAME}.ipynb", as_version=4)
            assert (course / "feedback" / student / NAME / f"{NAME}.html").read_text()
    left = [p for p in course.rglob("*") if p.name.startswith(".writing")]
    assert not left


def test_the_salt_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    from grader.judge.salt import PLACE, salt

    first = salt(tmp_path)
    assert len(first) == 64 and salt(tmp_path) == first != salt(tmp_path / "another")
    assert (tmp_path / PLACE).stat().st_mode & 0o777 == 0o600
    (tmp_path / PLACE).chmod(0o644)
    salt(tmp_path)
    assert (tmp_path / PLACE).stat().st_mode & 0o777 == 0o600


def test_what_has_not_changed_is_not_graded_again(graded, submitted: Path, tmp_path: Path) -> None:
    course, report = graded
    target = tmp_path / "again.json"
    done = run("grade", submitted, "--course-dir", course, "--json", target, "--salt", "s")
    assert done.exit_code == 0, done.output
    again = json.loads(target.read_text())
    assert again["submissions"] == report["submissions"]  # seconds included: it is the record
    forced = run(
        "grade", submitted, "--course-dir", course, "--json", target, "--salt", "s", "--force",
        "--student", "half",
    )  # fmt: skip
    assert forced.exit_code == 0
    half = json.loads(target.read_text())["submissions"][0]
    assert half["exercises"] == by_student(report)["half"]["exercises"]


def test_a_killed_run_is_taken_up_again(submitted: Path, tmp_path: Path, graded) -> None:
    """SIGKILL after the first record; the next run ends with the marks of an undisturbed one."""
    import signal
    import time

    course, target = tmp_path / "course", tmp_path / "out.json"
    command = [sys.executable, "-m", "grader", "grade", str(submitted), "--course-dir", str(course)]
    command += ["--salt", "s", "--json", str(target)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    records = course / ".grader" / "records"
    deadline = time.monotonic() + 90
    while not list(records.rglob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    again, before = by_student(json.loads(target.read_text())), by_student(graded[1])
    assert {s: (r["outcome"], r["exercises"]) for s, r in again.items()} == {
        s: (r["outcome"], r["exercises"]) for s, r in before.items()
    }
    for path in course.rglob("*.ipynb"):
        nbformat.read(path, as_version=4)
    assert sqlite3.connect(course / "gradebook.db").execute("pragma integrity_check").fetchone()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["/nonexistent"], "does not exist"),
        ([str(ROOT / "README.md")], "is a file"),
        ([".", "--assignment", "99_nothing"], "no assignment"),
        ([".", "--jobs", "0"], "jobs"),
        ([".", "--json", "/nonexistent/x.json"], "no folder"),
        ([".", "--student", "nobody"], "nothing to grade"),
    ],
)
def test_bad_usage_is_one_clear_line_and_exit_2(arguments, word, submitted, tmp_path) -> None:
    arguments = [str(submitted) if a == "." else a for a in arguments]
    done = run("grade", *arguments, "--course-dir", tmp_path)
    assert done.exit_code == 2
    assert word in done.output and "Traceback" not in done.output


def test_a_course_folder_that_cannot_be_written_is_said_so(submitted: Path, tmp_path: Path) -> None:
    (tmp_path / "course").write_text("a file is in the way")
    done = run("grade", submitted, "--course-dir", tmp_path / "course")
    assert done.exit_code == 2 and "cannot be written" in done.output


def test_nbgrader_autograde_gives_the_same_marks(graded, submitted: Path, tmp_path: Path) -> None:
    """Plain nbgrader with this course's configuration, on the submissions that it can find."""
    _, report = graded
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    (tmp_path / ".grader").mkdir()
    (tmp_path / ".grader" / "salt").write_text("s")
    students = ["ada", "blank", "half", "junk", "killer", "Åsa Öberg"]
    for student in students:
        shutil.copytree(submitted / student, tmp_path / "submitted" / student)
    (tmp_path / "submitted" / "ada" / NAME / "data.txt").symlink_to("/etc/passwd")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", NAME],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    from tests.nbgrader_gradebook import nbgrader_gradebook

    with nbgrader_gradebook(tmp_path / "gradebook.db") as book:
        assignment = book.find_assignment(NAME)
        theirs = {s.student.id: s.score for s in assignment.submissions}
    ours = {student: by_student(report)[student]["score"] for student in students}
    assert theirs == pytest.approx(ours)
    assert not [p for p in (tmp_path / "autograded").rglob("*") if p.suffix == ".txt"]


def test_every_lesson_is_an_assignment_of_its_own() -> None:
    assert [assignment_id(lesson)[:2] for lesson in LESSONS] == [
        f"{n:02d}" for n in range(1, len(LESSONS) + 1)
    ]


def test_ctrl_c_ends_a_run_between_two_submissions(tmp_path: Path) -> None:
    folder = tmp_path / "submitted"
    for number in range(12):
        hand_in(folder, f"student-{number:02d}", nbformat.writes(solved(LESSON)))
    course = tmp_path / "course"
    command = [sys.executable, "-m", "grader", "grade", folder, "--course-dir", course]
    command += ["--salt", "s", "--jobs", "1"]
    run = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    records = course / ".grader" / "records"
    while not list(records.rglob("*.json")) and run.poll() is None:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the judges, too
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    lines = [line for line in said.decode().splitlines() if " done, about " not in line]
    assert lines == [
        f"looking at {folder} …",
        "starting the sandbox …",
        "judging 12 submissions …",
        "stopped. What was graded is kept; run the same command to go on",
    ]
    assert 0 < len(list(records.rglob("*.json"))) < 12
