"""``python -m tests.campaigns.kills``: SIGKILL a grading run at random instants, and go on.

A cohort is graded once undisturbed. Then, in a fresh course folder, the same command is killed
at a random instant and started again, over and over; every few kills it is left to finish. After
each kill whatever is on disk must be whole; after each finished run every submission has exactly
one outcome and the marks of the undisturbed run, and the ledger and the gradebook agree.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grader.course.layout import ROOT
from tests.campaigns.runs import broken_files, command, faults_after, grade, make_cohort

KILLS_A_ROUND = 3


@dataclass
class Tally:
    """What the campaign saw."""

    kills: int = 0
    rounds: int = 0
    during: dict[str, int] = field(default_factory=dict)  # submissions done at the kill → how often
    faults: list[str] = field(default_factory=list)


def kill_once(submitted: Path, course: Path, due: Callable[[float], bool]) -> None:
    """Start the command, and kill it once ``due`` says so for the seconds that it has run."""
    run = subprocess.Popen(
        command(submitted, course),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = time.monotonic()
    while run.poll() is None and not due(time.monotonic() - started):
        time.sleep(0.002)
    if run.poll() is None:
        os.kill(run.pid, signal.SIGKILL)  # the command alone: what it started must end by itself
        run.wait()


def recorded(course: Path) -> int:
    """Count the submissions that have a record."""
    return sum(1 for _ in (course / ".grader" / "records").rglob("*.json"))


def instant(rng: random.Random, course: Path, count: int, length: float) -> Callable[[float], bool]:
    """Choose when to kill: at any time of a run or, half of the time, while results are written.

    The second is a little after some number of results: most of a short run is its start.
    """
    if rng.random() < 0.5:
        after = rng.uniform(0.0, 1.0) * length
        return lambda seconds: seconds >= after
    wanted, pause = rng.randrange(count), rng.uniform(0.0, 0.15)
    seen: list[float] = []

    def due(seconds: float) -> bool:
        if not seen and recorded(course) >= wanted:
            seen.append(seconds)
        return bool(seen) and seconds >= seen[0] + pause

    return due


def campaign(kills: int, seed: int, folder: Path) -> Tally:
    """Run the whole campaign below ``folder``."""
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
            kill_once(submitted, course, instant(rng, course, len(expected), length))
            tally.kills += 1
            done = str(recorded(course))
            tally.during[done] = tally.during.get(done, 0) + 1
            tally.faults += [f"half written: {name}" for name in broken_files(course)]
        tally.rounds += 1
        tally.faults += faults_after(submitted, course, expected)
    return tally


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
