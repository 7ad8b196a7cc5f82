"""From replies to a verdict: pure, the same in a notebook and in the judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from grader.core import properties  # noqa: F401  (registers its rules)
from grader.core.compare import agree, failure_text
from grader.core.rules import RULES, Finding, tolerance_of
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


def evaluate(battery: Battery, replies: Sequence[Reply], known: Known, source: str = "") -> Verdict:
    """Judge the replies to ``battery.probes`` (same order).

    ``known`` is called only when something failed. ``source`` is the text of the exercise's cell,
    for rules about how an answer is written.
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
    failed = any(finding is not None for _, _, finding in findings)
    lookup = known() if failed else {}
    results = tuple(
        CheckResult(check.name, True)
        if finding is None
        else _result(battery, check, start, finding, replies, lookup)
        for check, start, finding in findings
    )
    return Verdict(battery.exercise, _score(battery, results), battery.points, True, results)


def not_attempted(battery: Battery) -> Verdict:
    """The stub as it was given out: no points, and no blame."""
    results = tuple(CheckResult(check.name, False, "not attempted") for check in battery.checks)
    return Verdict(battery.exercise, 0.0, battery.points, False, results)


def _judge(check: Check, replies: list[Reply], source: str) -> Finding | None:
    finding = RULES[check.rule](check, replies, source)
    if finding is None:
        return None
    if check.probes and len(check.probes) > finding.probe:
        case = check.probes[finding.probe].name
        return dataclasses.replace(finding, text=f"{finding.text} (case: {case})")
    return finding


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


def _result(
    battery: Battery,
    check: Check,
    start: int,
    finding: Finding,
    replies: Sequence[Reply],
    lookup: Mapping[Misconception, Sequence[Reply]],
) -> CheckResult:
    named = (
        next((known for known in lookup if known.id == finding.names), None)
        if finding.names
        else _diagnose(battery, check, start, replies, lookup)
    )
    return CheckResult(
        check.name, False, finding.text, check.look, named, finding.yours, finding.expected
    )


def _diagnose(
    battery: Battery,
    check: Check,
    start: int,
    replies: Sequence[Reply],
    lookup: Mapping[Misconception, Sequence[Reply]],
) -> Misconception | None:
    """The misconception that gives what was seen in this check, and most of what else was seen."""
    best: tuple[int, Misconception] | None = None
    tolerances = [tolerance_of(c) for c in battery.checks for _ in c.probes]
    for misconception, theirs in lookup.items():
        same = [
            agree(mine, other, tolerance)
            for mine, other, tolerance in zip(replies, theirs, tolerances, strict=True)
        ]
        own = same[start : start + len(check.probes)]
        values = any(s and r.failure is None for s, r in zip(same, replies, strict=True))
        if all(own) and values and 2 * sum(same) >= len(same):
            if best is None or sum(same) > best[0]:
                best = (sum(same), misconception)
    return best[1] if best else None
