"""A judge in a process of its own: whatever happens to it costs one submission."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import psutil
import pytest
from click.testing import CliRunner

from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.errors import WorkerError
from grader.judge.run import Judge, Submission
from grader.records.executor import Graded, JudgeLimits
from grader.records.executor.apart import JudgeApart, end_with
from grader.records.submissions import Found, Work
from grader.sandbox.host.limits import Limits
from tests.records.test_cohort import hand_in

LESSON = "masking"
NAME = assignment_id(LESSON)
BLANK = notebook_path(LESSON).read_bytes()
SMALL = JudgeLimits(memory=256 << 20, cpu=2)


def take_memory() -> None:
    np.ones((1 << 30) // 8)


def take_time() -> None:
    while True:
        pass


def end_by(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def end_in_the_next_answer() -> None:
    """Let it send all of its next answer but the last byte, and end as if the kernel killed it."""
    one, other = multiprocessing.Pipe()
    send_whole = Connection.send_bytes

    def send_bytes(pipe: Connection, answer: bytes) -> None:
        send_whole(one, answer[:1000])
        os.write(pipe.fileno(), os.read(other.fileno(), 2000)[:-1])
        os.kill(os.getpid(), signal.SIGKILL)

    Connection.send_bytes = send_bytes  # type: ignore[assignment,method-assign]


def fail() -> None:
    raise ValueError("a fault of ours")


def lose_the_sandbox() -> None:
    raise WorkerError("the forkserver is gone")


MISHAPS: dict[str, tuple[Callable[[], None], str, str]] = {
    "memory": (
        take_memory,
        "out_of_memory",
        "needed more memory for this submission than it may use",
    ),
    "time": (take_time, "timed_out", "the grader itself needed more than 2 s of processor time"),
    "fault": (
        fail,
        "crashed",
        "failed on this submission: ValueError: a fault of ours (test_apart.py, line",
    ),
    "segfault": (end_by(signal.SIGSEGV), "crashed", "ended on this submission (signal 11)"),
    "abort": (end_by(signal.SIGABRT), "crashed", "ended on this submission (signal 6)"),
    "kill": (end_by(signal.SIGKILL), "crashed", "2 times the grader's own process was killed"),
}


class Unlucky(Judge):
    """A judge to which something happens at the students who are named like a mishap."""

    def grade(self, submission: Submission, release: Any) -> Any:
        if submission.student in MISHAPS:
            MISHAPS[submission.student][0]()
        if submission.student == "lost":
            lose_the_sandbox()
        if submission.student == "half":
            end_in_the_next_answer()
        return super().grade(submission, release)


def work(student: str, content: bytes = BLANK) -> Work:
    return Work(Found(student, NAME, Path("nowhere")), content)


@pytest.fixture
def apart() -> Iterator[JudgeApart]:
    """No worker is needed: nobody answers anything."""
    forkserver: Any = SimpleNamespace(level="none", wait_until_ready=lambda: None)
    judge = JudgeApart(Unlucky(forkserver, b"salt", Limits()), SMALL)
    yield judge
    judge.close()


def graded(judge: JudgeApart, student: str) -> Graded:
    found = judge.grade(work(student))
    assert isinstance(found, Graded)
    return found


@pytest.mark.parametrize("mishap", MISHAPS)
def test_what_happens_to_the_judge_is_the_outcome_of_one_submission(
    apart: JudgeApart, mishap: str
) -> None:
    assert graded(apart, "before").outcome.outcome == "not_attempted"
    found = graded(apart, mishap)
    _, word, reason = MISHAPS[mishap]
    assert found.outcome.outcome == word and reason in found.outcome.reason
    assert found.outcome.score == 0
    # Nobody has read the written answer, so a person is asked to.
    assert all(waits for _, waits in found.outcome.humans.values()) and found.outcome.humans
    assert "Not graded:" in found.notebook.decode() and "grader" in found.page.decode()
    assert graded(apart, "after").outcome.outcome == "not_attempted"


def test_a_process_that_is_killed_once_grades_in_the_next(apart: JudgeApart) -> None:
    """A kernel short of memory may have killed it for another's memory."""
    graded(apart, "before")
    (process,) = (one for one in psutil.Process().children() if one.pid == apart._pid)
    process.kill()
    assert graded(apart, "after").outcome.outcome == "not_attempted"


def test_a_process_that_is_killed_while_it_answers_grades_in_the_next(apart: JudgeApart) -> None:
    graded(apart, "half")
    assert graded(apart, "after").outcome.outcome == "not_attempted"


def test_the_same_process_goes_on_to_the_next(apart: JudgeApart) -> None:
    """What it has read and compiled for one submission it has for the next."""
    graded(apart, "ada")
    first = apart._pid
    graded(apart, "bob")
    assert apart._pid == first


def test_a_sandbox_that_is_gone_is_no_outcome(apart: JudgeApart) -> None:
    with pytest.raises(WorkerError, match="the forkserver is gone"):
        apart.grade(work("lost"))


def test_each_submission_has_all_of_the_time(apart: JudgeApart) -> None:
    started = time.process_time()
    for number in range(3):
        assert graded(apart, f"student-{number}").outcome.outcome == "not_attempted"
    assert time.process_time() >= started
    assert graded(apart, "time").outcome.outcome == "timed_out"
    assert graded(apart, "after").outcome.outcome == "not_attempted"


BOUND = """
import resource
from pathlib import Path
from types import SimpleNamespace
from tests.records.test_apart import JudgeApart, JudgeLimits, Limits, Unlucky, graded
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
resource.setrlimit(resource.RLIMIT_CPU, (100, 100))
forkserver = SimpleNamespace(level="none", wait_until_ready=lambda: None)
judge = JudgeApart(Unlucky(forkserver, b"salt", Limits()), JudgeLimits())
print(graded(judge, "ada").outcome.outcome)
"""


def test_lower_limits_of_the_machine_cost_no_submission() -> None:
    """As `ulimit -v` and `ulimit -t` set them, on login nodes above all."""
    done = subprocess.run(
        [sys.executable, "-c", BOUND], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "not_attempted", done.stderr


def test_a_process_that_cannot_begin_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    forkserver: Any = SimpleNamespace(level="none", wait_until_ready=lambda: None)
    impossible: Any = JudgeLimits(memory="much")  # type: ignore[arg-type]
    judge = JudgeApart(Unlucky(forkserver, b"salt", Limits()), impossible)
    outcome = graded(judge, "ada").outcome
    assert outcome.outcome == "crashed" and outcome.reason.endswith("(exit code 1)")
    assert "TypeError" in capfd.readouterr().err


PARENT = """
import os, signal, sys
from tests.records.test_apart import JudgeApart, Limits, SMALL, SimpleNamespace, Unlucky, graded
forkserver = SimpleNamespace(level="none", wait_until_ready=lambda: None)
judge = JudgeApart(Unlucky(forkserver, b"salt", Limits()), SMALL)
graded(judge, "ada")
print(judge._pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_process_ends_with_its_parent() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARENT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    deadline = time.monotonic() + 5
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(int(done.stdout))


def test_a_process_whose_parent_is_gone_already_ends_at_once() -> None:
    """Then no signal would come: the parent ended between the fork and the call."""
    child = os.fork()
    if not child:
        end_with(child)  # no process has this parent
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_cohort_goes_on_and_every_submission_has_an_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the real command: the judges are forked from this process, and so are unlucky."""
    lucky = Judge.grade

    def grade(judge: Judge, submission: Submission, release: Any) -> Any:
        if submission.student in MISHAPS:
            MISHAPS[submission.student][0]()
        return lucky(judge, submission, release)

    monkeypatch.setattr(Judge, "grade", grade)
    names = ["ada", "fault", "kill", "segfault", "zoe"]
    for student in names:
        hand_in(tmp_path / "submitted", student, nbformat.writes(solved(LESSON, {"causal_mask"})))
    target = tmp_path / "out.json"
    arguments = ["grade", tmp_path / "submitted", "--course-dir", tmp_path / "course"]
    arguments += ["--json", target, "--jobs", "1"]
    done = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = {one["student"]: one for one in json.loads(target.read_bytes())["submissions"]}
    assert list(found) == names
    assert [found[name]["outcome"] for name in names] == [
        "graded", "crashed", "crashed", "crashed", "graded",
    ]  # fmt: skip
    points = next(e.points for e in assignment(NAME).exercises if e.id == "causal_mask")
    assert [found[name]["score"] for name in names] == [points, 0, 0, 0, points]
    check = ["verify", "--course-dir", str(tmp_path / "course")]
    assert CliRunner().invoke(main, check).exit_code == 0
