"""Which known mistake a wrong answer is: the one that replies as it does."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from grader.protocol.values import NOT_ASKED, CheckSuite, Misconception, Reply
from grader.rules.comparing import agree
from grader.rules.rule import tolerance_of


class Diagnosis:
    """Which misconception says what was seen. Replies are compared once, and only as needed.

    Most of the time is the misconceptions': each has to answer what it is compared in.
    """

    def __init__(
        self,
        suite: CheckSuite,
        replies: Sequence[Reply],
        known: Mapping[Misconception, Sequence[Reply]],
    ) -> None:
        self.replies = replies
        self.known = known
        each = [check for check in suite.checks for _ in check.cases]
        self.tolerances = [tolerance_of(check) for check in each]
        self.slow = [check.slow for check in each]
        self.quick = [place for place, slow in enumerate(self.slow) if not slow]
        self.compared: dict[tuple[str, int], bool] = {}
        self.seconds = [0.0] * len(replies)  # what a question has cost when it was put to one
        self.searched = False
        self.found: Misconception | None = None

    def agrees(self, misconception: Misconception, index: int) -> bool:
        key = (misconception.id, index)
        if self.replies[index] is NOT_ASKED:
            return True
        if key not in self.compared:
            started = time.perf_counter()
            theirs = self.known[misconception][index]
            self.seconds[index] = max(self.seconds[index], time.perf_counter() - started)
            self.compared[key] = agree(self.replies[index], theirs, self.tolerances[index])
        return self.compared[key]

    def name(self, start: int, count: int) -> Misconception | None:
        """The one that gives what was seen in these cases, and most of what else was seen.

        The first one where several do. A slow question counts only for its own check, and is never
        put to one that can no longer be the answer.
        """
        needed = range(start, start + count)
        whole = self.whole(needed)
        if whole is not None and all(self.agrees(whole, i) for i in needed):
            return whole
        evidence = [*self.quick, *(i for i in needed if self.slow[i])]
        bounds = [
            (-most, place, misconception)
            for place, misconception in enumerate(self.known)
            if self._speaks(misconception, evidence)
            and (most := self._likeness(misconception, self.quick, needed, evidence))
        ]
        best: tuple[int, int, Misconception] | None = None
        for least, place, misconception in sorted(bounds, key=lambda one: one[:2]):
            if best is not None and (least, place) > best[:2]:
                break
            likeness = self._likeness(misconception, evidence, needed, evidence)
            if likeness and (best is None or (-likeness, place) < best[:2]):
                best = (-likeness, place, misconception)
        return best[2] if best is not None else None

    def _speaks(self, misconception: Misconception, evidence: list[int]) -> bool:
        """Whether it agrees in more than that there is some error."""
        return any(
            self.agrees(misconception, i) for i in evidence if _says_something(self.replies[i])
        )

    def whole(self, needed: range) -> Misconception | None:
        """The first one that gives everything quick that was seen: looked for once.

        Most differ from it in what is ``needed``, which was not as it should be: that comes first.
        """
        if not self.searched:
            self.searched = True
            if any(_says_something(self.replies[i]) for i in self.quick):
                self.found = next((m for m in self.known if self._gives_all(m, needed)), None)
        return self.found

    def _gives_all(self, misconception: Misconception, needed: range) -> bool:
        return all(self.agrees(misconception, i) for i in self._order(self.quick, needed))

    def _order(self, looked: list[int], needed: range) -> list[int]:
        """What decides soonest first, and among that what was cheap to answer."""
        return sorted(looked, key=lambda i: (i not in needed, self.slow[i], self.seconds[i]))

    def _likeness(
        self, misconception: Misconception, looked: list[int], needed: range, evidence: list[int]
    ) -> int:
        """In how much of the evidence it gives what was seen, as far as that was looked at.

        What was not counts as if it did. It is 0 if that is less than half, or one that is needed
        is not among it.
        """
        most = len(evidence)
        for index in self._order(looked, needed):
            if self.agrees(misconception, index):
                continue
            most -= 1
            if index in needed or 2 * most < len(evidence):
                return 0
        return most

    def by_id(self, name: str) -> Misconception | None:
        return next((known for known in self.known if known.id == name), None)


def _says_something(reply: Reply) -> bool:
    """A value, or an assertion: that two calls end in some error alike is no likeness."""
    if reply is NOT_ASKED:
        return False
    return reply.failure is None or reply.failure.type == "AssertionError"
