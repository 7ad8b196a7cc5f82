"""From replies to a verdict: pure, the same in a notebook and in the judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from grader.protocol.values import (
    NOT_ASKED,
    Check,
    CheckResult,
    CheckSuite,
    Misconception,
    Reply,
    Verdict,
)
from grader.rules.comparing import failure_text
from grader.rules.diagnosis import Diagnosis
from grader.rules.rule import Finding, Remark, rule_named

# For each misconception, the reply that it gives to every case of the suite, in order.
Known = Callable[[], Mapping[Misconception, Sequence[Reply]]]


def evaluate(suite: CheckSuite, replies: Sequence[Reply], known: Known) -> Verdict:
    """Judge the replies to ``suite.cases`` (same order).

    ``known`` is called only when something failed.
    """
    return verdict_on(look(suite, replies), known)


@dataclasses.dataclass(frozen=True)
class Untried:
    """Of a slow check whose questions were not put, since a core check fails: see ``asking``."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What the rules say of an exercise's replies: for each check, and where its cases begin."""

    suite: CheckSuite
    replies: Sequence[Reply]
    findings: tuple[tuple[Check, int, Finding | Remark | Untried | None], ...]
    attempted: bool = True

    @property
    def wrong(self) -> list[tuple[Check, int, Finding]]:
        """The checks that failed, where their cases begin, and by what."""
        return [
            (check, start, finding)
            for check, start, finding in self.findings
            if isinstance(finding, Finding)
        ]


def look(suite: CheckSuite, replies: Sequence[Reply]) -> Seen:
    """Apply the rules, once: a verdict can be drawn from that with names and without."""
    if len(replies) != len(suite.cases):
        raise ValueError(f"{len(replies)} replies to {len(suite.cases)} cases")
    if any(r.failure is not None and r.failure.kind == "not_attempted" for r in replies):
        return Seen(suite, replies, (), attempted=False)
    findings: list[tuple[Check, int, Finding | Remark | Untried | None]] = []
    offset = 0
    for check, own in _by_check(suite, replies):
        waits = check.slow and all(reply is NOT_ASKED for reply in own)
        findings.append((check, offset, Untried() if waits else _judge(check, own)))
        offset += len(check.cases)
    return Seen(suite, replies, tuple(findings))


def verdict_on(seen: Seen, known: Known = dict) -> Verdict:
    """The verdict, naming what ``known`` explains."""
    suite = seen.suite
    if not seen.attempted:
        return not_attempted(suite)
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
    return Verdict(suite.exercise, _score(suite, results), suite.points, True, results)


def explained(seen: Seen, known: Known) -> bool:
    """Whether a rule, or one known mistake for all that was seen, says what went wrong.

    Much cheaper than to look for one that explains most of it.
    """
    if not seen.wrong:
        return False
    if any(finding.known or finding.names for _, _, finding in seen.wrong):
        return True
    check, start, _ = seen.wrong[0]
    return _diagnosis(seen, known).whole(range(start, start + len(check.cases))) is not None


def _diagnosis(seen: Seen, known: Known) -> Diagnosis:
    return Diagnosis(seen.suite, seen.replies, known())


def not_attempted(suite: CheckSuite) -> Verdict:
    """The stub as it was given out: no points, and no blame."""
    results = tuple(CheckResult(check.name, False, "not attempted") for check in suite.checks)
    return Verdict(suite.exercise, 0.0, suite.points, False, results)


def timing_decides(suite: CheckSuite, replies: Sequence[Reply]) -> bool:
    """Whether a check with timed questions, not asked yet, would pass but for the time they take.

    The time is held against what the other answers claim; where these have failed there is nothing
    to hold it against.
    """
    return any(
        any(case.ask.timed for case in check.cases) and not isinstance(_judge(check, own), Finding)
        for check, own in _by_check(suite, replies)
    )


def core_failed(suite: CheckSuite, replies: Sequence[Reply]) -> bool:
    """Whether a core check fails by what has been answered, so that nothing is earned."""
    return any(
        check.core
        and not any(reply is NOT_ASKED for reply in own)
        and isinstance(_judge(check, own), Finding)
        for check, own in _by_check(suite, replies)
    )


def _by_check(suite: CheckSuite, replies: Sequence[Reply]) -> Iterator[tuple[Check, list[Reply]]]:
    offset = 0
    for check in suite.checks:
        yield check, list(replies[offset : offset + len(check.cases)])
        offset += len(check.cases)


def _judge(check: Check, replies: list[Reply]) -> Finding | Remark | None:
    finding = rule_named(check.rule)(check, replies)
    if not isinstance(finding, Finding):
        return finding
    if check.cases and len(check.cases) > finding.case:
        case = check.cases[finding.case].name
        if case:
            return dataclasses.replace(finding, text=f"{finding.text} (case: {case})")
    return finding


def first_failure(replies: Sequence[Reply]) -> Finding | None:
    """For property rules: a call that gave no value is the first thing to say."""
    for index, reply in enumerate(replies):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
    return None


def _score(suite: CheckSuite, results: Sequence[CheckResult]) -> float:
    """Nothing unless every core check passes; then the passed checks' share of the points."""
    pairs = list(zip(suite.checks, results, strict=True))
    if not all(result.passed for check, result in pairs if check.core):
        return 0.0
    total = sum(check.share for check, _ in pairs)
    earned = sum(check.share for check, result in pairs if result.passed)
    return suite.points if earned == total else round(suite.points * earned / total, 2)


def _untried(check: Check, core: str) -> CheckResult:
    text = f"not tried: it takes long, and earns nothing while “{core}” fails"
    return CheckResult(check.name, False, text, tried=False)


def _failed(check: Check, start: int, finding: Finding, diagnosis: Diagnosis) -> CheckResult:
    named = finding.known
    if named is None and finding.names:
        named = diagnosis.by_id(finding.names)
    elif named is None:
        named = diagnosis.name(start, len(check.cases))
    return CheckResult(
        check.name, False, finding.text, check.look, named, finding.yours, finding.expected
    )
