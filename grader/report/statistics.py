"""Summarize the records: counts, shares, and how well exercises discriminate."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.protocol.values import Misconception
from grader.report.read import Exercise, Mark, Records, Submission

BINS = 10
FEWEST = 3  # submissions: with two, every correlation is 1 or -1
MOST_TO_TEACH = 5  # misconceptions under "What to teach tomorrow"
Lookup = Callable[[str, str, str], Misconception | None]  # assignment, exercise, misconception


@dataclass(frozen=True)
class CheckSummary:
    """One check, over all students who attempted its exercise."""

    name: str
    attempted: int
    passed: int


@dataclass(frozen=True)
class ExerciseSummary:
    """One exercise over all submissions that could be read.

    ``mean_share`` is the mean share of the points, 0 for those who did not attempt it.
    ``discrimination`` is None where it is undefined.
    """

    id: str
    max_score: float
    submissions: int
    attempted: int
    passed: int
    mean_share: float | None
    discrimination: float | None
    checks: tuple[CheckSummary, ...]


@dataclass(frozen=True)
class Shared:
    """A misconception, and the students who hold it."""

    assignment: str
    exercise: str
    id: str
    title: str
    says: str
    students: tuple[str, ...]
    attempted: int

    @property
    def share(self) -> float:
        return len(self.students) / self.attempted

    @property
    def is_shared(self) -> bool:
        return len(self.students) > 1


@dataclass(frozen=True)
class Summary:
    """One assignment.

    ``mean``, ``median`` and ``histogram`` are of the marks in the gradebook or, where it has none,
    of the points that the checks gave. ``marked`` is how many submissions have a mark there, and
    ``waiting`` how many of these wait for a person, who may still give more.
    """

    assignment: str
    submissions: int
    counted: int
    outcomes: dict[str, int]
    max_score: float
    mean: float | None
    median: float | None
    histogram: tuple[int, ...]
    exercises: tuple[ExerciseSummary, ...]
    misconceptions: tuple[Shared, ...]
    marked: int = 0
    waiting: int = 0


def summaries(records: Records, lookup: Lookup) -> list[Summary]:
    """Return a summary for each assignment, in the course's order."""
    return [summary(name, records.of(name), lookup, records.marks) for name in records.assignments]


def summary(
    assignment: str,
    submissions: Sequence[Submission],
    lookup: Lookup,
    marks: Mapping[tuple[str, str], Mark],
) -> Summary:
    """Summarize the submissions to one assignment, whose marks may be in the gradebook."""
    counted = [one for one in submissions if one.counted]
    given = [marks.get((one.student, assignment)) for one in counted]
    results = [mark or one for mark, one in zip(given, counted, strict=True)]
    scores = [one.score for one in results]
    return Summary(
        assignment,
        len(submissions),
        len(counted),
        dict(Counter(one.outcome for one in submissions)),
        max((one.max_score for one in [*submissions, *results]), default=0.0),
        statistics.fmean(scores) if scores else None,
        statistics.median(scores) if scores else None,
        histogram(one.score / one.max_score for one in results if one.max_score > 0),
        tuple(_exercise(name, counted) for name in _exercises(counted)),
        tuple(_shared(assignment, counted, lookup)),
        sum(mark is not None for mark in given),
        sum(mark is not None and mark.waiting for mark in given),
    )


def histogram(shares: Iterable[float]) -> tuple[int, ...]:
    """Count the shares of the points in each tenth; full marks are in the last one."""
    # Rounded, because a share that comes out a hair below 0.3 would be counted a tenth too low.
    # Clipped, because a person may give more than a question's points, or negative points.
    places = (math.floor(round(share * BINS, 9)) for share in shares)
    counts = Counter(min(max(place, 0), BINS - 1) for place in places)
    return tuple(counts[place] for place in range(BINS))


def discrimination(exercise: str, submissions: Iterable[Submission]) -> float | None:
    """Return the corrected item-total correlation of an exercise.

    This is Pearson's correlation of the exercise's points with the points of the assignment's other
    exercises, over the submissions in which anything was attempted; for an all-or-nothing exercise,
    it is the point-biserial correlation. Without the correction an exercise would correlate with
    itself (Henrysson 1963). None with fewer than three submissions, or if either side does not
    vary.
    """
    pairs = []
    for one in submissions:
        own = [item.score for item in one.exercises if item.id == exercise]
        others = [item.score for item in one.exercises if item.id != exercise]
        if one.tried and own and others:
            # Rounded, so that sums that are equal on paper do not differ in their last bit.
            pairs.append((round(own[0], 6), round(math.fsum(others), 6)))
    if len(pairs) < FEWEST or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return None
    return statistics.correlation(*zip(*pairs, strict=True))


def tomorrow(found: Iterable[Summary]) -> list[Shared]:
    """Return the misconceptions shared by most students, at least two, over all assignments."""
    shared = [one for each in found for one in each.misconceptions if one.is_shared]
    return sorted(shared, key=_most_first)[:MOST_TO_TEACH]


def _most_first(one: Shared) -> tuple:
    return -len(one.students), -one.share, one.assignment, one.exercise, one.id


def _exercises(submissions: Sequence[Submission]) -> list[str]:
    """Return the exercises in the notebook's order, which every record keeps."""
    return list(dict.fromkeys(item.id for one in submissions for item in one.exercises))


def _exercise(name: str, submissions: Sequence[Submission]) -> ExerciseSummary:
    found = [item for one in submissions for item in one.exercises if item.id == name]
    attempted = [item for item in found if item.attempted]
    shares = [item.score / item.max_score for item in found if item.max_score > 0]
    return ExerciseSummary(
        name,
        max(item.max_score for item in found),
        len(found),
        len(attempted),
        sum(item.passed for item in attempted),
        statistics.fmean(shares) if shares else None,
        discrimination(name, submissions),
        tuple(_checks(attempted)),
    )


def _checks(attempted: Sequence[Exercise]) -> Iterable[CheckSummary]:
    checks = [check for item in attempted for check in item.checks]
    for name in dict.fromkeys(check.name for check in checks):
        own = [check.passed for check in checks if check.name == name]
        yield CheckSummary(name, len(own), sum(own))


def _shared(assignment: str, submissions: Sequence[Submission], lookup: Lookup) -> Iterable[Shared]:
    """Return the misconceptions, most frequent first; a student counts once for each."""
    students: dict[tuple[str, str], list[str]] = {}
    attempted: Counter[str] = Counter()
    for one in submissions:
        for item in one.exercises:
            attempted[item.id] += item.attempted
            for name in dict.fromkeys(c.misconception for c in item.checks if c.misconception):
                students.setdefault((item.id, name), []).append(one.student)
    found = []
    for (exercise, name), who in students.items():
        known = lookup(assignment, exercise, name)
        title, says = (known.title, known.says) if known else ("", "")
        count = max(attempted[exercise], len(who))
        found.append(Shared(assignment, exercise, name, title, says, tuple(sorted(who)), count))
    return sorted(found, key=_most_first)
