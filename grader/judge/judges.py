"""Judges in processes of their own: each is sent work and gives back what is to be written."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Any

from grader.course.prove import one_thread
from grader.judge.course import assignment, assignment_ids
from grader.judge.executed import executed_notebook
from grader.judge.feedback import feedback_page
from grader.judge.grading import Judge, Submission, rejected
from grader.judge.handed_in import Found, Work, read_work
from grader.judge.outcome import Outcome
from grader.judge.settings import Limits
from grader.judge.workers import WarmProcess, WorkerError


class Lost(WorkerError):
    """A process of the grader's own is gone: killed, or it cannot start another."""


@dataclass(frozen=True)
class Terms:
    """On what terms a run judges. ``unwalled``: the instructor trusts every submission."""

    secret: bytes
    limits: Limits = Limits()
    all_cells: bool = False
    unwalled: bool = False


@dataclass(frozen=True)
class Pool:
    """Judges that take work. ``size``: how many of them there are at this moment.

    ``gone``: what a future says whose judge is no more.
    """

    submit: Callable[[Work], Future]
    size: Callable[[], int]
    gone: tuple[type[BaseException], ...]


@dataclass(frozen=True)
class Graded:
    """What a judge hands to the writer."""

    outcome: Outcome
    notebook: bytes
    page: bytes


_JUDGE: dict[str, Any] = {}


def _start_judge(judge: Judge, lines: Any) -> None:
    """Each judge process takes one line to the warm process, and dies with its parent."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _JUDGE["judge"] = replace(judge, warm=judge.warm.on_line(lines.get()))


def grade_found(judge: Judge, found: Found) -> Graded | str:
    """Read and grade one submission."""
    return grade_work(judge, read_work(found))


def grade_work(judge: Judge, work: Work) -> Graded | str:
    """Grade one submission; the reason alone where there is no assignment to grade it for."""
    found = work.found
    if found.refused or found.assignment not in assignment_ids():
        return found.refused
    release = assignment(found.assignment)
    submission = Submission(found.student, found.assignment, work.content, work.earlier)
    if work.unreadable:
        outcome = rejected(submission, release, work.unreadable)
        outcome = replace(outcome, sandbox=judge.warm.level)
    else:
        outcome = judge.grade(submission, release)
    return Graded(
        slim(outcome), executed_notebook(outcome, release), feedback_page(outcome, release)
    )


def slim(outcome: Outcome) -> Outcome:
    """Without what only pages need."""
    verdicts = tuple(
        replace(v, checks=tuple(replace(c, yours=None, expected=None) for c in v.checks))
        for v in outcome.verdicts
    )
    return replace(outcome, cells=(), verdicts=verdicts)


def _grade_here(work: Work) -> Graded | str:
    return grade_work(_JUDGE["judge"], work)


@contextlib.contextmanager
def judges_here(terms: Terms, walls: Callable[[int], WarmProcess], jobs: int) -> Iterator[Pool]:
    """So many processes that judge, all with workers of one warm process behind ``walls``."""
    with walls(jobs) as warm, _processes(judge_on(terms, warm), jobs) as processes:

        def submit(work: Work) -> Future:
            try:
                return processes.submit(_grade_here, work)
            except BrokenProcessPool as error:
                raise Lost("a judge's process was killed") from error

        try:
            yield Pool(submit, lambda: jobs, (BrokenProcessPool,))
        except BaseException:
            # Nobody waits for what is still running: without its workers it ends at once.
            processes.shutdown(wait=False, cancel_futures=True)
            warm.close()
            raise


def judge_on(terms: Terms, warm: WarmProcess) -> Judge:
    """A judge on these terms, with workers of this warm process."""
    return Judge(warm, terms.secret, terms.limits, terms.all_cells)


def _processes(judge: Judge, jobs: int) -> ProcessPoolExecutor:
    one_thread()
    judge.warm.wait_until_warm()
    context = multiprocessing.get_context("fork")  # shares what this process has imported
    lines = context.SimpleQueue()
    for line in range(jobs):
        lines.put(line)
    return ProcessPoolExecutor(jobs, context, _start_judge, (judge, lines))


def result_of(future: Future, found: Found, gone: tuple[type[BaseException], ...]) -> Graded | str:
    """What became of it. Lost where its judge is gone; WorkerError for a fault of ours."""
    try:
        return future.result()
    except WorkerError as error:
        raise Lost(f"grading {_named(found)} stopped: {error}") from error
    except Exception as error:
        if isinstance(error, (CancelledError, *gone)):
            raise Lost(f"a judge is gone that was grading {_named(found)} or another") from error
        raise WorkerError(f"grading {_named(found)} failed: {error!r}") from error


def _named(found: Found) -> str:
    return f"{found.student}/{found.assignment}"
