"""Sum up a verdict as data: what is wrong, once; where to look; the rest, in groups.

Notebook, terminal and feedback page show the same summary: see :mod:`grader.student.report`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grader.protocol.values import CheckResult, Misconception, Verdict
from grader.rules.comparing import show
from grader.rules.quiz import CHOOSES
from grader.student.words import points

MAX_CELLS = 900  # of a matrix that is drawn
MAX_NUMBERS = 8  # in a row that is written out


@dataclass(frozen=True)
class Row:
    """A row of numbers: its label ("yours", "expected", "difference"), and its entries."""

    label: str
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Checks with the same outcome, each with what there is to say about it, or ""."""

    title: str
    checks: tuple[tuple[str, str], ...]
    unfolded: bool = False


@dataclass(frozen=True, eq=False)
class Summary:
    """What to show of a verdict; "" and () where there is nothing to say.

    ``first`` says which earlier answers are to be fixed first. ``wrong`` is the one thing that is
    wrong, ``why`` the explanation of the mistake, ``seen`` where it showed. ``rows`` are the
    numbers there; ``matrices`` (yours, expected) can be drawn in their place. ``look`` says where
    to look, ``rest`` is what can be folded, ``next`` what comes next, ``model`` the code that shows
    a model answer.
    """

    exercise: str
    passed: bool
    headline: str
    points: str
    wrong: str = ""
    why: str = ""
    seen: str = ""
    rows: tuple[Row, ...] = ()
    matrices: tuple[np.ndarray, np.ndarray] | None = None
    look: str = ""
    rest: tuple[Group, ...] = ()
    next: str = ""
    first: str = ""
    model: str = ""


def summary(
    verdict: Verdict,
    *,
    final: bool = False,
    following: str = "",
    run_failed: bool = False,
    model: str = "",
) -> Summary:
    """Sum up the verdict on an exercise that was attempted.

    Args:
        verdict: the verdict.
        final: its points are a mark, not what the public cases give so far.
        following: what to call the exercise that comes next, to be named if this one is right.
        run_failed: if the answer is missing, that is because the last run of its cell failed.
        model: the code that shows a model answer, to be named if this one is right.
    """
    given = f"{verdict.score:g} of {points(verdict.max_score)}" + ("" if final else " so far")
    head = Summary(verdict.exercise, verdict.passed, headline(verdict), given)
    failed = [check for check in verdict.checks if check.tried and not check.passed]
    if not failed:
        if head.passed:
            head = replace(head, next=following, model=model)
        return replace(head, rest=_groups(verdict, ()))
    first, *others = failed
    missing = first.failure is not None and first.failure.kind == "missing"
    if missing and run_failed:
        wrong = f"The last run of its cell failed, so there is no {verdict.exercise} yet"
        return replace(head, wrong=wrong, rest=_groups(verdict, others, first))
    return replace(
        _with_the_failure(head, first),
        rows=rows(first),
        matrices=matrices(first),
        rest=_groups(verdict, others, first),
    )


def on_earlier(said: Summary, earlier: Sequence[Verdict]) -> Summary:
    """Add to the summary of a failed exercise that earlier ones, which it builds on, failed, too.

    It then says to fix those first, and no longer where to look in this one.
    """
    if said.passed or not earlier:
        return said
    clauses = " and ".join(clause(f"your {one.exercise}", one) for one in earlier)
    names = [one.exercise for one in earlier]
    advice = begin_with(names, all(one.attempted for one in earlier))
    return replace(said, first=f"{clauses[0].upper()}{clauses[1:]}. {advice}", look="")


def clause(whose: str, verdict: Verdict) -> str:
    """Say how an earlier answer did, such as "your X fails 2 of its 4 checks"."""
    if not verdict.attempted:
        return f"{whose} is not written yet"
    failed = sum(not check.passed for check in verdict.checks)
    return f"{whose} fails {failed} of its {len(verdict.checks)} checks"


def begin_with(names: Sequence[str], written: bool) -> str:
    """Give the advice to begin with these answers."""
    return f"{'Fix' if written else 'Write'} {' and '.join(names)} first."


def headline(verdict: Verdict) -> str:
    """Say in a line how many checks passed."""
    passed, count = sum(check.passed for check in verdict.checks), len(verdict.checks)
    if not any(check.tried for check in verdict.checks):
        return f"{verdict.exercise}: no check could be judged yet"
    if count == 1:
        return f"{verdict.exercise}: its one check {'passed' if passed else 'failed'}"
    some = "all" if passed == count else f"{passed} of"
    return f"{verdict.exercise}: {some} {count} checks passed"


def sentence(exercise: str, known: Misconception) -> str:
    """Describe the mistake that an answer to this exercise shows, in a sentence."""
    if known.title.startswith(CHOOSES):
        return f"You chose {known.title.removeprefix(CHOOSES)}."
    return f"This is what you get if {exercise} {known.title}."


def _with_the_failure(head: Summary, check: CheckResult) -> Summary:
    """Add the named mistake, or else what was seen and, if the call gave a value, where to look."""
    known = check.misconception
    if known is not None:
        seen = f"Seen in “{check.name}”: {check.message}"
        return replace(head, wrong=sentence(head.exercise, known), why=known.says, seen=seen)
    wrong = check.message
    if wrong.startswith("it raised"):
        wrong = f"{head.exercise}{wrong.removeprefix('it')}"
    elif wrong.startswith("still running"):
        wrong = f"{head.exercise} was {wrong}"
    elif wrong.startswith(("the ", "there ", "two ", "your ")):  # else it may begin with a name
        wrong = wrong[0].upper() + wrong[1:]
    look = check.look if check.failure is None else ""
    missing = check.failure is not None and check.failure.kind == "missing"
    seen = "" if missing else f"Seen in “{check.name}”"  # a missing answer is missing in all checks
    return replace(head, wrong=wrong, seen=seen, look=look)


def _groups(
    verdict: Verdict, others: Sequence[CheckResult], first: CheckResult | None = None
) -> tuple[Group, ...]:
    """Group all checks except the first that failed: same reason, another, not judged, passed."""
    same = [check for check in others if first is not None and same_reason(first, check)]
    differing = [check for check in others if check not in same]
    waiting = [check for check in verdict.checks if not check.tried]
    passed = [check for check in verdict.checks if check.passed]
    remarks = verdict.passed and any(check.message for check in passed)
    alike = [(check.name, "") for check in same]
    told = [(check.name, _told(verdict.exercise, check)) for check in differing]
    groups = (
        _group("fails", "fail", alike, " for the same reason"),
        _group("fails", "fail", told, " for another reason" if alike else " too"),
        _group("could", "could", [(one.name, one.message) for one in waiting], " not be judged"),
        _group("passes", "pass", [(check.name, check.message) for check in passed], "", remarks),
    )
    return tuple(group for group in groups if group.checks)


def _group(
    one: str, many: str, checks: Sequence[tuple[str, str]], rest: str, unfolded: bool = False
) -> Group:
    what = f"1 check {one}" if len(checks) == 1 else f"{len(checks)} checks {many}"
    texts = {text for _, text in checks} - {""}
    if len(checks) > 1 and len(texts) == 1 and all(text for _, text in checks):  # said once
        return Group(f"{what}{rest}: {texts.pop()}", tuple((n, "") for n, _ in checks), unfolded)
    return Group(f"{what}{rest}", tuple(checks), unfolded)


def same_reason(first: CheckResult, other: CheckResult) -> bool:
    """Tell whether two failed checks show one mistake, or an error from the same line.

    Where no mistake has a name and no call failed, the words decide.
    """
    if first.misconception is not None or other.misconception is not None:
        ids = [one.misconception.id for one in (first, other) if one.misconception is not None]
        return len(ids) == 2 and ids[0] == ids[1]
    one, two = first.failure, other.failure
    if one is None or two is None:
        return one is two and first.message == other.message
    if one.line:
        return (one.type, one.line, one.number) == (two.type, two.line, two.number)
    return one == two


def _told(exercise: str, check: CheckResult) -> str:
    """Describe a further check that failed: by its own mistake, or by what was seen."""
    if check.misconception is None:
        return check.message
    return f"{check.message}. {sentence(exercise, check.misconception)} {check.misconception.says}"


def rows(check: CheckResult) -> tuple[Row, ...]:
    """Return yours, expected and difference in the first row that differs; () if it is too long.

    If the result is a number or a vector, that is all of it.
    """
    pair = _numbers(check)
    if pair is None or (pair[0].ndim and pair[0].shape[-1] > MAX_NUMBERS) or not pair[0].size:
        return ()
    yours, expected = (np.atleast_1d(one) for one in pair)
    flat = [one.reshape(-1, one.shape[-1]) for one in (yours, expected)]
    place = int(np.argmin(_same(flat[0], flat[1]).all(axis=1)))  # the first row that differs
    mine, due = flat[0][place], flat[1][place]
    signed = tuple("0" if d == 0 else f"{d:+.3g}" for d in difference(mine, due).tolist())
    return (
        Row("yours", tuple(map(show, mine))),
        Row("expected", tuple(map(show, due))),
        Row("difference", signed),
    )


def matrices(check: CheckResult) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the first 2-D slices of yours and expected that differ; None if not to be drawn."""
    pair = _numbers(check)
    if pair is None or pair[0].ndim < 2 or pair[0].shape[-1] * pair[0].shape[-2] > MAX_CELLS:
        return None
    slices = [one.reshape(-1, *one.shape[-2:]) for one in pair]
    for one, other in zip(*slices, strict=True):
        if not _same(one, other).all():
            return one, other
    return slices[0][0], slices[1][0]


def _numbers(check: CheckResult) -> tuple[np.ndarray, np.ndarray] | None:
    """Return yours and expected as float64 arrays of one shape, if the check has such a pair."""
    yours, expected = check.yours, check.expected
    if yours is None or expected is None or yours.shape != expected.shape:
        return None
    if yours.dtype.kind not in "fiub" or not yours.size:
        return None
    return yours.astype(np.float64), expected.astype(np.float64)


def difference(yours: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return yours - expected, 0 wherever they agree, also where both are inf or both nan.

    Rounding errors count as agreement, unless nothing else differs.
    """
    with np.errstate(invalid="ignore"):
        return np.where(_same(yours, expected), 0.0, yours - expected)


def _same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Tell where two arrays agree but for rounding; if everywhere, where they are equal."""
    near = np.isclose(one, other, rtol=1e-4, atol=1e-6, equal_nan=True)
    return near if not near.all() else np.isclose(one, other, rtol=0, atol=0, equal_nan=True)
