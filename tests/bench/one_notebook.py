"""Compare grading one notebook, once the forkserver is ready, with a run in a fresh kernel.

    python -m tests.bench.one_notebook [--rounds N]

These alternate in one run: the judge's whole work (bytes to marks, notebook and page), and the same
notebook executed by nbclient in a kernel of its own, as `nbgrader autograde` does.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from grader.authoring.solve import solved
from grader.course.layout import LESSONS, ROOT, assignment_id
from grader.judge.run import Judge
from grader.records.executor import grade_work
from grader.records.submissions import Found, read_work
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox
from grader.threads import one_thread


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def in_a_kernel(lesson: str) -> None:
    """Run every code cell but the checks in a fresh kernel."""
    notebook = solved(lesson)
    notebook.cells = [c for c in notebook.cells if not c.id.startswith("check_")]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    one_thread()
    with tempfile.TemporaryDirectory() as name, start_sandbox([ROOT, Path.home()], 1) as forkserver:
        print(
            "| lesson | graded, median s | all cells, median s | fresh kernel, median s | ratio |"
        )
        print("| --- | ---: | ---: | ---: | ---: |")
        for lesson in LESSONS:
            task = assignment_id(lesson)
            path = Path(name) / "ada" / task / f"{task}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(nbformat.writes(solved(lesson)), encoding="utf-8")
            found = Found("ada", task, path)
            ways = {
                "few": lambda f=found: grade_work(Judge(forkserver, b"s", Limits()), read_work(f)),
                "all": lambda f=found: grade_work(
                    Judge(forkserver, b"s", Limits(), True), read_work(f)
                ),
                "kernel": lambda one=lesson: in_a_kernel(one),
            }
            for way in ways.values():
                way()
            times: dict[str, list[float]] = {key: [] for key in ways}
            for _ in range(rounds):
                for key, way in ways.items():
                    times[key].append(seconds(way))
            few, every, kernel = (statistics.median(times[key]) for key in ways)
            ratio = f"{kernel / few:.0f}"
            print(f"| {task} | {few:.3f} | {every:.3f} | {kernel:.2f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
