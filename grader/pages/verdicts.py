"""Sum up a verdict as everything shows it that comes back from grading."""

from __future__ import annotations

from grader.judge.outcome import Outcome
from grader.protocol.values import Verdict
from grader.student.summary import Summary, on_earlier, summary


def graded(verdict: Verdict, outcome: Outcome) -> Summary:
    """The summary of one exercise's verdict, with what became of those that it builds on."""
    earlier = outcome.first.get(verdict.exercise, ())
    failed = [one for one in outcome.verdicts if one.exercise in earlier and not one.passed]
    return on_earlier(summary(verdict, final=True), failed)
