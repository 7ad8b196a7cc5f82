"""`python -m grader lab`: JupyterLab is a child that ends with it; answers are made meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.authoring import freeze as freezing
from grader.authoring.freeze import freeze
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT
from grader.student import frozen, jupyterlab

STAND_IN = """
import pathlib, signal, sys, time
def end(number, frame):
    pathlib.Path(sys.argv[1]).write_text("ended in order")
    raise SystemExit(7)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1]).write_text("up")
time.sleep(60)
"""
RUN = """
import os, sys
from grader.student.jupyterlab import run_until_it_ends
raise SystemExit(run_until_it_ends([sys.executable, *sys.argv[1:]], os.environ))
"""


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    for _ in range(int(seconds * 20)):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("not in time")


def test_what_ends_the_command_ends_jupyterlab_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    said = tmp_path / "said"
    command = [sys.executable, "-c", RUN, "-c", STAND_IN, str(said)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    until(lambda: said.exists() and said.read_text() == "up")
    process.send_signal(signal.SIGINT)  # Ctrl-C is JupyterLab's to answer: it asks whether to stop
    time.sleep(0.5)
    assert process.poll() is None
    process.terminate()
    assert process.wait(30) == 7
    assert said.read_text() == "ended in order"


def test_no_module_replaces_the_process() -> None:
    """Windows has no exec: it would start a second process, and give the prompt back."""
    for path in (ROOT / "grader" / "student").rglob("*.py"):
        assert "os.exec" not in path.read_text(encoding="utf-8"), path


def test_answers_are_made_in_the_background_and_end_with_the_lab(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[subprocess.Popen] = []
    start = subprocess.Popen

    def slowly(command: list[str], **how) -> subprocess.Popen:
        assert command[1:] == ["-m", "grader", "freeze", "--gently"]
        started.append(start([sys.executable, "-c", "import time; time.sleep(60)"], **how))
        return started[-1]

    monkeypatch.setattr(jupyterlab.subprocess, "Popen", slowly)
    with jupyterlab.answers_in_the_background():
        assert started[0].poll() is None
    assert started[0].poll() is not None


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What is frozen, in order; each exercise at no cost."""
    done: list[tuple[str, str]] = []

    def packed(lesson: str, name: str) -> bytes:
        done.append((lesson, name))
        return f"{lesson} {name}".encode()

    monkeypatch.setattr(freezing, "packed", packed)
    monkeypatch.setattr(freezing.os, "cpu_count", lambda: 1)
    return done


def test_answers_made_before_an_interruption_are_kept(
    made: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = freezing.packed

    def until_the_third(lesson: str, name: str) -> bytes:
        if lesson == LESSONS[2]:
            raise KeyboardInterrupt
        return quick(lesson, name)

    monkeypatch.setattr(freezing, "packed", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        freeze(tmp_path)
    assert {lesson for lesson, _ in made} == set(LESSONS[:2])
    made.clear()
    monkeypatch.setattr(freezing, "packed", quick)
    freeze(tmp_path)
    assert {lesson for lesson, _ in made} == set(LESSONS[2:])
    made.clear()
    assert freeze(tmp_path) == sum(len(exercises(lesson)) for lesson in LESSONS)
    assert made == []


def test_one_lesson_can_be_made_alone(made: list[tuple[str, str]], tmp_path: Path) -> None:
    freeze(tmp_path, [LESSONS[4]])
    assert made == [(LESSONS[4], exercise.id) for exercise in exercises(LESSONS[4])]
    freeze(tmp_path)
    assert [lesson for lesson, _ in made].count(LESSONS[4]) == len(exercises(LESSONS[4]))


def test_a_check_that_comes_too_early_makes_its_lessons_answers(tmp_path: Path) -> None:
    """In a copy of the checkout without any answers: only that lesson's are there afterwards."""
    copy = tmp_path / "course"
    for part in ("grader", "solutions", "notebooks"):
        left_out = shutil.ignore_patterns("__pycache__", "answers", "solved")
        shutil.copytree(ROOT / part, copy / part, ignore=left_out)
    for part in ("course.toml", "pyproject.toml"):
        shutil.copyfile(ROOT / part, copy / part)
    name = exercises(LESSONS[0])[0].id
    code = f"from grader import check\ncheck({name!r})"
    environment = os.environ | {"PYTHONPATH": str(copy), "GRADER_COURSE": str(copy)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert f"There is no name {name} here" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("Preparing this lesson's checks") == 1
    place = copy / "grader" / "student" / frozen.FOLDER.name / "attention"
    found = sorted(path.name.removesuffix(frozen.SUFFIX) for path in place.glob("*.answers"))
    assert found == sorted(exercise.id for exercise in exercises(LESSONS[0]))
    wrong = subprocess.run(
        [sys.executable, "-c", "from grader import check\ncheck('soft_maxx')"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no exercise 'soft_maxx'" in wrong.stderr and "Preparing" not in wrong.stdout
