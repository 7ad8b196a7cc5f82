"""``python -m tests.campaigns.kills``: SIGKILL a grading run at random instants, and go on.

A cohort is graded once undisturbed. Then, in a fresh course folder, the same command is killed
at a random instant and started again, over and over; every few kills it is left to finish. After
each kill whatever is on disk must be whole; after each finished run every submission has exactly
one outcome and the marks of the undisturbed run, and the ledger and the gradebook agree.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from grader.course.layout import ROOT, notebook_path
from grader.course.sample import answer_text
from grader.course.solve import solved
from grader.specs import assignment_id
from solutions.registry import misconceptions
from tests.conftest import with_answers

LESSON = "self_attention"
NAME = assignment_id(LESSON)
KILLS_A_ROUND = 3


@dataclass
class Tally:
    """What the campaign saw."""

    kills: int = 0
    rounds: int = 0
    during: dict[str, int] = field(default_factory=dict)  # submissions done at the kill → how often
    faults: list[str] = field(default_factory=list)


def make_cohort(folder: Path) -> None:
    """Twelve submissions of every kind, small, so that a run is short and the kills fall dense."""
    texts = {"ada": nbformat.writes(solved(LESSON)), "blank": notebook_path(LESSON).read_text()}
    for number, version in enumerate(misconceptions(LESSON, "scaled_dot_product_attention")[:6]):
        answers = {version.exercise: answer_text(version)}
        texts[f"mistaken-{number}"] = with_answers(LESSON, answers, solve=True)
    texts["junk"] = "not a notebook"
    texts["exits"] = with_answers(LESSON, {"SelfAttention": "import os\nos._exit(1)"}, solve=True)
    texts["half"] = nbformat.writes(solved(LESSON, {"softmax_jacobian"}))
    texts["raises"] = with_answers(LESSON, {"SelfAttention": "1 / 0"}, solve=True)
    for student, text in texts.items():
        path = folder / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")


def command(submitted: Path, course: Path) -> list[str]:
    report = str(course.parent / "out.json")
    return [sys.executable, "-m", "grader", "grade", str(submitted), "--course-dir", str(course),
            "--salt", "the campaign's salt", "--json", report]  # fmt: skip


def grade(submitted: Path, course: Path) -> dict[str, tuple]:
    """Run to the end; the marks, check by check."""
    done = subprocess.run(
        command(submitted, course), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}")
    results = json.loads((course.parent / "out.json").read_text())["submissions"]
    marks = {
        f"{one['student']}/{one['assignment']}": (
            one["outcome"],
            one["score"],
            [[c["passed"] for c in e["checks"]] for e in one["exercises"]],
        )
        for one in results
    }
    if len(marks) != len(results):
        raise RuntimeError("a submission has more than one outcome")
    return marks


def kill_once(submitted: Path, course: Path, after: float) -> None:
    """Start the command, and kill it and its group ``after`` seconds later."""
    run = subprocess.Popen(
        command(submitted, course),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        run.wait(after)
    except subprocess.TimeoutExpired:
        os.kill(run.pid, signal.SIGKILL)  # the command alone: what it started must end by itself
        run.wait()


def broken_files(course: Path) -> list[str]:
    """Files under their final names that are not whole."""
    found = []
    for path in course.rglob("*"):
        if path.is_file() and not path.name.startswith(".writing-"):
            try:
                if path.suffix in (".ipynb", ".json"):
                    json.loads(path.read_bytes())
                elif path.suffix == ".html" and "</html>" not in path.read_text()[-200:]:
                    found.append(str(path.relative_to(course)))
            except ValueError:
                found.append(str(path.relative_to(course)))
    return found


def campaign(kills: int, seed: int, folder: Path) -> Tally:
    """The whole campaign below ``folder``."""
    rng, tally = random.Random(seed), Tally()
    submitted, course = folder / "submitted", folder / "killed" / "course"
    make_cohort(submitted)
    (folder / "calm").mkdir()
    started = time.monotonic()
    expected = grade(submitted, folder / "calm" / "course")
    length = time.monotonic() - started
    while tally.kills < kills:
        if course.exists():
            shutil.rmtree(course)
        course.parent.mkdir(exist_ok=True)
        for _ in range(min(KILLS_A_ROUND, kills - tally.kills)):
            kill_once(submitted, course, rng.uniform(0.3, 1.0) * length)
            tally.kills += 1
            records = course / ".grader" / "records"
            done = str(len(list(records.rglob("*.json")))) if records.exists() else "0"
            tally.during[done] = tally.during.get(done, 0) + 1
            tally.faults += [f"half written: {name}" for name in broken_files(course)]
        tally.rounds += 1
        _compare(tally, submitted, course, expected)
    return tally


def _compare(tally: Tally, submitted: Path, course: Path, expected: dict) -> None:
    try:
        found = grade(submitted, course)
    except RuntimeError as error:
        tally.faults.append(f"the next run failed: {error}")
        return
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            tally.faults.append(f"{name}: {found.get(name)}, undisturbed {expected.get(name)}")
    check = [sys.executable, "-m", "grader", "verify", "--course-dir", str(course)]
    check += ["--salt", "the campaign's salt"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        tally.faults.append(f"verify: {done.stdout[-600:]}{done.stderr[-300:]}")


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = campaign(options.kills, options.seed, Path(folder))
    spread = ", ".join(f"{n}: {count}" for n, count in sorted(tally.during.items(), key=_first))
    print(f"{tally.kills} kills, {tally.rounds} finished runs, {len(tally.faults)} faults")
    print(f"submissions recorded at the kill, and how often: {spread}")
    for fault in tally.faults:
        print(fault)
    sys.exit(bool(tally.faults))


def _first(pair: tuple[str, int]) -> int:
    return int(pair[0])


if __name__ == "__main__":
    main()
