"""Executors: judges to which submissions are sent, and which send back what is to be written.

:mod:`local <grader.records.executor.local>` starts processes on this machine,
:mod:`cluster <grader.records.executor.cluster>` sends the same work to a Dask cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace

from grader.course.assignments import assignment
from grader.errors import WorkerError
from grader.judge.outcome import Outcome
from grader.judge.run import Judge, Submission, rejected
from grader.pages.executed import executed_notebook
from grader.pages.feedback import feedback_page
from grader.records.submissions import Found, Work, read_work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits


class Lost(WorkerError):
    """A judge or its forkserver is gone; the submission may be graded by another."""


@dataclass(frozen=True)
class JudgeLimits:
    """What a judge may use for one submission: bytes of memory, seconds of processor time.

    Not the worker's, which are less: a fault of ours is what these are for.
    """

    memory: int = 2 << 30
    cpu: int = 240


@dataclass(frozen=True)
class Terms:
    """What a run grades with, the same for all. ``unsandboxed``: every submission is trusted."""

    secret: bytes
    limits: Limits = Limits()
    judge: JudgeLimits = JudgeLimits()
    all_cells: bool = False
    unsandboxed: bool = False


@dataclass(frozen=True)
class Executor:
    """Judges that take work.

    ``size()``: how many judges there are at this moment. ``gone``: the types of error by which a
    future says that its judge has died.
    """

    submit: Callable[[Work], Future]
    size: Callable[[], int]
    gone: tuple[type[BaseException], ...]


@dataclass(frozen=True)
class Graded:
    """What a judge sends to the process that writes."""

    outcome: Outcome
    notebook: bytes
    page: bytes


def result_of(future: Future, found: Found, gone: tuple[type[BaseException], ...]) -> Graded | str:
    """The result of grading ``found``. Lost if the judge died; WorkerError for an error in it."""
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


def judge_on(terms: Terms, forkserver: Forkserver) -> Judge:
    """A judge for a run on these terms, with workers of this forkserver."""
    return Judge(forkserver, terms.secret, terms.limits, terms.all_cells)


def grade_found(judge: Judge, found: Found) -> Graded | str:
    """Read and grade one submission."""
    return grade_work(judge, read_work(found))


def grade_work(judge: Judge, work: Work) -> Graded | str:
    """Grade one submission; only the reason if there is no assignment to grade it for."""
    found = work.found
    if not found.has_place:
        return found.refused
    release = assignment(found.assignment)
    submission = Submission(found.student, found.assignment, work.content, work.prior_notebooks)
    if work.unreadable:
        outcome = rejected(submission, release, work.unreadable)
        outcome = replace(outcome, sandbox=judge.forkserver.level)
    else:
        outcome = judge.grade(submission, release)
    return Graded(
        slim(outcome), executed_notebook(outcome, release), feedback_page(outcome, release)
    )


def slim(outcome: Outcome) -> Outcome:
    """The outcome without what only pages need: less to send to the process that writes."""
    verdicts = tuple(
        replace(v, checks=tuple(replace(c, yours=None, expected=None) for c in v.checks))
        for v in outcome.verdicts
    )
    return replace(outcome, cells=(), verdicts=verdicts)
