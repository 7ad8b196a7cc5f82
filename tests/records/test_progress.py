"""What a run says while it goes on: each stage as it begins, and how much is left."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from grader.cli._progress import FIRST, INTERVAL, Lines
from grader.course.layout import ROOT, assignment_id, notebook_path
from tests.records.test_cohort import hand_in

NAME = assignment_id("masking")
STARTING, JUDGING = "starting the sandbox", "judging 3 submissions"
COMPARING, CHECKING = "comparing with earlier runs", "looking for changed marks"


@pytest.mark.parametrize("seconds", [0.01, 0.7, 3.0, 25.0])
@pytest.mark.parametrize("total", [1, 10, 300])
def test_lines_come_often_enough_and_not_too_often(seconds: float, total: int) -> None:
    now, said = 0.0, list[tuple[float, str]]()
    lines = Lines(lambda line: said.append((now, line)), lambda: now)
    lines.stage("judging", total)
    assert said == [(0.0, "judging …")]
    for _ in range(total):
        now += seconds
        lines.step()
    times = [when for when, _ in said]
    gaps = [after - before for before, after in zip(times, [*times[1:], now], strict=True)]
    assert gaps[0] <= FIRST + seconds and max(gaps) <= INTERVAL + seconds + 1e-6
    assert all(gap >= INTERVAL for gap in gaps[1:-1])


def test_a_line_says_what_is_left() -> None:
    now, said = 0.0, list[str]()
    lines = Lines(said.append, lambda: now)
    lines.stage("judging", 100)
    for _ in range(10):
        now += 3.0
        lines.step()
    assert said[1] == "judging: 1 done, about 4 minutes 57 seconds left"
    assert said[-1] == "judging: 9 done, about 4 minutes 33 seconds left"


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "grader", "grade", str(folder / "submitted"), "--course-dir",
            str(folder / "course"), "--salt", "s", "--jobs", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("progress")
    for student in ("ada", "bo", "cy"):
        hand_in(folder / "submitted", student, notebook_path("masking").read_bytes())
    return folder


def test_a_pipe_gets_a_line_for_each_stage(folder: Path) -> None:
    def said(*more: str) -> list[str]:
        done = subprocess.run(
            [*command(folder), *more], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stderr.splitlines() if line.endswith(" …")]
        assert lines[0] == f"looking at {folder / 'submitted'} …"
        return [line.removesuffix(" …") for line in lines[1:]]

    assert said() == [STARTING, JUDGING]
    assert said() == [COMPARING]
    assert said("--force") == [COMPARING, STARTING, JUDGING, CHECKING]


def test_a_terminal_gets_a_bar_for_each_stage(folder: Path) -> None:
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(
        [*command(folder), "--force"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs,
        env=environment,
    ) as run:  # fmt: skip
        os.close(theirs)
        said = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # Linux says so where the other end was closed
                break
            if not block:
                break
            said += block
        os.close(ours)
    text = said.decode()
    assert run.returncode == 0, text[-500:]
    places = [text.find(one) for one in ("looking at", STARTING, JUDGING, "3/3")]
    assert -1 not in places and places == sorted(places), text[-500:]
