"""Judges on this machine, each a process of its own beside the process that writes."""

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
from grader.records.executor import Executor, Graded, JudgeLimits, Lost, Terms, judge_on
from grader.records.executor.apart import JudgeApart
from grader.records.submissions import Work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.threads import one_thread


def load_lessons(assignments: Iterable[str]) -> None:
    """Import what judging these needs once, before the judges are forked from this process."""
    for name in sorted(set(assignments)):
        load(name)
    if "torch" in sys.modules:
        from grader.protocol import step_library

        step_library.first_step()  # some known mistakes train, and PyTorch's first step is slow


@contextlib.contextmanager
def local_judges(
    terms: Terms, start_forkserver: Callable[[int], Forkserver], jobs: int
) -> Iterator[Executor]:
    """An executor of ``jobs`` judges, which share one forkserver."""
    with contextlib.ExitStack() as stack:
        forkserver = stack.enter_context(start_forkserver(jobs))
        processes = stack.enter_context(_processes(terms, forkserver, jobs))

        def submit(work: Work) -> Future:
            try:
                return processes.submit(_grade, work)
            except BrokenProcessPool as error:
                raise Lost("a judge's process was killed") from error

        try:
            yield Executor(submit, lambda: jobs, (BrokenProcessPool,))
        except BaseException:
            # Do not wait for judges that are still grading: once the forkserver and its workers
            # are gone they end at once.
            processes.shutdown(wait=False, cancel_futures=True)
            forkserver.close()
            raise


_JUDGE: dict[str, JudgeApart] = {}  # in a judge's process: its judge


def _start_judge(judge: Judge, limits: JudgeLimits, socket_numbers: Any) -> None:
    """First in each judge's process: take one control socket of the forkserver for itself.

    The process dies with its parent, and leaves Ctrl-C to it.
    """
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own = replace(judge, forkserver=judge.forkserver.on_socket(socket_numbers.get()))
    _JUDGE["judge"] = JudgeApart(own, limits)


def _grade(work: Work) -> Graded | str:
    """Runs in a judge's process: grade."""
    return _JUDGE["judge"].grade(work)


def _processes(terms: Terms, forkserver: Forkserver, jobs: int) -> ProcessPoolExecutor:
    """``jobs`` processes that judge, each with a control socket of its own to the forkserver."""
    one_thread()  # a fork does not copy threads, and waits forever for a lock that one held
    judge = judge_on(terms, forkserver)
    judge.forkserver.wait_until_ready()
    context = multiprocessing.get_context("fork")  # shares what this process has imported
    socket_numbers = context.SimpleQueue()
    for number in range(jobs):
        socket_numbers.put(number)
    gc.freeze()  # the garbage collector would write to every object, and so copy shared pages
    return ProcessPoolExecutor(jobs, context, _start_judge, (judge, terms.judge, socket_numbers))
