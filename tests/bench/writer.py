"""Measure how many submissions a second the one writing process can take.

    python -m tests.bench.writer [--count 2000] [--lesson single_query_attention]

Its judges are replaced by one that returns a ready result. What is left is reading and hashing each
submission, its executed notebook and page, the line of the ledger, the marks in nbgrader's database
and the record, each flushed to the disk. This is where a cluster of any size meets its limit.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from grader.course.layout import ROOT
from grader.records.cohort import Cohort
from grader.records.executor import Executor, Graded, Terms, grade_work, judge_on
from grader.records.submissions import Work, find_submissions, read_work
from grader.sandbox.host.select import start_sandbox
from tests.bench.cohort import hand_in, machine

SALT = b"bench"


def one_result(folder: Path, lesson: str) -> Graded:
    """Return a judge's result for the solved notebook."""
    hand_in(folder, lesson, 1)
    (found,) = find_submissions(folder)
    with start_sandbox([ROOT, Path.home()], 1) as forkserver:
        graded = grade_work(judge_on(Terms(SALT), forkserver), read_work(found))
    assert isinstance(graded, Graded)
    return graded


def main() -> None:
    """Write the results in four parts, to see whether it slows down."""
    parser = argparse.ArgumentParser(description="How fast results are written.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--lesson", default="single_query_attention")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        graded = one_result(folder / "one", options.lesson)
        hand_in(folder / "submitted", options.lesson, options.count)

        def submit(work: Work) -> Future:
            future: Future = Future()
            outcome = replace(graded.outcome, student=work.found.student)
            future.set_result(replace(graded, outcome=outcome))
            return future

        @contextlib.contextmanager
        def pool(_: int) -> Iterator[Executor]:
            yield Executor(submit, lambda: 2, ())

        times = [time.perf_counter()]
        run = Cohort(folder / "course", Terms(SALT), pool)
        run.run(
            list(find_submissions(folder / "submitted")),
            lambda _: times.append(time.perf_counter()),
        )
        size = sum(path.lstat().st_size for path in (folder / "course").rglob("*"))
    quarter = options.count // 4
    speeds = [quarter / (times[(n + 1) * quarter] - times[n * quarter]) for n in range(4)]
    print(
        f"{options.count} results written, {options.count / (times[-1] - times[0]):.0f} a second "
        f"(by quarters {', '.join(f'{speed:.0f}' for speed in speeds)}), "
        f"{size / options.count / 1024:.0f} KiB each on the disk. {machine()}."
    )


if __name__ == "__main__":
    main()
