"""Name the mistake in a wrong answer: the misconception that gives the same replies."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from grader.protocol.values import NOT_ASKED, CheckSuite, Misconception, Reply
from grader.rules.comparing import agree
from grader.rules.rule import tolerance_of


class Diagnosis:
    """Find the misconception that gives the student's ``replies``.

    Replies are compared once, and only as needed: before a misconception is compared in a case, it
    has to answer the case, which takes most of the time.
    """

    def __init__(
        self,
        suite: CheckSuite,
        replies: Sequence[Reply],
        known: Mapping[Misconception, Sequence[Reply]],
    ) -> None:
        self.replies = replies
        self.known = known
        checks = [check for check in suite.checks for _ in check.cases]
        self.tolerances = [tolerance_of(check) for check in checks]
        self.slow = [check.slow for check in checks]
        self.quick = [place for place, slow in enumerate(self.slow) if not slow]
        self.compared: dict[tuple[str, int], bool] = {}
        self.seconds = [0.0] * len(replies)  # the longest time that a misconception took
        self.searched = False
        self.found: Misconception | None = None

    def agrees(self, misconception: Misconception, index: int) -> bool:
        """Whether the misconception gives what the student gave; NOT_ASKED agrees with all."""
        key = (misconception.id, index)
        if self.replies[index] is NOT_ASKED:
            return True
        if key not in self.compared:
            started = time.perf_counter()
            expected = self.known[misconception][index]
            self.seconds[index] = max(self.seconds[index], time.perf_counter() - started)
            self.compared[key] = agree(self.replies[index], expected, self.tolerances[index])
        return self.compared[key]

    def name(self, start: int, count: int) -> Misconception | None:
        """The misconception that agrees in all these cases, and in most of the others.

        The first in order if several agree equally well. A slow question counts only for its own
        check, and a misconception that can no longer be the answer is not asked it.
        """
        needed = range(start, start + count)
        full = self.full_match(needed)
        if full is not None and all(self.agrees(full, i) for i in needed):
            return full
        evidence = [*self.quick, *(i for i in needed if self.slow[i])]
        # Bounds from the quick cases alone: where no other can do better, no slow case is answered.
        bounds = [
            (-most, place, misconception)
            for place, misconception in enumerate(self.known)
            if self._agrees_in_a_value(misconception, evidence)
            and (most := self._agreement(misconception, self.quick, needed, evidence))
        ]
        best: tuple[int, int, Misconception] | None = None
        for least, place, misconception in sorted(bounds, key=lambda bound: bound[:2]):
            if best is not None and (least, place) > best[:2]:
                break
            agreement = self._agreement(misconception, evidence, needed, evidence)
            if agreement and (best is None or (-agreement, place) < best[:2]):
                best = (-agreement, place, misconception)
        return best[2] if best is not None else None

    def _agrees_in_a_value(self, misconception: Misconception, evidence: list[int]) -> bool:
        """Whether the misconception agrees in a value or an assertion, not only in errors."""
        return any(self.agrees(misconception, i) for i in evidence if _is_telling(self.replies[i]))

    def full_match(self, needed: range) -> Misconception | None:
        """The first misconception that agrees in every quick case; searched for once.

        Compare the ``needed`` cases first: they failed, so most misconceptions differ there.
        """
        if not self.searched:
            self.searched = True
            if any(_is_telling(self.replies[i]) for i in self.quick):
                self.found = next((m for m in self.known if self._agrees_in_all(m, needed)), None)
        return self.found

    def _agrees_in_all(self, misconception: Misconception, needed: range) -> bool:
        return all(self.agrees(misconception, i) for i in self._order(self.quick, needed))

    def _order(self, cases: list[int], needed: range) -> list[int]:
        """The cases that decide soonest first; among these, the cheapest to answer first."""
        return sorted(cases, key=lambda i: (i not in needed, self.slow[i], self.seconds[i]))

    def _agreement(
        self, misconception: Misconception, cases: list[int], needed: range, evidence: list[int]
    ) -> int:
        """In how many cases of the evidence the misconception agrees, as far as is known.

        Compare ``cases`` alone; all others count as agreeing. The result is 0 if the misconception
        agrees in less than half of the evidence, or differs in a case that is needed.
        """
        most = len(evidence)
        for index in self._order(cases, needed):
            if self.agrees(misconception, index):
                continue
            most -= 1
            if index in needed or 2 * most < len(evidence):
                return 0
        return most

    def by_id(self, name: str) -> Misconception | None:
        """The misconception with this id, if it is known."""
        return next((known for known in self.known if known.id == name), None)


def _is_telling(reply: Reply) -> bool:
    """Whether agreeing in this reply tells anything: a value or an assertion does.

    Two answers that raise the same other error need not have the same cause.
    """
    if reply is NOT_ASKED:
        return False
    return reply.failure is None or reply.failure.type == "AssertionError"
