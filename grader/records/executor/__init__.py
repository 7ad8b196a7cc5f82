"""Executors: send submissions to judges, which send back what is to be written.

:mod:`local <grader.records.executor.local>` starts processes on this machine,
:mod:`cluster <grader.records.executor.cluster>` sends the same work to a Dask cluster.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from pathlib import Path

from grader.course.assignments import assignment
from grader.errors import WorkerError
from grader.judge.choose import candidate, choose
from grader.judge.outcome import CRASHED, OUT_OF_MEMORY, Outcome
from grader.judge.run import Judge, Submission, rejected
from grader.pages.executed import executed_notebook
from grader.pages.feedback import feedback_page
from grader.records.submissions import Found, Work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.source.assembly import HUMAN


class Lost(WorkerError):
    """A judge or its forkserver has died; another judge may grade the submission."""


@dataclass(frozen=True)
class JudgeLimits:
    """A judge's limits for one submission: bytes of memory, seconds of processor time.

    The workers' limits are lower; these are for faults of the grader itself.
    """

    memory: int = 2 << 30
    cpu: int = 240


@dataclass(frozen=True)
class Terms:
    """The settings of a run, the same for all submissions. ``unsandboxed``: no sandbox is used."""

    secret: bytes
    limits: Limits = Limits()
    judge: JudgeLimits = JudgeLimits()
    all_cells: bool = False
    unsandboxed: bool = False


@dataclass(frozen=True)
class Executor:
    """A group of judges that take work.

    ``size()`` returns how many judges there are now. ``gone``: the types of error that a future
    raises if its judge has died.
    """

    submit: Callable[[Work], Future]
    size: Callable[[], int]
    gone: tuple[type[BaseException], ...]


@dataclass(frozen=True)
class Graded:
    """The result that a judge sends to the process that writes."""

    outcome: Outcome
    notebook: bytes
    page: bytes


def result_of(future: Future, found: Found, gone: tuple[type[BaseException], ...]) -> Graded | str:
    """Return the result of grading ``found``, or why there is none. Lost if the judge died."""
    try:
        return future.result()
    except WorkerError as error:
        raise Lost(f"grading {_named(found)} stopped: {error}") from error
    except Exception as error:
        if isinstance(error, (CancelledError, *gone)):
            raise Lost(f"a judge died while grading {_named(found)} or another one") from error
        return our_fault(error)[1]  # such as a result that could not be sent


def our_fault(error: Exception) -> tuple[str, str]:
    """Return the outcome word and the reason for a submission on which the grader failed."""
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):  # torch's
        what = "the grader itself needed more memory for this submission than it may use"
        return OUT_OF_MEMORY, what
    steps = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(steps[-1].filename).name}, line {steps[-1].lineno})" if steps else ""
    said = str(error).strip().splitlines()[:1]
    what = ": ".join([type(error).__name__, *said])[:300]
    failed = f"the grader itself failed on this submission: {what}{where}"
    return CRASHED, f"{failed}. Please report this"


def _named(found: Found) -> str:
    return f"{found.student}/{found.assignment}"


def judge_on(terms: Terms, forkserver: Forkserver) -> Judge:
    """Return a judge for a run on these terms, with workers from this forkserver."""
    return Judge(forkserver, terms.secret, terms.limits, terms.all_cells)


def grade_work(judge: Judge, work: Work) -> Graded | str:
    """Grade one submission, for whatever door; return only the reason if it has no place.

    An error of the grader becomes the submission's outcome and does not end the run (T12).
    """
    found = work.found
    if not found.has_place:
        return found.refused
    try:
        return _with_pages(_outcome(judge, work))
    except WorkerError:
        raise  # the machine failed, and not on this submission alone
    except Exception as error:
        return without_result(judge, work, *our_fault(error))


def without_result(judge: Judge, work: Work, word: str, reason: str) -> Graded:
    """Return no points, the reason, and a request for a person: nobody has read the answers."""
    return _with_pages(replace(_rejected(judge, work, reason, person=True), outcome=word))


def _with_pages(outcome: Outcome) -> Graded:
    release = assignment(outcome.assignment)
    return Graded(
        slim(outcome), executed_notebook(outcome, release), feedback_page(outcome, release)
    )


def _outcome(judge: Judge, work: Work) -> Outcome:
    release, content, remark = assignment(work.found.assignment), work.content, ""
    if work.others:
        first = candidate(work.found.path.name, None if work.unreadable else content, release)
        if work.unreadable:
            first = replace(first, problem=work.unreadable)
        choice = choose(first, [candidate(o.name, o.content, release) for o in work.others])
        if choice.refused:
            return _rejected(judge, work, choice.refused, person=True)
        content, remark = choice.content, choice.remark
    elif work.unreadable:
        return _rejected(judge, work, work.unreadable, person=not work.nothing)
    outcome = judge.grade(_submission(work, content), release)
    return replace(outcome, repairs=(remark, *outcome.repairs)) if remark else outcome


def _rejected(judge: Judge, work: Work, reason: str, person: bool) -> Outcome:
    release = assignment(work.found.assignment)
    outcome = rejected(_submission(work, work.content), release, reason, person)
    return replace(outcome, sandbox=judge.forkserver.level)


def _submission(work: Work, content: bytes) -> Submission:
    found = work.found
    return Submission(found.student, found.assignment, content, work.prior_notebooks)


def slim(outcome: Outcome) -> Outcome:
    """Return the outcome without what only pages need: less to send to the process that writes.

    That process still needs the written answers, to see whether one has changed.
    """
    verdicts = tuple(
        replace(v, checks=tuple(replace(c, yours=None, expected=None) for c in v.checks))
        for v in outcome.verdicts
    )
    cells = tuple(cell for cell in outcome.cells if cell.role == HUMAN)
    return replace(outcome, cells=cells, verdicts=verdicts)
