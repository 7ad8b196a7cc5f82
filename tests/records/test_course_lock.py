"""Runs that meet in one course folder, and submissions whose results cannot be written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from grader import files
from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.errors import Stopped
from grader.judge.salt import PLACE, salt
from grader.records.course_lock import course_lock
from grader.report.read import read_records
from tests.records.test_cohort import by_student, hand_in, run

LESSON = "single_query_attention"  # it imports no torch: a quick start
NAME = assignment_id(LESSON)
FULL = assignment(NAME).max_score
HOLD = """
import sys, time
from pathlib import Path
from grader.records.course_lock import course_lock
with course_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def start(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_who_waits_is_told_for_whom_and_goes_on_when_the_holder_is_killed(tmp_path: Path) -> None:
    holder = start(HOLD, tmp_path)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    said: list[str] = []
    with pytest.raises(Stopped), course_lock(tmp_path, said.append, lambda: True):
        pytest.fail("two hold it")
    assert len(said) == 1 and f"process {holder.pid} " in said[0] and str(tmp_path) in said[0]
    killer = threading.Timer(0.5, os.kill, (holder.pid, signal.SIGKILL))
    killer.start()
    with course_lock(tmp_path, said.append):
        assert len(said) == 2
    holder.wait()


def test_two_first_runs_on_a_fresh_folder_grade_everything(tmp_path: Path) -> None:
    """Each with half of the cohort; afterwards the ledger accounts for every mark."""
    for half in ("one", "two"):
        for number in range(3):
            student = f"{half}-{number}"
            hand_in(tmp_path / half, student, nbformat.writes(solved(LESSON)), NAME)
    course = tmp_path / "course"
    command = [sys.executable, "-m", "grader", "grade", "--jobs", "1", "--course-dir", course]
    runs = [
        subprocess.Popen([*map(str, command), str(tmp_path / half)], cwd=ROOT, text=True,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for half in ("one", "two")
    ]  # fmt: skip
    said = [process.communicate(timeout=900)[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    assert sum("waiting for process" in text for text in said) == 1, said
    records = read_records(course)
    assert {one.student: one.score for one in records.submissions} == {
        f"{half}-{number}": FULL for half in ("one", "two") for number in range(3)
    }
    done = run("verify", "--course-dir", course)
    assert done.exit_code == 0 and "no difference" in done.output, done.output


def test_of_many_that_make_the_salt_all_use_the_same(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from grader.judge.salt import salt\n"
        "sys.stdin.readline(); print(salt(Path(sys.argv[1])).decode())"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(6)
    ]  # fmt: skip
    with ThreadPoolExecutor(len(processes)) as pool:
        said = list(pool.map(lambda process: process.communicate("go\n")[0].strip(), processes))
    assert len(set(said)) == 1 and len(said[0]) == 64
    assert salt(tmp_path).decode() == said[0]
    assert [path.name for path in (tmp_path / PLACE).parent.iterdir()] == ["salt"]


def test_a_file_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "x" / "salt"
    assert files.create(path, b"first", 0o600) and not files.create(path, b"second")
    assert path.read_bytes() == b"first" and path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["ada", "x" * 250, "\u0915" * 84, "\u0915" * 85])
def test_names_of_files_fit_and_are_never_those_of_another_student(name: str) -> None:
    short = files.named_for(name, ".json")
    assert len(short.encode()) <= 255 and short.endswith(".json")
    assert short != files.named_for(name + "a", ".json")
    assert ("~" in short) == (len(name.encode()) + 5 > 255)


def test_a_name_that_is_too_long_and_a_file_in_the_way_cost_that_submission_alone(
    tmp_path: Path,
) -> None:
    text = notebook_path(LESSON).read_bytes()
    long, longer, in_the_way = "\u0915" * 84, "\u0958" * 84, "in-the-way"
    submitted, course = tmp_path / "submitted", tmp_path / "course"
    for student in (long, longer, in_the_way):
        hand_in(submitted, student, text, NAME)
    hand_in(submitted, "zoe", nbformat.writes(solved(LESSON)), NAME)
    (course / "autograded").mkdir(parents=True)
    (course / "autograded" / in_the_way).write_text("a file, where a folder has to be")
    target = tmp_path / "out.json"
    for _ in range(2):
        done = run("grade", submitted, "--course-dir", course, "--json", target, "--jobs", "1")
        assert done.exit_code == 0, done.output
        found = by_student(json.loads(target.read_text()))
        words = {student: result["outcome"] for student, result in found.items()}
        assert words == {
            long: "not_attempted", longer: "rejected", in_the_way: "rejected", "zoe": "graded",
        }  # fmt: skip
        assert "cannot be written" in found[in_the_way]["reason"]
        assert found["zoe"]["score"] == FULL
    assert {one.student for one in read_records(course).submissions} == {long, "zoe"}
    assert not read_records(course).unreadable
