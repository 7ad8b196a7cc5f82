"""Judges in processes of their own: each is sent work and gives back what is to be written."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

from grader.course.assignments import assignment
from grader.judge.outcome import Outcome
from grader.judge.run import Judge, Submission, rejected
from grader.pages.executed import executed_notebook
from grader.pages.feedback import feedback_page
from grader.records.pool import Graded, Terms
from grader.records.submissions import Found, Work, read_work
from grader.sandbox.host.forkserver_client import WarmProcess
from grader.threads import one_thread

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
    if not found.has_place:
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


def grade_here(work: Work) -> Graded | str:
    """In one of these processes: grade."""
    return grade_work(_JUDGE["judge"], work)


def judge_on(terms: Terms, warm: WarmProcess) -> Judge:
    """A judge on these terms, with workers of this warm process."""
    return Judge(warm, terms.secret, terms.limits, terms.all_cells)


def processes_of(judge: Judge, jobs: int) -> ProcessPoolExecutor:
    """So many processes that judge, each with a line of its own to the warm process."""
    one_thread()
    judge.warm.wait_until_warm()
    context = multiprocessing.get_context("fork")  # shares what this process has imported
    lines = context.SimpleQueue()
    for line in range(jobs):
        lines.put(line)
    gc.freeze()  # what is there by now stays, and its pages stay shared
    return ProcessPoolExecutor(jobs, context, _start_judge, (judge, lines))
