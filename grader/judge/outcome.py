"""The outcome of grading: plain data, from which tables, pages and the gradebook are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.judge.second_runs import EarlierFirst
from grader.protocol.values import Verdict

GRADED = "graded"
NOT_ATTEMPTED = "not_attempted"
TIMED_OUT = "timed_out"
OUT_OF_MEMORY = "out_of_memory"
CRASHED = "crashed"
REJECTED = "rejected"
OUTCOMES = (GRADED, NOT_ATTEMPTED, TIMED_OUT, OUT_OF_MEMORY, CRASHED, REJECTED)


@dataclass(frozen=True)
class Shown:
    """A cell of the executed notebook: its part's role and text, and its outputs (sanitized)."""

    role: str
    kind: str
    id: str
    source: str
    exercise: str = ""
    outputs: tuple = ()


@dataclass(frozen=True)
class Outcome:
    """The result of grading one submission."""

    student: str
    assignment: str
    outcome: str
    max_score: float
    reason: str = ""
    verdicts: tuple[Verdict, ...] = ()
    carried: frozenset[str] = frozenset()  # exercises whose verdict is from a second run
    cells: tuple[Shown, ...] = ()
    repairs: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()  # why a person has to look, such as a cell that fits nowhere
    unsure: frozenset[str] = frozenset()  # the exercises and questions that wait for that person
    humans: dict[str, tuple[float, bool]] = field(default_factory=dict)  # points, answered
    digest: str = ""
    seconds: float = 0.0
    sandbox: str = ""
    # For a failed exercise: the failed ones that it builds on, to be fixed first.
    first: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # For an exercise in ``carried``: the answers of earlier lessons to look at first.
    earlier_first: Mapping[str, EarlierFirst] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The sum of the exercises' scores, kept within 0 … ``max_score`` whatever happened."""
        total = sum(min(max(v.score, 0.0), v.max_score) for v in self.verdicts)
        return round(min(max(total, 0.0), self.max_score), 2)

    def as_json(self) -> dict[str, Any]:
        """Return the form that ``grade --json`` prints. Keep it stable: other programs read it."""
        return {
            "student": self.student,
            "assignment": self.assignment,
            "outcome": self.outcome,
            "reason": self.reason,
            "score": self.score,
            "max_score": self.max_score,
            "seconds": round(self.seconds, 3),
            "exercises": [_exercise(verdict) for verdict in self.verdicts],
            "human": [
                {"id": name, "max_score": points, "answered": answered}
                for name, (points, answered) in self.humans.items()
            ],
            "repairs": list(self.repairs),
            "notices": list(self.notices),
            "needs_person": sorted(self.unsure),
        }


def _exercise(verdict: Verdict) -> dict[str, Any]:
    """Return one exercise, without untried checks: they say nothing of what a cohort can do."""
    return {
        "id": verdict.exercise,
        "score": verdict.score,
        "max_score": verdict.max_score,
        "attempted": verdict.attempted,
        "checks": [
            {
                "name": check.name,
                "passed": check.passed,
                "message": check.message,
                "misconception": check.misconception.id if check.misconception else None,
            }
            for check in verdict.checks
            if check.tried
        ],
    }
