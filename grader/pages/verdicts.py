"""Sum up a verdict for all that comes back from grading."""

from __future__ import annotations

from grader.course.exercises import home_of
from grader.course.layout import LESSONS
from grader.judge.outcome import Outcome
from grader.protocol.values import Verdict
from grader.student.summary import Summary, on_earlier, summary


def why_carried(exercise: str, outcome: Outcome) -> str:
    """Say in a sentence why an exercise has the points of a second run; "" if it has not."""
    if exercise not in outcome.carried:
        return ""
    found = outcome.earlier_first.get(exercise)
    if found is None:
        return "An earlier exercise that this one uses was wrong."
    own = " and your ".join(
        f"{name} of lesson {LESSONS.index(home_of(name)) + 1}" for name in found.prior
    )
    passed = f" (and of {' and '.join(found.passed)}, which passed)" if found.passed else ""
    return (
        f"With the course's version of your {own}{passed} this exercise earns more: look at your "
        f"{' and your '.join(found.prior)} first."
    )


def graded(verdict: Verdict, outcome: Outcome) -> Summary:
    """Sum up one exercise's verdict, with what became of the exercises that it builds on."""
    earlier = outcome.first.get(verdict.exercise, ())
    failed = [one for one in outcome.verdicts if one.exercise in earlier and not one.passed]
    return on_earlier(summary(verdict, final=True), failed)
