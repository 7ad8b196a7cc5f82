"""Compute the report's figures (who passed what, and progress over lessons), also in words."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from grader.report.read import Exercise, Records, Submission

# The levels of passing an exercise's checks, best first; the page has a color for each.
WORDS = {
    "passed": "every check passed",
    "half": "half of the checks or more",
    "part": "fewer than half of them",
    "none": "none of them",
    "blank": "not attempted",
}
CHECK_WORDS = {"passed": "passed", "none": "did not pass", "blank": "not attempted"}
MOST_NAMED = 40  # students named under a figure
WIDTH, HEIGHT = 520, 200  # of the progress figure, within its axes


@dataclass(frozen=True)
class Strip:
    """One exercise or check: a level for each student, in the order of the figure's students.

    An exercise has a strip for each of its checks, with levels from CHECK_WORDS.
    """

    name: str
    levels: tuple[str, ...]
    checks: tuple[Strip, ...] = ()

    @property
    def words(self) -> dict[str, str]:
        """The meaning of each level."""
        return WORDS if self.checks else CHECK_WORDS

    @property
    def spoken(self) -> str:
        """The strip in words, for a screen reader."""
        counts = [(self.levels.count(level), word) for level, word in self.words.items()]
        parts = ", ".join(f"{word}: {count}" for count, word in counts if count)
        return f"{self.name}, of {len(self.levels)} students: {parts}"


@dataclass(frozen=True)
class HeatMap:
    """Exercises by students, who are ordered by their points, best first."""

    students: tuple[str, ...]
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Step:
    """One lesson in the progress figure."""

    assignment: str
    x: float
    count: int
    median: float  # share of the points

    @property
    def y(self) -> float:
        return _height(self.median)


@dataclass(frozen=True)
class Progress:
    """Shares of the points over the lessons: a line for each student, and the median."""

    steps: tuple[Step, ...]
    lines: tuple[str, ...]  # points of an SVG polyline

    @property
    def opacity(self) -> float:
        """A line's opacity: with many students, the figure is dark only where many lines meet."""
        return round(min(0.4, max(0.05, 15 / (len(self.lines) or 1))), 2)

    @property
    def median(self) -> str:
        """The points of the median's polyline."""
        return " ".join(f"{step.x:g},{step.y:g}" for step in self.steps)

    @property
    def spoken(self) -> str:
        """The figure in words, for a screen reader."""
        parts = "; ".join(
            f"{step.assignment}: {100 * step.median:.0f} % of {step.count} submissions"
            for step in self.steps
        )
        return (
            f"Progress over the lessons. Median share of the points that the checks gave: {parts}."
        )


def level(item: Exercise) -> str:
    """Return how much of an exercise passed, as a key of WORDS."""
    if not item.attempted:
        return "blank"
    if item.passed:
        return "passed"
    share = sum(check.passed for check in item.checks) / (len(item.checks) or 1)
    return "half" if share >= 0.5 else "part" if share else "none"


def heat_map(submissions: Sequence[Submission]) -> HeatMap | None:
    """Make one assignment's figure; None if nothing in it was attempted."""
    counted = [one for one in submissions if one.counted and one.exercises]
    if not any(one.tried for one in counted):
        return None
    counted.sort(key=lambda one: (-one.score, one.student))
    names = dict.fromkeys(item.id for one in counted for item in one.exercises)
    own = [{item.id: item for item in one.exercises} for one in counted]
    strips = (_strip(name, [items.get(name) for items in own]) for name in names)
    return HeatMap(tuple(one.student for one in counted), tuple(strips))


def _strip(name: str, items: Sequence[Exercise | None]) -> Strip:
    """Make an exercise's strip; an item is None if the student's record lacks the exercise."""
    tried = [item if item is not None and item.attempted else None for item in items]
    results = [{} if item is None else {c.name: c.passed for c in item.checks} for item in tried]
    levels = {True: "passed", False: "none", None: "blank"}
    checks = (
        Strip(check, tuple(levels[own.get(check)] for own in results))
        for check in dict.fromkeys(check for own in results for check in own)
    )
    return Strip(name, tuple("blank" if one is None else level(one) for one in tried), (*checks,))


def progress(records: Records) -> Progress | None:
    """Make the figure over all lessons; None with fewer than two."""
    shares: dict[str, dict[str, float]] = {}
    for one in records.submissions:
        if one.counted and one.max_score > 0:
            shares.setdefault(one.assignment, {})[one.student] = one.score / one.max_score
    names = sorted(shares)
    if len(names) < 2:
        return None
    places = {name: round(WIDTH * place / (len(names) - 1), 1) for place, name in enumerate(names)}
    steps = tuple(
        Step(name, places[name], len(shares[name]), statistics.median(shares[name].values()))
        for name in names
    )
    lines = []
    for student in records.students:
        run: list[str] = []
        for name in [*names, ""]:  # a lesson that was not handed in interrupts the line
            if name and student in shares[name]:
                run.append(f"{places[name]:g},{_height(shares[name][student]):g}")
                continue
            if len(run) > 1:
                lines.append(" ".join(run))
            run = []
    return Progress(steps, tuple(lines))


def _height(share: float) -> float:
    return round(HEIGHT * (1 - share), 1)
