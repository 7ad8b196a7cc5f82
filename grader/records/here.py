"""Judges on this machine, as processes of their own beside the one that writes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

from grader.course.assignments import load
from grader.records.judges import grade_here, judge_on, processes_of
from grader.records.pool import Lost, Pool, Terms
from grader.records.submissions import Work
from grader.sandbox.host.forkserver_client import WarmProcess


def load_lessons(assignments: Iterable[str]) -> None:
    """Import what judging these needs, for all judges, who are forks of this process."""
    for name in sorted(set(assignments)):
        load(name)
    if "torch" in sys.modules:
        from grader.protocol import step_library

        step_library.first_step()  # some known mistakes train


@contextlib.contextmanager
def judges_here(terms: Terms, walls: Callable[[int], WarmProcess], jobs: int) -> Iterator[Pool]:
    """So many processes that judge, all with workers of one warm process behind ``walls``."""
    with contextlib.ExitStack() as stack:
        warm = stack.enter_context(walls(jobs))
        processes = stack.enter_context(processes_of(judge_on(terms, warm), jobs))

        def submit(work: Work) -> Future:
            try:
                return processes.submit(grade_here, work)
            except BrokenProcessPool as error:
                raise Lost("a judge's process was killed") from error

        try:
            yield Pool(submit, lambda: jobs, (BrokenProcessPool,))
        except BaseException:
            # Nobody waits for what is still running: without its workers it ends at once.
            processes.shutdown(wait=False, cancel_futures=True)
            warm.close()
            raise
