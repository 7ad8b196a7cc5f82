"""`grade --watch`: what arrives is graded once, when it is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader.course.exercises import exercises
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.records.executor import Executor, Lost
from grader.records.submissions import Found
from grader.records.watch import KeptExecutor, News, arrivals
from tests.records.test_cohort import hand_in

LESSON = "single_query_attention"
NAME = assignment_id(LESSON)
LATER, EARLIER = assignment_id("transformer_block"), assignment_id("multi_head_attention")


def test_what_is_there_comes_at_once_and_what_arrives_when_it_stands_still(tmp_path: Path) -> None:
    present: list[Found] = []

    def put(student: str, text: str) -> Found:
        path = tmp_path / student / NAME
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        found = Found(student, NAME, path)
        if found not in present:
            present.append(found)
        return found

    looks: list[str] = []
    ada = put("ada", "x")

    def sleep(_: float) -> None:
        """Two looks at a file that still grows, then none that changes."""
        looks.append("")
        if len(looks) in (1, 2, 3):
            put("late", "y" * len(looks))

    batches = arrivals(lambda: list(present), sleep)
    assert next(batches) == [ada]
    late = next(batches)
    assert [found.student for found in late] == ["late"] and len(looks) == 4
    put("ada", "a longer text")
    assert next(batches) == [ada]


@pytest.mark.parametrize(
    "name", [f"{LATER}/my work.ipynb", f"{LATER}/timestamp.txt", f"{EARLIER}/{EARLIER}.ipynb"]
)
def test_what_a_grade_also_depends_on_starts_another(tmp_path: Path, name: str) -> None:
    """Work under another name, the time, an answer of an earlier lesson: each written in place."""
    found = Found("ada", LATER, hand_in(tmp_path, "ada", b"", LATER))
    hand_in(tmp_path, "ada", b"", EARLIER)
    path = tmp_path / "ada" / name
    path.write_bytes(b"first")
    looks = iter([False] * 5)
    batches = arrivals(lambda: [found], lambda _: next(looks, True))
    assert next(batches) == [found]
    path.write_bytes(b"corrected")
    assert next(batches, None) == [found]


def test_a_line_is_news_once_and_only_if_it_stays() -> None:
    news = News()
    looks = [["a"], ["a", "b"], ["a"], [], ["a"], ["a"]]
    assert [news.among(lines) for lines in looks] == [[], ["a"], [], [], [], ["a"]]


def test_judges_stay_until_one_is_lost() -> None:
    made, ended = [], []

    @contextmanager
    def make():
        made.append(1)
        try:
            yield Executor(lambda work: None, lambda: 1, ())  # type: ignore[arg-type, return-value]
        finally:
            ended.append(1)

    kept = KeptExecutor(make)
    for _ in range(3):
        with kept:
            pass
    assert (len(made), len(ended)) == (1, 0)
    with pytest.raises(Lost), kept:
        raise Lost("gone")
    with kept:
        pass
    assert (len(made), len(ended)) == (2, 1)
    kept.close()
    kept.close()
    assert len(ended) == 2


def test_a_notebook_that_arrives_is_graded_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    submitted, course = tmp_path / "submitted", tmp_path / "course"
    hand_in(submitted, "ada", notebook_path(LESSON).read_bytes(), NAME)
    (submitted / "ada" / "work.zip").write_bytes(b"no zip")
    command = [sys.executable, "-m", "grader", "grade", submitted, "--course-dir", course]
    run = subprocess.Popen(
        [str(word) for word in (*command, "--watch", "--jobs", "1")],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.stdout is not None
    try:
        lines = [run.stdout.readline() for _ in range(3)]
        points = sum(exercise.points for exercise in exercises(LESSON))
        assert lines[-1] == f"ada/{NAME}: 0 of {points:g}, not attempted\n"
        assert run.stdout.readline().startswith("ada/work.zip: ")
        hand_in(submitted, "late", b"no notebook", NAME)
        assert run.stdout.readline().startswith(
            f"late/{NAME}: 0 of {points:g}, rejected, needs a person: "
        )
        run.send_signal(signal.SIGINT)
        rest, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    assert rest.startswith("stopped. What was graded is kept") and run.returncode == 0
    records = course / ".grader" / "records"
    deadline = time.monotonic() + 5
    while len(list(records.rglob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {path.stem for path in records.rglob("*.json")} == {"ada", "late"}
