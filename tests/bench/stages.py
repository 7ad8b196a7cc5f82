"""Find where the time of grading a cohort goes: the share of each stage, lesson by lesson.

    python -m tests.bench.stages [--lessons 1-9] [--markdown FILE]

The twelve submissions of ``tests.bench.cohort``, graded and written one after the other by one
judge in this process, after one of them was graded uncounted. The start (imports, the forkserver)
is a row of its own, as a share of the whole with that start. If one stage calls another, that
counts for the other; waiting for a worker counts for what it was asked to do.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from grader.course.assignments import modules_of
from grader.course.layout import ROOT, assignment_id
from grader.judge import judging
from grader.judge.second_runs import SecondRuns
from grader.records import cohort, executor
from grader.records.executor import Terms
from grader.records.executor.local import load_lessons
from grader.records.submissions import find_submissions, read_work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox
from grader.sandbox.host.workers import Worker
from grader.threads import one_thread
from tests.bench.cohort import WHO, chosen, hand_in, machine

STAGES: dict[str, list[tuple[Any, str]]] = {
    "a worker's start and end": [(Forkserver, "start"), (Worker, "close")],
    "cells": [(Worker, "run_cell")],
    "answers to questions": [(Worker, "ask")],
    "drawing cases": [(judging.Judging, "suite")],
    "rules": [(judging, "look")],
    "names": [(judging.Judging, "named"), (judging.Judging, "explained")],
    "what to run again": [(SecondRuns, "runs")],
    "pages": [(executor, "executed_notebook"), (executor, "feedback_page")],
    "writing": [(cohort.Cohort, "_write")],
}


class Clock:
    """A clock of seconds by stage; a stage inside another stops the other's."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.running: list[str] = []
        self.since = time.perf_counter()

    def switch(self) -> None:
        """Count the time that has passed for the stage that was running."""
        now = time.perf_counter()
        self.seconds[self.running[-1] if self.running else "the rest"] += now - self.since
        self.since = now

    def watch(self, stage: str, owner: Any, name: str) -> None:
        """Count every call of this function for that stage."""
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self.switch()
            self.running.append(stage)
            try:
                return inner(*args, **kwargs)
            finally:
                self.switch()
                self.running.pop()

        setattr(owner, name, timed)


def shares_of(lesson: str, clock: Clock) -> tuple[float, dict[str, float]]:
    """Return the seconds of the whole, and the share of each stage."""
    name = assignment_id(lesson)
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        hand_in(folder / "submitted", lesson, len(WHO))
        started = time.perf_counter()
        modules, meanwhile = modules_of([name]), partial(load_lessons, [name])
        with start_sandbox(
            [ROOT, Path.home()], 1, modules=modules, meanwhile=meanwhile
        ) as forkserver:
            start = time.perf_counter() - started
            terms = Terms(b"bench", Limits())
            run = cohort.Cohort(folder / "course", terms, lambda _: None)  # type: ignore[arg-type]
            judge = executor.judge_on(terms, forkserver)
            works = [read_work(found) for found in find_submissions(folder / "submitted")]
            executor.grade_work(judge, works[0])
            with run._gradebook(work.found for work in works) as book:
                clock.seconds.clear()
                clock.since = time.perf_counter()
                for work in works:
                    graded = executor.grade_work(judge, work)
                    run._write(book, work.found, run._key(work), graded)
                clock.switch()
    found = {"start": start, **clock.seconds}
    whole = sum(found.values())
    return whole, {stage: seconds / whole for stage, seconds in found.items()}


def main() -> None:
    """Print a table with a column for each lesson."""
    parser = argparse.ArgumentParser(description="The share of each stage of grading.")
    parser.add_argument("--lessons", default="1-9")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    one_thread()
    clock = Clock()
    for stage, functions in STAGES.items():
        for owner, name in functions:
            clock.watch(stage, owner, name)
    lessons = chosen(options.lessons)
    columns = [shares_of(lesson, clock) for lesson in lessons]
    lines = [
        f"{len(WHO)} submissions of each lesson, one judge, one run: {machine()}. Shares in %.",
        "",
        "| stage | " + " | ".join(assignment_id(lesson)[:2] for lesson in lessons) + " |",
        "| --- |" + " ---: |" * len(lessons),
    ]
    for stage in ("start", *STAGES, "the rest"):
        shares = (f"{100 * shares.get(stage, 0.0):.0f}" for _, shares in columns)
        lines.append(f"| {stage} | " + " | ".join(shares) + " |")
    lines.append("| whole, s | " + " | ".join(f"{whole:.1f}" for whole, _ in columns) + " |")
    print("\n".join(lines))
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
