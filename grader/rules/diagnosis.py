"""Name the mistake in a wrong answer: the misconception that gives the same replies.

A name is true or absent. The misconception that is named gives what the student gave in *every*
case that failed, in at least one of them by its value, and it is right wherever the student is. So
a mistake that shows in some other way, too, has no name, and neither has an answer that two
misconceptions explain equally well. Where a mistake consists in an error alone, the same operation
has to raise it in the same cases. A misconception has variants, which share its name.

Where the student's code raised an error and the misconception gives a value, the two cannot be
compared: something else has stopped the code. Such a case speaks for nobody, unless another
misconception raises the error, too. A check that failed by it has no name, and the others need more
than one case to have one, not counting degenerate ones: many mistakes give the same where all
numbers are equal, or nan, or 0.
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
    """One check with the places of its cases: those that failed, and those that are right."""

    check: Check
    places: range
    failing: tuple[int, ...] = ()
    right: tuple[int, ...] = ()


def judged(check: Check, start: int, failed: bool, replies: Sequence[Reply]) -> Judged:
    """Tell a check's failing cases from those that are right.

    Where nothing is expected of a single case, or each is as it should be, all of them failed. A
    call that raised may have been no matter of a check that passed.
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
    """Find the misconception that gives the student's ``replies``.

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
            strict = subject(check) == DTYPE  # what such a check looks at tells mistakes apart
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
        """The misconception that explains the failing cases of this check and of all others.

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
        """The misconception with this id, if it is known."""
        return next((known for known in self.known if known.id == name), None)

    def agrees(self, misconception: Misconception, place: int) -> bool:
        """Whether the misconception gives what the student gave."""
        key = (misconception, place)
        if key not in self.compared:
            started = time.perf_counter()
            theirs = self.known[misconception][place]
            self.seconds[place] = max(self.seconds[place], time.perf_counter() - started)
            self.compared[key] = agree(self.replies[place], theirs, self.tolerances[place])
        return self.compared[key]

    def _search(self) -> Misconception | None:
        """The only misconception that explains everything; None if there are several, or none.

        One that gives the student's errors, too, goes before those that say nothing of them. All
        quick cases come first, so that a slow question is put to few.
        """
        left = [one for one in self.known if self._explains(one, slow=False)]
        left = [one for one in left if self._explains(one, slow=True) and self._tells(one)]
        if len(left) > 1:
            whole = [one for one in left if self._gives_everything(one)]
            several = len({one.id for one in left}) > 1
            left = whole if whole or several else left
        return left[0] if len({one.id for one in left}) == 1 else None

    def _gives_everything(self, misconception: Misconception) -> bool:
        """Whether the misconception agrees in all failing cases, those that raised included."""
        failing = [place for one in self.checks.values() for place in one.failing]
        return all(self.agrees(misconception, place) for place in failing)

    def _explains(self, misconception: Misconception, *, slow: bool) -> bool:
        """Whether the misconception fails as the student does, and is right where they are."""
        checks = [one for one in self.checks.values() if one.check.slow == slow]
        failing = self._cheapest(place for one in checks for place in one.failing)
        if not all(self._comparable_and_same(misconception, place) for place in failing):
            return False
        if slow:  # what passed is asked of nobody once more: it takes too long
            return True
        right = self._cheapest(place for one in checks for place in self._to_compare(one))
        if not all(self.agrees(misconception, place) for place in right):
            return False
        return not any(self._fails(misconception, one) for one in checks if self._by_rule(one))

    def _comparable_and_same(self, misconception: Misconception, place: int) -> bool:
        if self.agrees(misconception, place):
            return True
        return self.may_be_stopped and self._stopped(misconception, place)

    def _stopped(self, misconception: Misconception, place: int) -> bool:
        """Whether an error has kept the student's code from giving what could be compared."""
        theirs = self.known[misconception][place]
        return self.replies[place].failure is not None and theirs.failure is None

    def _to_compare(self, one: Judged) -> tuple[int, ...]:
        """The right cases in which whoever is right gives the same."""
        return () if self._by_rule(one) else one.right

    def _by_rule(self, one: Judged) -> bool:
        """Whether the check passed by its rule, which many different answers can do.

        One of inputs passes whatever the value is, and so does not say how near it has to be: it
        may compare more finely than the checks of the value, and tell rounding from a mistake.
        """
        if one.failing:
            return False
        free = any(self.expected[place] is None for place in one.places)
        return free or subject(one.check) == INPUTS

    def _fails(self, misconception: Misconception, one: Judged) -> bool:
        """Whether the misconception fails a check that the student's answer passes."""
        if any(case.ask.timed for case in one.check.cases):
            return False
        theirs = [self.known[misconception][place] for place in one.places]
        return isinstance(rule_named(one.check.rule)(one.check, theirs), Finding)

    def _tells(self, misconception: Misconception) -> bool:
        """Whether what agrees is more than a coincidence."""
        failing = [place for one in self.checks.values() for place in one.failing]
        same = [place for place in failing if self.agrees(misconception, place)]
        values = [place for place in same if place in self.telling]
        if len(same) < len(failing):  # something else has stopped the code
            return sum(_tells_apart(self.replies[place].value) for place in values) > 1
        return bool(values) or self._same_operation(misconception, same)

    def _same_operation(self, misconception: Misconception, places: Sequence[int]) -> bool:
        """Whether the same operation raised all errors, and the code gives values elsewhere."""
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
        """The places at which a value decides first; among these, the cheapest to answer first."""
        return iter(sorted(places, key=lambda p: (p not in self.telling, self.seconds[p])))


def _is_telling(reply: Reply) -> bool:
    """Whether agreeing in this reply tells anything: a value or an assertion does.

    Two answers that raise the same other error need not have the same cause.
    """
    return reply.failure is None or reply.failure.type == "AssertionError"


def _tells_apart(value: Any) -> bool:
    """Whether agreeing in a value is no coincidence: it is a number, or has different ones.

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
