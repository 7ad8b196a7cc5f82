"""Where judges run: work goes out to them, and what is to be written comes back.

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
    """A process of the grader's own is gone: killed, or it cannot start another."""


@dataclass(frozen=True)
class Terms:
    """On what terms a run judges. ``unsandboxed``: the instructor trusts every submission."""

    secret: bytes
    limits: Limits = Limits()
    all_cells: bool = False
    unsandboxed: bool = False


@dataclass(frozen=True)
class Executor:
    """Judges that take work.

    ``size()`` is how many of them there are at this moment; ``gone`` are the errors of a future
    whose judge is no more.
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


def judge_on(terms: Terms, forkserver: Forkserver) -> Judge:
    """A judge on these terms, with workers of this forkserver."""
    return Judge(forkserver, terms.secret, terms.limits, terms.all_cells)


def grade_found(judge: Judge, found: Found) -> Graded | str:
    """Read and grade one submission."""
    return grade_work(judge, read_work(found))


def grade_work(judge: Judge, work: Work) -> Graded | str:
    """Grade one submission; the reason alone where there is no assignment to grade it for."""
    found = work.found
    if not found.has_place:
        return found.refused
    release = assignment(found.assignment)
    submission = Submission(found.student, found.assignment, work.content, work.earlier)
    if work.unreadable:
        outcome = rejected(submission, release, work.unreadable)
        outcome = replace(outcome, sandbox=judge.forkserver.level)
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
