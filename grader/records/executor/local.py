"""Judges on this machine, as processes of their own beside the one that writes."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from grader.course.assignments import load
from grader.judge.run import Judge
from grader.records.executor import Executor, Graded, Lost, Terms, grade_work, judge_on
from grader.records.submissions import Work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.threads import one_thread


def load_lessons(assignments: Iterable[str]) -> None:
    """Import what judging these needs, for all judges, who are forks of this process."""
    for name in sorted(set(assignments)):
        load(name)
    if "torch" in sys.modules:
        from grader.protocol import step_library

        step_library.first_step()  # some known mistakes train


@contextlib.contextmanager
def local_judges(terms: Terms, walls: Callable[[int], Forkserver], jobs: int) -> Iterator[Executor]:
    """So many processes that judge, all with workers of one forkserver behind ``walls``."""
    with contextlib.ExitStack() as stack:
        forkserver = stack.enter_context(walls(jobs))
        processes = stack.enter_context(_processes(judge_on(terms, forkserver), jobs))

        def submit(work: Work) -> Future:
            try:
                return processes.submit(_grade, work)
            except BrokenProcessPool as error:
                raise Lost("a judge's process was killed") from error

        try:
            yield Executor(submit, lambda: jobs, (BrokenProcessPool,))
        except BaseException:
            # Nobody waits for what is still running: without its workers it ends at once.
            processes.shutdown(wait=False, cancel_futures=True)
            forkserver.close()
            raise


_JUDGE: dict[str, Any] = {}


def _start_judge(judge: Judge, lines: Any) -> None:
    """Each judge process takes one line to the forkserver, and dies with its parent."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _JUDGE["judge"] = replace(judge, forkserver=judge.forkserver.on_socket(lines.get()))


def _grade(work: Work) -> Graded | str:
    """In one of these processes: grade."""
    return grade_work(_JUDGE["judge"], work)


def _processes(judge: Judge, jobs: int) -> ProcessPoolExecutor:
    """So many processes that judge, each with a line of its own to the forkserver."""
    one_thread()
    judge.forkserver.wait_until_ready()
    context = multiprocessing.get_context("fork")  # shares what this process has imported
    lines = context.SimpleQueue()
    for line in range(jobs):
        lines.put(line)
    gc.freeze()  # what is there by now stays, and its pages stay shared
    return ProcessPoolExecutor(jobs, context, _start_judge, (judge, lines))
