"""Measure how long a student waits for ``check``: right and wrong answers, first and again.

    python -m tests.bench.check [--markdown FILE]

It runs in one process, as in a kernel that has run the lesson's cells: the public cases of each
exercise, on the course's solution and on its first known mistake (which must be named as well).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.course.versions import Version, misconceptions, solution
from grader.student.check import verdict_here
from grader.threads import one_thread
from tests.bench.cohort import machine


def seconds(version: Version) -> tuple[float, float, bool]:
    """Time the first call, which loads the cases, and the next; also return if it passed."""

    def once() -> tuple[float, bool]:
        started = time.perf_counter()
        passed = verdict_here(version.exercise, version.namespace, version.source).passed
        return time.perf_counter() - started, passed

    (first, passed), (again, _) = once(), once()
    return first, again, passed


def spread(name: str, found: list[float], text: Callable[[float], str]) -> str:
    """Write a line: how many, their median, ninth decile and maximum."""
    tenths = statistics.quantiles(found, n=10)
    numbers = (statistics.median(found), tenths[-1], max(found))
    return f"| {name} | {len(found)} | " + " | ".join(map(text, numbers)) + " |"


def main() -> None:
    """Time them all, print a table."""
    parser = argparse.ArgumentParser(description="How long a student waits for check.")
    parser.add_argument("--markdown", metavar="FILE", type=Path)
    options = parser.parse_args()
    one_thread()
    times: dict[str, list[float]] = {}
    slowest: list[tuple[float, str]] = []
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            versions = [solution(lesson, exercise.id), misconceptions(lesson, exercise.id)[0]]
            for kind, version in zip(("right", "wrong"), versions, strict=True):
                first, again, passed = seconds(version)
                if passed != (kind == "right"):
                    raise RuntimeError(f"{version.name} of {exercise.id} is not {kind} here")
                times.setdefault(f"{kind} answer, first call", []).append(first)
                times.setdefault(f"{kind} answer, next call", []).append(again)
                slowest.append((again, exercise.id))
    lines = [
        f"{machine()}.",
        "",
        "| `check` of a | exercises | median, ms | nine in ten below, ms | slowest, ms |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [spread(name, found, lambda s: f"{1000 * s:.0f}") for name, found in times.items()]
    named = ", ".join(f"`{name}` {s:.1f} s" for s, name in sorted(slowest, reverse=True)[:4])
    lines += ["", f"The slowest: {named}."]
    print("\n".join(lines))
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
