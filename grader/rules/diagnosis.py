"""Name the mistake in a wrong answer: the misconception that gives the same replies.

A name is true or absent. The misconception that is named gives what the student gave in *every*
case that failed, in at least one of them by its value, and it is right wherever the student is. So
a mistake that also shows in some other way has no name, and neither has an answer that two
misconceptions explain equally well. If a mistake shows only in errors, the same operation has to
raise them in the same cases. A misconception has variants, which share its name.

Where the student's code raised an error and the misconception gives a value, the two cannot be
compared: something else has stopped the code. Such a case is evidence for no misconception, unless
another one raises the error, too. A check that failed in such a case gets no name. For the others
to get one, more than one case has to agree, not counting degenerate values: many mistakes give the
same where all numbers are equal, nan or 0.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.protocol.values import NOT_ASKED, Check, CheckSuite, Misconception, Reply, Tensor
from grader.rules.comparing import Tolerance, agree, operation, same_message
from grader.rules.rule import Finding, rule_named, tolerance_of
from grader.rules.side_checks import DTYPE, INPUTS, subject


@dataclass(frozen=True)
class Judged:
    """One check with the places of its cases: all, those that failed, and those that are right."""

    check: Check
    places: range
    failing: tuple[int, ...] = ()
    right: tuple[int, ...] = ()


def judged(check: Check, start: int, failed: bool, replies: Sequence[Reply]) -> Judged:
    """Tell a check's failing cases from its right ones.

    If a check failed though each case is as expected, or expects nothing, all its cases failed. If
    it passed, an unexpected error is neither right nor failing: the check may not look at it.
    """
    places = range(start, start + len(check.cases))
    asked = [place for place in places if replies[place] is not NOT_ASKED]
    expectations = dict(zip(places, (case.expected for case in check.cases), strict=True))
    if not failed:
        judged_by = [p for p in asked if _raises_as_due(replies[p], expectations[p])]
        return Judged(check, places, right=tuple(judged_by))
    tolerance = tolerance_of(check)
    right = []
    for place in asked:
        expected = expectations[place]
        if expected is not None and agree(replies[place], expected, tolerance):
            right.append(place)
    if len(right) == len(asked):
        right = []
    return Judged(check, places, tuple(p for p in asked if p not in right), tuple(right))


def _raises_as_due(reply: Reply, expected: Reply | None) -> bool:
    return reply.failure is None or (expected is not None and expected.failure is not None)


class Diagnosis:
    """The search for the misconception that gives the student's ``replies``.

    ``failed`` and ``passed`` name the checks that did; a check that could not be judged is neither.
    Replies are compared once, and only as needed: before a misconception is compared in a case, it
    has to answer the case, which takes most of the time.
    """

    def __init__(
        self,
        suite: CheckSuite,
        replies: Sequence[Reply],
        known: Mapping[Misconception, Sequence[Reply]],
        failed: Collection[str],
        passed: Collection[str],
    ) -> None:
        self.replies = replies
        self.known = known
        self.tolerances: list[Tolerance] = []
        self.expected: list[Reply | None] = []
        self.checks: dict[str, Judged] = {}
        for check in suite.checks:
            start = len(self.expected)
            self.expected += [case.expected for case in check.cases]
            strict = subject(check) == DTYPE  # there, dtypes tell mistakes apart
            tolerance = replace(tolerance_of(check), dtype=True) if strict else tolerance_of(check)
            self.tolerances += [tolerance] * len(check.cases)
            if check.name in failed or check.name in passed:
                self.checks[check.name] = judged(check, start, check.name in failed, replies)
        failing = [place for one in self.checks.values() for place in one.failing]
        values = [place for place in failing if _is_telling(replies[place])]
        # One value that agrees by coincidence is no sign of what stopped the code elsewhere.
        self.may_be_stopped = sum(_tells_apart(replies[place].value) for place in values) > 1
        self.telling = set(values)
        self.compared: dict[tuple[Misconception, int], bool] = {}
        self.seconds = [0.0] * len(replies)  # the longest time that a misconception took
        self.searched = False
        self.found: Misconception | None = None

    def name(self, check: str) -> Misconception | None:
        """Return the misconception that explains the failing cases of this check and of all others.

        A variant goes by the name of its misconception.
        """
        if not self.searched:
            self.searched = True
            self.found = self._search()
        failing = self.checks[check].failing
        if self.found is None or not all(self.agrees(self.found, place) for place in failing):
            return None
        return self.by_id(self.found.id)

    def by_id(self, name: str) -> Misconception | None:
        """Return the misconception with this id, if it is known."""
        return next((known for known in self.known if known.id == name), None)

    def agrees(self, misconception: Misconception, place: int) -> bool:
        """Tell whether the misconception gives what the student gave."""
        key = (misconception, place)
        if key not in self.compared:
            started = time.perf_counter()
            theirs = self.known[misconception][place]
            self.seconds[place] = max(self.seconds[place], time.perf_counter() - started)
            self.compared[key] = agree(self.replies[place], theirs, self.tolerances[place])
        return self.compared[key]

    def _search(self) -> Misconception | None:
        """Return the only misconception that explains everything; None if several or none do.

        One that also gives the student's errors is preferred to those that do not. All quick cases
        are compared first, so that few misconceptions have to answer a slow question.
        """
        left = [one for one in self.known if self._explains(one, slow=False)]
        left = [one for one in left if self._explains(one, slow=True) and self._tells(one)]
        if len(left) > 1:
            whole = [one for one in left if self._gives_everything(one)]
            several = len({one.id for one in left}) > 1
            left = whole if whole or several else left
        return left[0] if len({one.id for one in left}) == 1 else None

    def _gives_everything(self, misconception: Misconception) -> bool:
        """Tell whether the misconception agrees in all failing cases, errors included."""
        failing = [place for one in self.checks.values() for place in one.failing]
        return all(self.agrees(misconception, place) for place in failing)

    def _explains(self, misconception: Misconception, *, slow: bool) -> bool:
        """Tell whether the misconception fails as the student does, and is right where they are."""
        checks = [one for one in self.checks.values() if one.check.slow == slow]
        failing = self._cheapest(place for one in checks for place in one.failing)
        if not all(self._comparable_and_same(misconception, place) for place in failing):
            return False
        if slow:  # slow checks that passed are not compared: answering them takes too long
            return True
        right = self._cheapest(place for one in checks for place in self._to_compare(one))
        if not all(self._right_as_well(misconception, place) for place in right):
            return False
        return not any(self._fails(misconception, one) for one in checks if self._by_rule(one))

    def _comparable_and_same(self, misconception: Misconception, place: int) -> bool:
        if self.agrees(misconception, place):
            return True
        return self.may_be_stopped and self._stopped(misconception, place)

    def _stopped(self, misconception: Misconception, place: int) -> bool:
        """Tell whether an error kept the student's code from giving a value to compare."""
        theirs = self.known[misconception][place]
        return self.replies[place].failure is not None and theirs.failure is None

    def _right_as_well(self, misconception: Misconception, place: int) -> bool:
        """Tell whether the misconception gives the student's right answer, and is right itself.

        A float agrees with the student's int, but not with an int that is due.
        """
        expected = self.expected[place]
        if not self.agrees(misconception, place):
            return False
        if expected is None or not agree(self.replies[place], expected, self.tolerances[place]):
            return True
        return agree(self.known[misconception][place], expected, self.tolerances[place])

    def _to_compare(self, one: Judged) -> tuple[int, ...]:
        """Return the right cases in which every right answer gives the same reply."""
        return () if self._by_rule(one) else one.right

    def _by_rule(self, one: Judged) -> bool:
        """Tell whether the check passed by its rule, as many different answers can.

        A check of inputs passes whatever the value is, so its tolerance says nothing about values:
        it may be finer than that of the value's own checks, and take rounding for a mistake.
        """
        if one.failing:
            return False
        free = any(self.expected[place] is None for place in one.places)
        return free or subject(one.check) == INPUTS

    def _fails(self, misconception: Misconception, one: Judged) -> bool:
        """Tell whether the misconception fails a check that the student's answer passes."""
        if any(case.ask.timed for case in one.check.cases):
            return False
        theirs = [self.known[misconception][place] for place in one.places]
        return isinstance(rule_named(one.check.rule)(one.check, theirs), Finding)

    def _tells(self, misconception: Misconception) -> bool:
        """Tell whether the agreement is more than a coincidence."""
        failing = [place for one in self.checks.values() for place in one.failing]
        same = [place for place in failing if self.agrees(misconception, place)]
        values = [place for place in same if place in self.telling]
        if len(same) < len(failing):  # something else has stopped the code
            return sum(_tells_apart(self.replies[place].value) for place in values) > 1
        return bool(values) or self._same_operation(misconception, same)

    def _same_operation(self, misconception: Misconception, places: Sequence[int]) -> bool:
        """Tell whether the same operation raised all errors and the code gives values elsewhere."""
        pairs = [(self.replies[p].failure, self.known[misconception][p].failure) for p in places]
        values = any(
            self.replies[place].failure is None
            for one in self.checks.values()
            for place in one.right
        )
        return (
            values
            and bool(pairs)
            and all(a and b and (operation(a) or same_message(a, b)) for a, b in pairs)
        )

    def _cheapest(self, places: Iterable[int]) -> Iterator[int]:
        """Order the places: first those where a value decides; of each kind the cheapest first."""
        return iter(sorted(places, key=lambda p: (p not in self.telling, self.seconds[p])))


def _is_telling(reply: Reply) -> bool:
    """Tell whether agreement in this reply is evidence: in a value or an assertion it is.

    Two answers that raise the same error of another type need not make the same mistake.
    """
    return reply.failure is None or reply.failure.type == "AssertionError"


def _tells_apart(value: Any) -> bool:
    """Tell whether a value is specific enough to be evidence: one number, or different ones.

    Many mistakes give nan, inf or 0, and many give equal numbers throughout: weights of 1/n, say.
    """
    if isinstance(value, (list, tuple)):
        numbers = [item for item in value if isinstance(item, (int, float))]
        if len(numbers) == len(value) > 0:
            return _tells_apart(np.asarray(value))
        return any(_tells_apart(item) for item in value)
    array = value.data if isinstance(value, Tensor) else value
    if isinstance(array, bool) or not isinstance(array, (int, float, np.ndarray)):
        return False
    found = np.asarray(array)
    if found.dtype.kind not in "fiuc":
        return False
    finite = found[np.isfinite(found)]
    return bool(finite.any()) and (found.size == 1 or bool((finite != finite[0]).any()))
