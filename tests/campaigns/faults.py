"""``python -m tests.campaigns.faults``: disturb a machine while it grades a cohort.

A cohort is graded once undisturbed. Then, for each fault, the same command is run in a fresh
course folder and disturbed: its processes are killed or stopped, its database is locked, its disk
fills, the clock jumps. It must end well, or say in a line what is wrong. After the next run every
submission has one outcome and the marks of the undisturbed run, nothing is half written, ledger
and gradebook agree, and no process is left.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.course.layout import ROOT
from grader.sandbox.host.limits import Limits
from tests.campaigns.runs import (
    broken_files,
    command,
    differences,
    faults_after,
    grade,
    make_cohort,
    marks,
)

MOST = 300.0  # seconds for one run
NO_DISK = "no small disk could be made here"
# Mebibytes and files of a disk that fills at different moments of the run.
SMALL_DISKS = ((0.2, 0), (0.4, 0), (0.6, 0), (0.8, 0), (1.0, 0), (0, 8), (0, 20), (0, 40))
DISK = """
mount -t tmpfs -o size=$1,nr_inodes=$2 tmpfs "$3/course" || exit 99
shift; shift; folder="$1"; shift
"$@" >"$folder/said" 2>&1
echo $? >"$folder/code"
cp -a "$folder/course" "$folder/halted"
mount -o remount,size=200M,nr_inodes=100000 tmpfs "$folder/course" || exit 99
"$@" >"$folder/said again" 2>&1
echo $? >"$folder/code again"
cp -a "$folder/course" "$folder/after"
"""


@dataclass
class Run:
    """A run of the grading command that is being disturbed, and its process tree."""

    process: subprocess.Popen
    course: Path
    seen: dict[int, psutil.Process]

    def tree(self) -> list[psutil.Process]:
        """Return every living process of the run but the command itself."""
        try:
            found = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self.seen |= {one.pid: one for one in found}
        return found

    def of_kind(self, kind: str) -> list[psutil.Process]:
        """Find processes: a ``forkserver``, which forks workers; a ``judge``; or a ``worker``."""
        tree, own = self.tree(), self.process.pid
        found = []
        for one in tree:
            try:
                words, parent = " ".join(one.cmdline()), one.ppid()
            except psutil.NoSuchProcess:
                continue
            zygote = "grader.sandbox.guest.forkserver" in words
            if kind == "forkserver" and zygote and parent == own:
                found.append(one)
            if kind == "judge" and not zygote and "grader" in words and parent == own:
                found.append(one)
            if kind == "worker" and zygote and parent != own and _parent_is_supervisor(one, own):
                found.append(one)
        return found

    def until(self, records: int) -> bool:
        """Wait until so many submissions are recorded; return False if the run ended before."""
        folder = self.course / ".grader" / "records"
        limit = time.monotonic() + MOST
        while time.monotonic() < limit and self.process.poll() is None:
            self.tree()
            if folder.exists() and len(list(folder.rglob("*.json"))) >= records:
                return True
            time.sleep(0.02)
        return False

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and the output."""
        limit = time.monotonic() + MOST
        while self.process.poll() is None and time.monotonic() < limit:
            self.tree()
            time.sleep(0.1)
        said, _ = self.process.communicate(timeout=MOST)
        return self.process.returncode, said

    def left(self) -> list[psutil.Process]:
        """Return processes of the run that live on after it, given a moment to end."""
        _, alive = psutil.wait_procs(list(self.seen.values()), timeout=5)
        return alive


def _parent_is_supervisor(one: psutil.Process, own: int) -> bool:
    """Tell whether it is a worker, three below the command: forkserver, supervisor, worker."""
    try:
        line = one.parents()
    except psutil.NoSuchProcess:
        return False
    pids = [parent.pid for parent in line]
    return own in pids and pids.index(own) == 2


Disturb = Callable[[Run, random.Random], Iterator[str]]
FAULTS: dict[str, tuple[Disturb, bool]] = {}


def fault(goes_on: bool) -> Callable[[Disturb], Disturb]:
    """Register a fault; ``goes_on``: the disturbed run must still end well, with all marks."""

    def register(disturb: Disturb) -> Disturb:
        FAULTS[disturb.__name__] = (disturb, goes_on)
        return disturb

    return register


def _kill_one(run: Run, rng: random.Random, kind: str, records: int) -> Iterator[str]:
    if not run.until(records):
        yield "the run ended before it could be disturbed"
        return
    for _ in range(200):
        found = run.of_kind(kind)
        if found:
            with suppress(psutil.NoSuchProcess):  # it ended by itself, just now
                rng.choice(found).kill()
                return
        time.sleep(0.02)
    yield f"no {kind} was found to kill"


@fault(goes_on=True)
def warm_process_dies(run: Run, rng: random.Random) -> Iterator[str]:
    """The forkserver is killed, and once more after the next start."""
    yield from _kill_one(run, rng, "forkserver", 2)
    yield from _kill_one(run, rng, "forkserver", 5)


@fault(goes_on=True)
def judge_dies(run: Run, rng: random.Random) -> Iterator[str]:
    """One of the processes that ask and judge is killed."""
    yield from _kill_one(run, rng, "judge", 3)


@fault(goes_on=True)
def workers_die(run: Run, rng: random.Random) -> Iterator[str]:
    """Workers are killed from outside, as by a machine that is out of memory."""
    for records in (1, 3, 6):
        yield from _kill_one(run, rng, "worker", records)


@fault(goes_on=True)
def everything_stands_still(run: Run, rng: random.Random) -> Iterator[str]:
    """All processes are stopped for longer than a submission may idle, then continued."""
    if not run.until(rng.randrange(2, 6)):
        yield "the run ended before it could be disturbed"
    tree = [psutil.Process(run.process.pid), *run.tree()]
    for one in tree:
        one.suspend()
    time.sleep(Limits().idle + 5)
    for one in tree:
        one.resume()


@contextmanager
def _locked(course: Path) -> Iterator[None]:
    book = sqlite3.connect(course / "gradebook.db", timeout=20)
    try:
        book.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        book.rollback()
        book.close()


@fault(goes_on=True)
def database_locked_for_a_while(run: Run, rng: random.Random) -> Iterator[str]:
    """Another program holds the gradebook for some seconds."""
    if not run.until(2):
        yield "the run ended before it could be disturbed"
    with _locked(run.course):
        time.sleep(8)


@fault(goes_on=False)
def database_locked(run: Run, rng: random.Random) -> Iterator[str]:
    """Another program holds the gradebook and does not let it go."""
    if not run.until(2):
        yield "the run ended before it could be disturbed"
    with _locked(run.course):
        code, said = run.end()
    yield from _refusal(code, said, "locked")


def _refusal(code: int, said: str, word: str) -> Iterator[str]:
    """Yield a fault unless the run says why it cannot go on: the word, exit 1, no traceback."""
    if code != 1 or "Traceback" in said or word not in said:
        yield f"exit {code}, not a clear error: {said[-600:]}"


@fault(goes_on=True)
def clock_jumps(run: Run, rng: random.Random) -> Iterator[str]:
    """The clock goes back by two years, on by four, and back again."""
    clock = run.course.parent / "clock"
    for records, jump in ((1, "-730d"), (4, "+1460d"), (7, "+0d")):
        if not run.until(records):
            yield "the run ended before it could be disturbed"
        clock.write_text(jump)


def _clock() -> dict[str, str]:
    """Return an environment whose clock a file sets wrong; {} without libfaketime."""
    for library in Path("/usr/lib").glob("*/faketime/libfaketime.so.1"):
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    return {}


def disturbed(
    name: str, submitted: Path, folder: Path, expected: dict, rng: random.Random
) -> Iterator[str]:
    """Run and disturb, then go on; yield everything that is not as it must be."""
    disturb, goes_on = FAULTS[name]
    course = folder / name / "course"
    course.parent.mkdir()
    environment = dict(os.environ)
    if name == "clock_jumps":
        (course.parent / "clock").write_text("+0d")
        environment |= _clock() | {"FAKETIME_TIMESTAMP_FILE": str(course.parent / "clock")}
    process = subprocess.Popen(
        command(submitted, course),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    run = Run(process, course, {})
    try:
        yield from disturb(run, rng)
        code, said = run.end()
    finally:
        process.kill()
    if goes_on:
        if code:
            yield f"exit {code}: {said[-600:]}"
        else:
            yield from differences(marks(course), expected)
    yield from (f"left running: {one}" for one in run.left())
    yield from faults_after(submitted, course, expected)


def on_a_small_disk(
    size: float, files: int, submitted: Path, folder: Path, expected: dict
) -> Iterator[str]:
    """Run on a disk that fills up, then again with room; yield what is wrong.

    The disk is a tmpfs in a mount namespace of its own, which ends with it.
    """
    (folder / "course").mkdir(parents=True)
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    bounds = [str(int(size * 2**20)) if size else "200M", str(files or 100_000)]
    done = subprocess.run(
        [*alone, "sh", "-c", DISK, "sh", *bounds, str(folder),
         *command(submitted, folder / "course")],
        cwd=ROOT, capture_output=True, text=True, timeout=2 * MOST, check=False,
    )  # fmt: skip
    if done.returncode:
        yield f"{NO_DISK}: {done.stderr[-300:]}"
        return
    code = int((folder / "code").read_text())
    if code:
        yield from _refusal(code, (folder / "said").read_text(), "go on")
    yield from (f"half written: {name}" for name in broken_files(folder / "halted"))
    if (folder / "code again").read_text().strip() != "0":
        yield f"the next run failed: {(folder / 'said again').read_text()[-600:]}"
        return
    yield from differences(marks(folder / "course"), expected)
    yield from faults_after(submitted, folder / "after", expected)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="faults whose name holds this")
    options = parser.parse_args()
    rng, count, bad = random.Random(options.seed), 0, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        submitted = folder / "submitted"
        make_cohort(submitted)
        (folder / "calm").mkdir()
        expected = grade(submitted, folder / "calm" / "course")
        tasks: dict[str, Callable[[], Iterator[str]]] = {}
        for one in FAULTS:
            if one == "clock_jumps" and not _clock():
                print("clock_jumps: left out: libfaketime is not installed (apt: faketime)")
                continue
            tasks[one] = lambda one=one: disturbed(one, submitted, folder, expected, rng)
        for size, files in SMALL_DISKS:
            label = f"disk full ({f'{size:g} MiB' if size else f'{files} files'})"
            place = folder / f"disk-{size}-{files}"
            tasks[label] = lambda s=size, f=files, p=place: on_a_small_disk(
                s, f, submitted, p, expected
            )
        for label, task in tasks.items():
            if options.only not in label:
                continue
            started = time.monotonic()
            found = list(task())
            count, bad = count + 1, bad + len(found)
            print(f"{label}: {len(found)} faults, {time.monotonic() - started:.0f} s", flush=True)
            for line in found:
                print(f"    {line}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
    print(f"{count} disturbed runs of {len(expected)} submissions: {bad} faults")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
