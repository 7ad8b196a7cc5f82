"""Turn replies into a verdict: pure functions, the same in a notebook and in the judge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from grader.protocol.values import (
    NOT_ASKED,
    Check,
    CheckResult,
    CheckSuite,
    Failure,
    Misconception,
    Reply,
    Verdict,
)
from grader.rules.diagnosis import Diagnosis
from grader.rules.rule import Finding, Remark, rule_named
from grader.rules.side_checks import fails_by_the_value, shows_a_wrong_value

# For each misconception, the reply that it gives to every case of the suite, in order.
Known = Callable[[], Mapping[Misconception, Sequence[Reply]]]


def evaluate(suite: CheckSuite, replies: Sequence[Reply], known: Known) -> Verdict:
    """Judge the replies to ``suite.cases`` (same order).

    ``known`` is called only if a check failed: misconceptions take long to answer.
    """
    return verdict_on(assess(suite, replies), known)


@dataclasses.dataclass(frozen=True)
class Untried:
    """The finding of a slow check that was not asked because a core check fails."""


@dataclasses.dataclass(frozen=True)
class Assessment:
    """What the rules find in an exercise's replies.

    ``findings`` holds for each check the index of its first case and what its rule found.
    """

    suite: CheckSuite
    replies: Sequence[Reply]
    findings: tuple[tuple[Check, int, Finding | Remark | Untried | None], ...]
    attempted: bool = True

    @property
    def failed(self) -> list[tuple[Check, int, Finding]]:
        """The checks that failed, each with the index of its first case and the finding."""
        return [
            (check, start, finding)
            for check, start, finding in self.findings
            if isinstance(finding, Finding)
        ]


def assess(suite: CheckSuite, replies: Sequence[Reply]) -> Assessment:
    """Apply the rules. Naming the mistakes is a later step, since it takes much longer.

    ValueError if there is not one reply for each case.
    """
    if len(replies) != len(suite.cases):
        raise ValueError(f"{len(replies)} replies to {len(suite.cases)} cases")
    if any(r.failure is not None and r.failure.kind == "not_attempted" for r in replies):
        return Assessment(suite, replies, (), attempted=False)
    findings: list[tuple[Check, int, Finding | Remark | Untried | None]] = []
    offset = 0
    for check, own in _by_check(suite, replies):
        untried = check.slow and all(reply is NOT_ASKED for reply in own)
        findings.append((check, offset, Untried() if untried else _judge(check, own)))
        offset += len(check.cases)
    return Assessment(suite, replies, tuple(findings))


def verdict_on(assessment: Assessment, known: Known = dict) -> Verdict:
    """Return the verdict, with the mistakes that ``known`` explains named."""
    suite = assessment.suite
    if not assessment.attempted:
        return not_attempted(suite)
    core = next((check.name for check, _, _ in assessment.failed if check.core), "")
    beside = _beside(assessment)
    diagnosis = _diagnosis(assessment, known, beside) if assessment.failed else None
    recognized = _recognized(assessment, beside)
    results = tuple(
        _unjudged(check, _failure(assessment, start, finding))
        if isinstance(finding, Finding) and check.name in beside
        else _failed(
            check,
            finding,
            finding.known or _named(check, diagnosis, recognized),
            _failure(assessment, start, finding),
        )
        if isinstance(finding, Finding) and diagnosis is not None
        else _untried(check, core)
        if isinstance(finding, Untried)
        else CheckResult(check.name, True, finding.text if finding is not None else "")
        for check, start, finding in assessment.findings
    )
    return with_results(suite, results)


def with_results(suite: CheckSuite, results: Sequence[CheckResult]) -> Verdict:
    """Return the verdict that consists of these results, one for each check of the suite."""
    return Verdict(suite.exercise, _score(suite, results), suite.points, True, tuple(results))


def _beside(assessment: Assessment) -> set[str]:
    """Return the names of failed side checks that could not judge, since the value is wrong.

    A check of the value has to say so. If none does, the side check is the only one that shows the
    mistake, and it counts as failed.
    """
    failed = [
        (check, finding, _failure(assessment, start, finding))
        for check, start, finding in assessment.failed
    ]
    if not any(shows_a_wrong_value(check, failure) for check, _, failure in failed):
        return set()
    return {one[0].name for one in failed if fails_by_the_value(*one)}


def _failure(assessment: Assessment, start: int, finding: Finding) -> Failure | None:
    """Return why the call that a finding is about gave no value; None if it gave one."""
    place = start + finding.case
    return assessment.replies[place].failure if place < len(assessment.replies) else None


def _diagnosis(assessment: Assessment, known: Known, beside: Collection[str]) -> Diagnosis:
    failed = {check.name for check, _, _ in assessment.failed} - set(beside)
    passed = {
        check.name
        for check, _, finding in assessment.findings
        if not isinstance(finding, Finding | Untried)
    }
    return Diagnosis(assessment.suite, assessment.replies, known(), failed, passed)


def not_attempted(suite: CheckSuite) -> Verdict:
    """Return the verdict on an unchanged stub: no points, and no finding."""
    results = tuple(CheckResult(check.name, False, "not attempted") for check in suite.checks)
    return Verdict(suite.exercise, 0.0, suite.points, False, results)


def timing_decides(suite: CheckSuite, replies: Sequence[Reply]) -> bool:
    """Tell whether a check passes so far and has timed questions that are still to be asked.

    The judge's clock tests what the worker's counts claim. Where the counts have failed already,
    there is nothing left to test.
    """
    return any(
        any(case.ask.timed for case in check.cases) and not isinstance(_judge(check, own), Finding)
        for check, own in _by_check(suite, replies)
    )


def core_failed(suite: CheckSuite, replies: Sequence[Reply]) -> bool:
    """Tell whether a core check fails by the replies so far, so that the exercise earns nothing."""
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
        failure = replies[finding.case].failure
        if failure is not None and failure.kind == "missing":
            return finding  # a missing name has nothing to do with the case
        case = check.cases[finding.case].name
        if case and case != check.name:
            return dataclasses.replace(finding, text=f"{finding.text} (case: {case})")
    return finding


def _score(suite: CheckSuite, results: Sequence[CheckResult]) -> float:
    """Return 0 if a core check fails, otherwise the passed checks' share of the points."""
    pairs = list(zip(suite.checks, results, strict=True))
    if not all(result.passed for check, result in pairs if check.core):
        return 0.0
    total = sum(check.share for check, _ in pairs)
    earned = sum(check.share for check, result in pairs if result.passed)
    return suite.points if earned == total else round(suite.points * earned / total, 2)


def _untried(check: Check, core: str) -> CheckResult:
    text = f"not tried: it takes long, and earns nothing while “{core}” fails"
    return CheckResult(check.name, False, text, tried=False)


def _unjudged(check: Check, failure: Failure | None) -> CheckResult:
    text = "there is no value" if failure is not None else "the value itself is wrong"
    return CheckResult(check.name, False, text, tried=False)


def _recognized(assessment: Assessment, beside: Collection[str]) -> dict[str, str]:
    """Return the mistake that a rule itself recognizes, by rule, if all its failed checks agree."""
    found: dict[str, set[str]] = {}
    for check, _, finding in assessment.failed:
        if check.name not in beside:
            found.setdefault(check.rule, set()).add(finding.names)
    return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}


def _named(
    check: Check, diagnosis: Diagnosis, recognized: Mapping[str, str]
) -> Misconception | None:
    name = recognized.get(check.rule, "")
    return diagnosis.by_id(name) if name else diagnosis.name(check.name)


def _failed(
    check: Check, finding: Finding, named: Misconception | None, failure: Failure | None
) -> CheckResult:
    return CheckResult(
        check.name,
        False,
        finding.text,
        check.look,
        named,
        finding.yours,
        finding.expected,
        failure=failure,
    )
