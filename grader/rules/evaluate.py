"""From replies to a verdict: pure, the same in a notebook and in the judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from grader.protocol.values import (
    NOT_ASKED,
    Battery,
    Check,
    CheckResult,
    Misconception,
    Reply,
    Verdict,
)
from grader.rules.comparing import failure_text
from grader.rules.diagnosis import Diagnosis
from grader.rules.rule import Finding, Remark, rule_named

# For each misconception, the reply that it gives to every probe of the battery, in order.
Known = Callable[[], Mapping[Misconception, Sequence[Reply]]]


def evaluate(battery: Battery, replies: Sequence[Reply], known: Known) -> Verdict:
    """Judge the replies to ``battery.probes`` (same order).

    ``known`` is called only when something failed.
    """
    return verdict_on(look(battery, replies), known)


@dataclasses.dataclass(frozen=True)
class Untried:
    """Of a slow check whose questions were not put, since a core check fails: see ``asking``."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the rules say of an exercise's replies: for each check, and where its probes begin."""

    battery: Battery
    replies: Sequence[Reply]
    findings: tuple[tuple[Check, int, Finding | Remark | Untried | None], ...]
    attempted: bool = True

    @property
    def wrong(self) -> list[tuple[Check, int, Finding]]:
        """The checks that failed, where their probes begin, and by what."""
        return [
            (check, start, finding)
            for check, start, finding in self.findings
            if isinstance(finding, Finding)
        ]


def look(battery: Battery, replies: Sequence[Reply]) -> Seen:
    """Apply the rules, once: a verdict can be drawn from that with names and without."""
    if len(replies) != len(battery.probes):
        raise ValueError(f"{len(replies)} replies to {len(battery.probes)} probes")
    if any(r.failure is not None and r.failure.kind == "not_attempted" for r in replies):
        return Seen(battery, replies, (), attempted=False)
    findings: list[tuple[Check, int, Finding | Remark | Untried | None]] = []
    offset = 0
    for check, own in _by_check(battery, replies):
        waits = check.slow and all(reply is NOT_ASKED for reply in own)
        findings.append((check, offset, Untried() if waits else _judge(check, own)))
        offset += len(check.probes)
    return Seen(battery, replies, tuple(findings))


def verdict_on(seen: Seen, known: Known = dict) -> Verdict:
    """The verdict, naming what ``known`` explains."""
    battery = seen.battery
    if not seen.attempted:
        return not_attempted(battery)
    diagnosis = _diagnosis(seen, known) if seen.wrong else None
    core = next((check.name for check, _, _ in seen.wrong if check.core), "")
    results = tuple(
        _failed(check, start, finding, diagnosis)
        if isinstance(finding, Finding) and diagnosis is not None
        else _untried(check, core)
        if isinstance(finding, Untried)
        else CheckResult(check.name, True, finding.text if finding is not None else "")
        for check, start, finding in seen.findings
    )
    return Verdict(battery.exercise, _score(battery, results), battery.points, True, results)


def explained(seen: Seen, known: Known) -> bool:
    """Whether a rule, or one known mistake for all that was seen, says what went wrong.

    Much cheaper than to look for one that explains most of it.
    """
    if not seen.wrong:
        return False
    if any(finding.known or finding.names for _, _, finding in seen.wrong):
        return True
    check, start, _ = seen.wrong[0]
    return _diagnosis(seen, known).whole(range(start, start + len(check.probes))) is not None


def _diagnosis(seen: Seen, known: Known) -> Diagnosis:
    return Diagnosis(seen.battery, seen.replies, known())


def not_attempted(battery: Battery) -> Verdict:
    """The stub as it was given out: no points, and no blame."""
    results = tuple(CheckResult(check.name, False, "not attempted") for check in battery.checks)
    return Verdict(battery.exercise, 0.0, battery.points, False, results)


def timing_decides(battery: Battery, replies: Sequence[Reply]) -> bool:
    """Whether a check with timed questions, not asked yet, would pass but for the time they take.

    The time is held against what the other answers claim; where these have failed there is nothing
    to hold it against.
    """
    return any(
        any(probe.ask.timed for probe in check.probes)
        and not isinstance(_judge(check, own), Finding)
        for check, own in _by_check(battery, replies)
    )


def core_failed(battery: Battery, replies: Sequence[Reply]) -> bool:
    """Whether a core check fails by what has been answered, so that nothing is earned."""
    return any(
        check.core
        and not any(reply is NOT_ASKED for reply in own)
        and isinstance(_judge(check, own), Finding)
        for check, own in _by_check(battery, replies)
    )


def _by_check(battery: Battery, replies: Sequence[Reply]) -> Iterator[tuple[Check, list[Reply]]]:
    offset = 0
    for check in battery.checks:
        yield check, list(replies[offset : offset + len(check.probes)])
        offset += len(check.probes)


def _judge(check: Check, replies: list[Reply]) -> Finding | Remark | None:
    finding = rule_named(check.rule)(check, replies)
    if not isinstance(finding, Finding):
        return finding
    if check.probes and len(check.probes) > finding.probe:
        case = check.probes[finding.probe].name
        if case:
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


def _untried(check: Check, core: str) -> CheckResult:
    text = f"not tried: it takes long, and earns nothing while “{core}” fails"
    return CheckResult(check.name, False, text, tried=False)


def _failed(check: Check, start: int, finding: Finding, diagnosis: Diagnosis) -> CheckResult:
    named = finding.known
    if named is None and finding.names:
        named = diagnosis.by_id(finding.names)
    elif named is None:
        named = diagnosis.name(start, len(check.probes))
    return CheckResult(
        check.name, False, finding.text, check.look, named, finding.yours, finding.expected
    )
