"""From replies to a verdict: pure, the same in a notebook and in the judge."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

from grader.core import choices, properties  # noqa: F401  (they register their rules)
from grader.core.compare import agree, failure_text
from grader.core.rules import READS_SOURCE, RULES, Finding, Remark, tolerance_of
from grader.core.values import (
    NOT_ASKED,
    Battery,
    Check,
    CheckResult,
    Misconception,
    Reply,
    Verdict,
)

# For each misconception, the reply that it gives to every probe of the battery, in order.
Known = Callable[[], Mapping[Misconception, Sequence[Reply]]]
Source = str | Callable[[], str]


def evaluate(
    battery: Battery, replies: Sequence[Reply], known: Known, source: Source = ""
) -> Verdict:
    """Judge the replies to ``battery.probes`` (same order).

    ``known`` is called only when something failed. ``source`` is the text of the exercise's cell,
    or a function that finds it, for rules about how an answer is written.
    """
    if len(replies) != len(battery.probes):
        raise ValueError(f"{len(replies)} replies to {len(battery.probes)} probes")
    if any(r.failure is not None and r.failure.kind == "not_attempted" for r in replies):
        return not_attempted(battery)
    findings, offset = [], 0
    for check in battery.checks:
        own = list(replies[offset : offset + len(check.probes)])
        findings.append((check, offset, _judge(check, own, source)))
        offset += len(check.probes)
    if not any(isinstance(finding, Finding) for _, _, finding in findings):
        passed = tuple(_passed(check, finding) for check, _, finding in findings)
        return Verdict(battery.exercise, battery.points, battery.points, True, passed)
    diagnosis = _Diagnosis(battery, replies, known)
    results = tuple(
        _result(check, start, finding, diagnosis)
        if isinstance(finding, Finding)
        else _passed(check, finding)
        for check, start, finding in findings
    )
    return Verdict(battery.exercise, _score(battery, results), battery.points, True, results)


def not_attempted(battery: Battery) -> Verdict:
    """The stub as it was given out: no points, and no blame."""
    results = tuple(CheckResult(check.name, False, "not attempted") for check in battery.checks)
    return Verdict(battery.exercise, 0.0, battery.points, False, results)


def timing_decides(battery: Battery, replies: Sequence[Reply]) -> bool:
    """Whether a check with timed questions, not asked yet, would pass but for the time they take.

    The time is held against what the other answers claim; where these have failed there is nothing
    to hold it against.
    """
    offset = 0
    for check in battery.checks:
        own = list(replies[offset : offset + len(check.probes)])
        offset += len(check.probes)
        timed = any(probe.ask.timed for probe in check.probes)
        if timed and not isinstance(_judge(check, own, ""), Finding):
            return True
    return False


def _judge(check: Check, replies: list[Reply], source: Source) -> Finding | Remark | None:
    text = _text(source) if check.rule in READS_SOURCE else ""
    finding = RULES[check.rule](check, replies, text)
    if not isinstance(finding, Finding):
        return finding
    if check.probes and len(check.probes) > finding.probe:
        case = check.probes[finding.probe].name
        if case:
            return dataclasses.replace(finding, text=f"{finding.text} (case: {case})")
    return finding


def _text(source: Source) -> str:
    return source if isinstance(source, str) else source()


def _passed(check: Check, remark: Finding | Remark | None) -> CheckResult:
    return CheckResult(check.name, True, remark.text if remark is not None else "")


def first_failure(replies: Sequence[Reply]) -> Finding | None:
    """For property rules: a call that gave no value is the first thing to say."""
    for index, reply in enumerate(replies):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
    return None


def _score(battery: Battery, results: Sequence[CheckResult]) -> float:
    """Nothing unless every core check passes; then the passed checks' share of the points."""
    pairs = list(zip(battery.checks, results, strict=True))
    if not all(result.passed for check, result in pairs if check.core):
        return 0.0
    total = sum(check.share for check, _ in pairs)
    earned = sum(check.share for check, result in pairs if result.passed)
    return battery.points if earned == total else round(battery.points * earned / total, 2)


class _Diagnosis:
    """Which misconception says what was seen. Replies are compared once, and only as needed.

    Most of the time is the misconceptions': each has to answer what it is compared in.
    """

    def __init__(self, battery: Battery, replies: Sequence[Reply], known: Known) -> None:
        self.replies = replies
        self.known = known()
        each = [check for check in battery.checks for _ in check.probes]
        self.tolerances = [tolerance_of(check) for check in each]
        self.slow = [check.slow for check in each]
        self.quick = [place for place, slow in enumerate(self.slow) if not slow]
        self.compared: dict[tuple[str, int], bool] = {}
        self.seconds = [0.0] * len(replies)  # what a question has cost when it was put to one
        self.searched = False
        self.whole: Misconception | None = None

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
        """The one that gives what was seen in these probes, and most of what else was seen.

        The first one where several do. A slow question counts only for its own check, is put to
        the likeliest first, and never to one that can no longer be the answer.
        """
        needed = range(start, start + count)
        whole = self._whole(needed)
        if whole is not None and all(self.agrees(whole, i) for i in needed):
            return whole
        evidence = sorted({*self.quick, *needed})
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

    def _whole(self, needed: range) -> Misconception | None:
        """The first one that gives everything quick that was seen: looked for once.

        A misconception differs from it most likely in what is needed, which was not as it should
        be.
        """
        if not self.searched:
            self.searched = True
            if any(_says_something(self.replies[i]) for i in self.quick):
                order = self._order(self.quick, needed)
                fits = (m for m in self.known if all(self.agrees(m, i) for i in order))
                self.whole = next(fits, None)
        return self.whole

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


def _result(check: Check, start: int, finding: Finding, diagnosis: _Diagnosis) -> CheckResult:
    named = finding.known
    if named is None and finding.names:
        named = diagnosis.by_id(finding.names)
    elif named is None:
        named = diagnosis.name(start, len(check.probes))
    return CheckResult(
        check.name, False, finding.text, check.look, named, finding.yours, finding.expected
    )
