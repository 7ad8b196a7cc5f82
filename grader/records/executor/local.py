"""Judge on this machine, in processes beside the one that writes."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

from grader.course.assignments import load
from grader.judge.run import Judge
from grader.records.executor import Executor, Graded, JudgeLimits, Lost, Terms, judge_on
from grader.records.executor.apart import JudgeApart, end_with
from grader.records.submissions import Work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.threads import one_thread


def load_lessons(assignments: Iterable[str]) -> None:
    """Import what judging these assignments needs once, before the judges are forked."""
    for name in sorted(set(assignments)):
        load(name)
    if "torch" in sys.modules:
        from grader.protocol import step_library

        step_library.first_step()  # some known mistakes train, and PyTorch's first step is slow


@contextlib.contextmanager
def local_judges(
    terms: Terms, start_forkserver: Callable[[int], Forkserver], jobs: int
) -> Iterator[Executor]:
    """Open an executor of ``jobs`` judges, which share one forkserver."""
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
            # Do not wait for judges that are still grading: they end as soon as the forkserver and
            # its workers are gone.
            processes.shutdown(wait=False, cancel_futures=True)
            forkserver.close()
            raise


_JUDGE: dict[str, JudgeApart] = {}  # in a judge's process: its judge


def _start_judge(parent: int, judge: Judge, limits: JudgeLimits, socket_numbers: Any) -> None:
    """Set up a judge's process, which takes one of the forkserver's control sockets for itself."""
    end_with(parent)
    own = replace(judge, forkserver=judge.forkserver.on_socket(socket_numbers.get()))
    _JUDGE["judge"] = JudgeApart(own, limits)


def _grade(work: Work) -> Graded | str:
    """Grade one submission; runs in a judge's process."""
    return _JUDGE["judge"].grade(work)


def _processes(terms: Terms, forkserver: Forkserver, jobs: int) -> ProcessPoolExecutor:
    """Make a pool of ``jobs`` judges, each with its own control socket to the forkserver."""
    one_thread()  # a fork copies locks but not the threads that hold them: it would wait forever
    judge = judge_on(terms, forkserver)
    judge.forkserver.wait_until_ready()
    context = multiprocessing.get_context("fork")  # judges share this process's imports
    socket_numbers = context.SimpleQueue()
    for number in range(jobs):
        socket_numbers.put(number)
    gc.freeze()  # else the garbage collector writes to all objects and so copies shared pages
    arguments = (os.getpid(), judge, terms.judge, socket_numbers)
    return ProcessPoolExecutor(jobs, context, _start_judge, arguments)
