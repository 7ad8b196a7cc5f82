"""Grade many submissions in one run; measure its speed, and its memory from first to last.

    python -m tests.bench.many [--count 2000] [--lesson single_query_attention] [--markdown FILE]

The twelve submissions of ``tests.bench.cohort``, handed in by as many students as wanted: each is
graded on cases of its own. While ``grade --jobs 2`` runs, the memory of its processes is read
from the kernel as PSS: each of n processes that share a page counts 1/n of it. Afterwards the same
command is run again, with nothing changed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from grader.course.layout import ROOT, assignment_id
from tests.bench.cohort import environment_in, hand_in, machine, proportional_memory

MIB = 2**20
EVERY = 2.0  # seconds between two looks


@dataclass(frozen=True)
class Look:
    """One moment: how many are graded, and mebibytes of each kind of process."""

    graded: int
    writer: float
    judges: float
    workers: float


def look(writer: psutil.Process, records: Path) -> Look:
    """Take a look: the writer's forks are the judges; its other child is the forkserver."""
    judges = forkserver = 0
    for child in writer.children():
        if child.cmdline() == writer.cmdline():
            judges += proportional_memory(child)
        else:
            forkserver += proportional_memory(child)
    own = proportional_memory(writer, below=False)
    graded = sum(1 for _ in records.rglob("*.json"))
    return Look(graded, own / MIB, judges / MIB, forkserver / MIB)


def watched(command: list[str], environment: dict[str, str], course: Path) -> tuple[float, list]:
    """Run the command; return its seconds, and what was seen meanwhile."""
    looks: list[Look] = []
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    writer = psutil.Process(process.pid)
    while True:
        try:
            said, _ = process.communicate(timeout=EVERY)
            break
        except subprocess.TimeoutExpired:
            looks.append(look(writer, course / ".grader" / "records"))
    if process.returncode:
        raise RuntimeError(said.decode(errors="replace")[-2000:])
    return time.perf_counter() - started, looks


def rows(looks: list[Look], count: int) -> list[str]:
    """Write a line for each tenth of the way."""
    lines = [
        "| graded | the writer, MiB | two judges | forkserver and workers | all |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    for tenth in range(1, 11):
        past = [one for one in looks if one.graded >= count * tenth / 10] or looks[-1:]
        one = past[0]
        every = one.writer + one.judges + one.workers
        parts = (one.writer, one.judges, one.workers, every)
        lines.append(f"| {one.graded} | " + " | ".join(f"{part:.0f}" for part in parts) + " |")
    return lines


def main() -> None:
    """Make the submissions, grade them, grade them again."""
    parser = argparse.ArgumentParser(description="Many submissions in one run.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--lesson", default="single_query_attention")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="many-") as name:
        folder = Path(name)
        hand_in(folder / "submitted", given.lesson, given.count)
        course = folder / "course"
        command = [sys.executable, "-m", "grader", "grade", str(folder / "submitted")]
        command += ["--jobs", "2", "--course-dir", str(course)]
        command += ["--json", str(folder / "out.json")]
        environment = environment_in(folder)
        seconds, looks = watched(command, environment, course)
        again, _ = watched(command, environment, course)
        disk = sum(path.lstat().st_size for path in course.rglob("*"))
    text = [
        f"{given.count} submissions of {assignment_id(given.lesson)}, `--jobs 2`: {seconds:.0f} s, "
        f"{given.count / seconds:.1f} a second, {disk / MIB:.0f} MiB written. The same command "
        f"again, with nothing changed: {again:.1f} s.",
        "",
        *rows(looks, given.count),
        "",
        machine(),
    ]
    print("\n".join(text))
    if given.markdown:
        given.markdown.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
