"""From replies to a verdict: pure, the same in a notebook and in the judge."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

from grader.core import choices, properties  # noqa: F401  (they register their rules)
from grader.core.compare import agree, failure_text
from grader.core.rules import READS_SOURCE, RULES, Finding, Remark, tolerance_of
from grader.core.values import (
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
        self.compared: dict[tuple[str, int], bool] = {}
        self.seconds = [0.0] * len(replies)  # what a question has cost when it was put to one
        self.whole: Misconception | None = None  # the first one that gives all that was seen

    def agrees(self, misconception: Misconception, index: int) -> bool:
        key = (misconception.id, index)
        if key not in self.compared:
            started = time.perf_counter()
            theirs = self.known[misconception][index]
            self.seconds[index] = max(self.seconds[index], time.perf_counter() - started)
            self.compared[key] = agree(self.replies[index], theirs, self.tolerances[index])
        return self.compared[key]

    def name(self, start: int, count: int) -> Misconception | None:
        """The one that gives what was seen in these probes, and most of what else was seen.

        The first one where several do. Slow questions are put to one only when the others could
        not rule it out, to the likeliest first, and never once it can no longer be the answer.
        """
        if self.whole is not None or not any(map(_says_something, self.replies)):
            return self.whole
        needed, everything = range(start, start + count), len(self.replies)
        hopeful = []
        for place, misconception in enumerate(self.known):
            most = self._likeness(misconception, needed, slow=False)
            if most == everything and self._likeness(misconception, needed) == everything:
                self.whole = misconception
                return misconception
            if most:
                hopeful.append((-most, place, misconception))
        best: tuple[int, int, Misconception] | None = None
        for least, place, misconception in sorted(hopeful, key=lambda one: one[:2]):
            if best is not None and (least, place) > best[:2]:
                break
            likeness = self._likeness(misconception, needed)
            if likeness and (best is None or (-likeness, place) < best[:2]):
                best = (-likeness, place, misconception)
        return best[2] if best is not None else None

    def _likeness(self, misconception: Misconception, needed: range, slow: bool = True) -> int:
        """In how many probes it gives what was seen; 0 if in too few, or not in a needed one.

        Without ``slow`` those that are slow count as if it did. What decides soonest is compared
        first, and among that what was cheap to answer; the order changes no result.
        """
        same, most = [], len(self.replies)
        places = [i for i in range(most) if slow or not self.slow[i]]
        places.sort(key=lambda i: (self.slow[i], i not in needed, self.seconds[i]))
        for index in places:
            if self.agrees(misconception, index):
                same.append(index)
                continue
            most -= 1
            if index in needed or 2 * most < len(self.replies):
                return 0
        if slow and not any(_says_something(self.replies[i]) for i in same):
            return 0
        return most

    def by_id(self, name: str) -> Misconception | None:
        return next((known for known in self.known if known.id == name), None)


def _says_something(reply: Reply) -> bool:
    """A value, or an assertion: that two calls end in some error alike is no likeness."""
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
