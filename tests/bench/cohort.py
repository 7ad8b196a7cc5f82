"""Grade the same cohort with this grader, with plain nbgrader, and at the least possible cost.

    python -m tests.bench.cohort [--lessons 1-7] [--times 1] [--rounds 3] [--ways grade,nbgrader]
        [--into FILE]

For each lesson there are twelve submissions of the sample cohort (solved, half, untouched, a first
cell that raises, eight mistaken ones), each handed in by as many students as ``--times`` says. In
every round, one after the other: ``grade --jobs 2``, the same with ``--all-cells``, ``nbgrader
autograde`` and ``generate_feedback`` on the same files, and the same cells run once in forkserver
processes, one and two at a time (see ``limit.py``). Gradebook and feedback are part of the first
three, and so is their start; the limit has none of it, and no secret cases or sandbox. At the end
``grade`` is run once more on all lessons in one command, as a term's end has it. Processor time is
the whole machine's while a command runs: let nothing else run beside it. All of it takes hours:
with ``--into FILE`` each run is kept there as a line, and the table is made of all lines of the
file, so that it can be run in portions (``--rounds 0`` only makes the table).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from grader.authoring.sample import students
from grader.course.layout import LESSONS, ROOT, assignment_id, notebook_path

WHO = ("ada", "blank", "half", "raises", *(f"mistaken-{number:02d}" for number in range(1, 9)))
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "plain"
c.ExecutePreprocessor.timeout = 900
c.Exchange.root = "exchange"
"""


@dataclass
class Cost:
    """One run: wall seconds, processor seconds, and peak memory in bytes."""

    wall: float
    cpu: float
    peak: int = 0


@dataclass
class Costs:
    """All runs of one way with one lesson."""

    runs: list[Cost] = field(default_factory=list)

    def median(self, name: str) -> float:
        return statistics.median(getattr(run, name) for run in self.runs)


def proportional_memory(process: psutil.Process, below: bool = True) -> int:
    """Return the PSS of a process and all below it in bytes: n sharers of a page count 1/n each."""
    total = 0
    for one in [process, *(process.children(recursive=True) if below else [])]:
        try:
            rollup = Path(f"/proc/{one.pid}/smaps_rollup").read_text()
        except OSError:
            continue  # it ended while we looked
        total += sum(int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:")
    return total * 1024


def busy_seconds() -> float:
    """Return the seconds that all processors have worked since the machine started.

    A process's own count leaves out workers: the kernel reaps them, and their time with them.
    """
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq


def measured(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[Cost, str]:
    """Run a command; return its cost, with all that it started, and what it printed."""
    started, busy = time.perf_counter(), busy_seconds()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(1.0):  # looking costs time, too
            try:
                peak[0] = max(peak[0], proportional_memory(psutil.Process(process.pid)))
            except psutil.NoSuchProcess:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert process.stdout is not None
    said = process.stdout.read().decode(errors="replace")
    process.wait()
    wall, busy = time.perf_counter() - started, busy_seconds() - busy
    over.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:6])}: exit {process.returncode}\n{said[-2000:]}")
    return Cost(wall, busy, peak[0]), said


def environment_in(folder: Path) -> dict[str, str]:
    """Return a command's environment: its own home, and nothing of this machine's settings."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "JUPYTER_RUNTIME_DIR": str(home),
        "IPYTHONDIR": str(home),
        "MPLBACKEND": "agg",
        "LANG": "C.UTF-8",
    }


def hand_in(folder: Path, lesson: str, count: int) -> None:
    """Hand in the twelve over and over, by other students, until there are ``count``."""
    name = assignment_id(lesson)
    made = {student.name: student.hands_in(lesson) or "" for student in students()}
    for number in range(count):
        who, again = WHO[number % len(WHO)], number // len(WHO)
        path = folder / f"{who}-{again:04d}" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(made[who], encoding="utf-8")


def grade(submitted: Path, course: Path, environment: dict[str, str], *more: str) -> Cost:
    """Run `grade` into a fresh course folder."""
    shutil.rmtree(course, ignore_errors=True)
    command = [sys.executable, "-m", "grader", "grade", str(submitted), "--jobs", "2"]
    command += ["--course-dir", str(course), *more]
    return measured(command, ROOT, environment)[0]


class Bench:
    """One lesson's cohort in a folder, and the ways to grade it."""

    def __init__(self, lesson: str, folder: Path, times: int) -> None:
        self.name = assignment_id(lesson)
        self.folder = folder
        self.submitted = folder / "submitted"
        hand_in(self.submitted, lesson, times * len(WHO))
        self.environment = environment_in(folder)
        self.plain = folder / "plain"
        source = self.plain / "source" / self.name
        source.mkdir(parents=True)
        shutil.copy(notebook_path(lesson), source / f"{self.name}.ipynb")
        (self.plain / "nbgrader_config.py").write_text(CONFIG)
        self._nbgrader("generate_assignment")
        self.fresh = (self.plain / "gradebook.db").read_bytes()
        shutil.copytree(self.submitted, self.plain / "submitted")

    def _nbgrader(self, word: str) -> Cost:
        command = [sys.executable, "-m", "nbgrader", word, self.name]
        return measured(command, self.plain, self.environment)[0]

    def ours(self, *more: str) -> Cost:
        """Run `grade` as usual."""
        return grade(self.submitted, self.folder / "course", self.environment, *more)

    def all_cells(self) -> Cost:
        """Run `grade` with the cells that only show something, too."""
        return self.ours("--all-cells")

    def nbgrader(self) -> Cost:
        """Run `nbgrader autograde` and `generate_feedback` on a fresh gradebook."""
        for made in ("autograded", "feedback"):
            shutil.rmtree(self.plain / made, ignore_errors=True)
        (self.plain / "gradebook.db").write_bytes(self.fresh)
        one, two = self._nbgrader("autograde"), self._nbgrader("generate_feedback")
        return Cost(one.wall + two.wall, one.cpu + two.cpu, max(one.peak, two.peak))

    def limit(self, jobs: int) -> Cost:
        """Run the cells and nothing else; the imports are not counted."""
        paths = map(str, sorted(self.submitted.rglob("*.ipynb")))
        command = [sys.executable, "-m", "tests.bench.limit", str(jobs), *paths]
        cost, said = measured(command, ROOT, self.environment)
        own = json.loads(said.splitlines()[-1])
        return Cost(own["seconds"], own["cpu"], cost.peak)


def one_command(lessons: list[str], rounds: int, times: int) -> Iterator[Cost]:
    """Grade all lessons' submissions with one ``grade``."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        for lesson in lessons:
            hand_in(folder / "submitted", lesson, times * len(WHO))
        environment = environment_in(folder)
        for _ in range(rounds):
            yield grade(folder / "submitted", folder / "course", environment)


WAYS = ("grade", "grade --all-cells", "nbgrader", "limit of one", "limit of two")


def runs_of(
    lesson: str, rounds: int, times: int, chosen_ways: list[str]
) -> Iterator[tuple[str, Cost]]:
    """Run each of these ways ``rounds`` times, in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        bench = Bench(lesson, Path(name), times)
        runs = (bench.ours, bench.all_cells, bench.nbgrader,
                lambda: bench.limit(1), lambda: bench.limit(2))  # fmt: skip
        every: dict[str, Callable[[], Cost]] = dict(zip(WAYS, runs, strict=True))
        for _ in range(rounds):
            for way in chosen_ways:
                yield way, every[way]()


Found = dict[str, dict[str, Costs]]  # by lesson, or several that were graded at once; then by way


class Kept:
    """The runs so far; if a file was named, each is also a line there."""

    def __init__(self, path: Path | None, times: int) -> None:
        self.path = path
        self.times = times
        self.found: Found = {}
        if path is not None and path.exists():
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                if row["times"] == times:
                    self._take(row["lesson"], row["way"], Cost(**row["cost"]))

    def _take(self, lesson: str, way: str, cost: Cost) -> None:
        self.found.setdefault(lesson, {}).setdefault(way, Costs()).runs.append(cost)

    def add(self, lesson: str, way: str, cost: Cost) -> None:
        self._take(lesson, way, cost)
        print(f"{lesson}, {way}: {cost.wall:.1f} s", file=sys.stderr, flush=True)
        if self.path is not None:
            row = {"lesson": lesson, "way": way, "times": self.times, "cost": asdict(cost)}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def total(found: Found, lessons: list[str]) -> dict[str, Costs]:
    """Sum the medians over lessons, for each way that all of them have."""
    ways = [way for way in WAYS if all(way in found.get(lesson, {}) for lesson in lessons)]
    sums = {}
    for way in ways:
        of = [found[lesson][way] for lesson in lessons]
        wall, cpu = (sum(costs.median(name) for costs in of) for name in ("wall", "cpu"))
        sums[way] = Costs([Cost(wall, cpu, max(int(costs.median("peak")) for costs in of))])
    return sums


def table(found: Found, lessons: list[str], times: int) -> str:
    """Write everything that was found, with the sums over several lessons."""
    head = ("lesson", "runs", "grade, s", "all cells, s", "nbgrader, s", "limit, s",
            "limit of two, s", "nbgrader ÷ grade", "CPU: all cells ÷ limit", "peak PSS, MiB",
            "theirs")  # fmt: skip
    lines = [
        f"{times * len(WHO)} submissions a lesson, medians, one after the other in turns: "
        f"{machine()}.",
        "",
        f"| {' | '.join(head)} |",
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    lines += [
        line(assignment_id(one), found[one], runs_in(found[one])) for one in lessons if one in found
    ]
    if len(lessons) > 1 and total(found, lessons):
        lines.append(line(f"**{name_of(lessons)}**, their sum", total(found, lessons)))
        at_once = found.get(name_of(lessons), {})
        whole = total(found, lessons) | at_once
        if at_once:
            lines.append(line(f"**{name_of(lessons)}**, `grade` in one command", whole))
    return "\n".join(lines) + "\n"


def name_of(lessons: list[str]) -> str:
    """Name several lessons together."""
    numbers = [LESSONS.index(lesson) + 1 for lesson in lessons]
    return f"{numbers[0]} to {numbers[-1]}"


def runs_in(found: dict[str, Costs]) -> str:
    """Say how many runs each way has had: "3", or "1 to 3"."""
    counts = [len(costs.runs) for costs in found.values()]
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))


def line(name: str, found: dict[str, Costs], runs: str = "") -> str:
    """Write a row of the table, with a dash for a way that was left out."""
    wall = {way: costs.median("wall") for way, costs in found.items()}
    cpu = {way: costs.median("cpu") for way, costs in found.items()}
    peak = {way: costs.median("peak") / 2**20 for way, costs in found.items()}
    numbers = [runs, *(_number(wall.get(way), 1) for way in WAYS)]
    numbers += [_ratio(wall, "nbgrader", "grade", 1), _ratio(cpu, WAYS[1], WAYS[3], 2)]
    numbers += [_number(peak.get(way), 0) for way in ("grade", "nbgrader")]
    return f"| {name} | " + " | ".join(numbers) + " |"


def _ratio(of: dict[str, float], first: str, second: str, digits: int) -> str:
    return _number(of[first] / of[second] if {first, second} <= of.keys() else None, digits)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def machine() -> str:
    """Describe the machine, without names."""
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def chosen(text: str) -> list[str]:
    """Return lessons by number: "1-3,8"."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return [LESSONS[number - 1] for number in numbers]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", default=f"1-{len(LESSONS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="how often each is handed in")
    parser.add_argument("--ways", default=",".join(WAYS), help="some of them")
    parser.add_argument("--into", metavar="FILE", type=Path, help="keep each run there, and go on")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table there, too")
    options = parser.parse_args()
    lessons = chosen(options.lessons)
    kept = Kept(options.into, options.times)
    for lesson in lessons:
        for way, cost in runs_of(lesson, options.rounds, options.times, options.ways.split(",")):
            kept.add(lesson, way, cost)
    if len(lessons) > 1 and "grade" in options.ways.split(","):
        for cost in one_command(lessons, options.rounds, options.times):
            kept.add(name_of(lessons), "grade", cost)
    said = table(kept.found, lessons, options.times)
    print(said, end="")
    if options.markdown:
        options.markdown.write_text(said, encoding="utf-8")


if __name__ == "__main__":
    main()
