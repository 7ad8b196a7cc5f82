"""Print the table at the end of ``grade``: a line for each submission or each assignment."""

from __future__ import annotations

import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MOST_LINES = 60  # nobody reads a longer table
USUAL = ("graded", "not attempted")


@dataclass(frozen=True)
class Row:
    """The part of a result that the table shows."""

    student: str
    assignment: str
    outcome: str
    reason: str
    score: float
    max_score: float
    seconds: float
    notices: tuple[str, ...] = ()  # why a person has to look
    lateness: str = ""  # how late it was and what that costs, in words
    is_late: bool = False
    time_in_doubt: bool = False
    name: str = ""  # the student's

    @classmethod
    def of(cls, result: dict[str, Any]) -> Row:
        """Make a result's row; the late penalty is subtracted from its score."""
        names = ("student", "assignment", "reason", "max_score", "seconds")
        values = {name: result[name] for name in names}
        return cls(
            **values,
            score=max(0.0, result["score"] - result.get("penalty", 0.0)),
            outcome=result["outcome"].replace("_", " "),
            notices=tuple(result.get("notices", ())),
            lateness=result.get("lateness", ""),
            is_late=result.get("seconds_late", 0.0) > 0,
            time_in_doubt=result.get("time_in_doubt", False),
            name=result.get("name", ""),
        )

    @property
    def is_usual(self) -> bool:
        """Whether nobody has to look at it. Late work is usual, unless its time is in doubt."""
        return self.outcome in USUAL and not self.notices and not self.time_in_doubt

    @property
    def outcome_and_reason(self) -> str:
        """The outcome, with its lateness, its reason and why a person has to look, if any."""
        word = ", ".join(filter(None, (self.outcome, self.lateness)))
        word = f"{word}, needs a person" if self.notices else word
        texts = filter(None, dict.fromkeys((self.reason, *self.notices)))
        return ": ".join(filter(None, (word, "; ".join(texts))))

    @property
    def line(self) -> str:
        where = f"{self.student}/{self.assignment}"
        return f"{where}: {self.score:g} of {self.max_score:g}, {self.outcome_and_reason}"


def show(rows: list[Row], sandbox: str, course_dir: Path, passed_over: Sequence[str] = ()) -> None:
    """Print all rows, or for a large cohort a line per assignment and the rows to look at.

    ``passed_over`` has a line for each thing in the folder that is not a submission.
    """
    console = Console() if sys.stdout.isatty() else Console(width=120)
    title = f"{len(rows)} submissions · sandbox: {sandbox or 'not needed'}"
    if len(rows) <= MOST_LINES:
        console.print(_submissions(rows, title))
    else:
        console.print(_assignments(rows, title))
        unusual = [row for row in rows if not row.is_usual]
        if unusual:
            shown = unusual[:MOST_LINES]
            which = f", the first {MOST_LINES}" if len(shown) < len(unusual) else ""
            console.print(_submissions(shown, f"{len(unusual)} to look at{which}"))
        console.print("--json FILE writes every result, `python -m grader report` sums them up")
    for line in passed_over[:MOST_LINES]:
        console.print(f"passed over: {escape(line)}")
    if len(passed_over) > MOST_LINES:
        console.print(f"… and {len(passed_over) - MOST_LINES} more: --json FILE has them all")
    console.print(
        f"Executed notebooks, feedback pages and gradebook.db are in {escape(str(course_dir))}"
    )


def _submissions(rows: list[Row], title: str) -> Table:
    table = Table(title=title)
    for name in ("student", "assignment", "outcome", "score", "of", "s"):
        right = name in ("score", "of", "s")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "outcome")
    for row in rows:
        who = f"{row.student} ({row.name})" if row.name else row.student
        words = map(escape, (who, row.assignment, row.outcome_and_reason))
        table.add_row(*words, f"{row.score:g}", f"{row.max_score:g}", f"{row.seconds:.2f}")
    return table


def _assignments(rows: list[Row], title: str) -> Table:
    table = Table(title=title)
    table.add_column("assignment", no_wrap=True)
    late = ("late",) if any(row.is_late for row in rows) else ()
    for name in ("submissions", *USUAL, "otherwise", *late, "mean score", "of", "mean s"):
        table.add_column(name, justify="right")
    for name in sorted({row.assignment for row in rows}):
        own = [row for row in rows if row.assignment == name]
        count = Counter(row.outcome for row in own)
        usual = [count[word] for word in USUAL]
        table.add_row(
            escape(name) or "(none)",
            *map(str, (len(own), *usual, len(own) - sum(usual))),
            *[f"{sum(row.is_late for row in own)}" for _ in late],
            f"{statistics.fmean(row.score for row in own):.2f}",
            f"{max(row.max_score for row in own):g}",
            f"{statistics.fmean(row.seconds for row in own):.2f}",
        )
    return table
