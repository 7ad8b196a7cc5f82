"""Judge exercises again that build on a failed one, with the course's version of it (T9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grader.judge import prior_answers
from grader.judge.judging import Judging
from grader.judge.notebook_run import NotebookRun
from grader.judge.second_runs import SecondRuns
from grader.protocol.calls import NOT_WRITTEN
from grader.protocol.values import CheckResult, Verdict
from grader.rules.evaluate import Assessment, verdict_on
from grader.source.assembly import Assembly

CARRIED = "with the course's version of the earlier exercise"


def carry_forward(
    judging: Judging,
    notebook: NotebookRun,
    assembly: Assembly,
    verdicts: Mapping[str, Verdict],
    assessments: Mapping[str, Assessment],
) -> dict[str, Verdict]:
    """The verdicts that a second run replaces, by exercise; ``assessments`` are the first run's.

    A second run's notebook holds a solution, which student code could print. So its outputs and
    messages are thrown away; only each check's pass or fail and the name of a mistake are kept.
    """
    failed = {name for name, verdict in verdicts.items() if not verdict.passed}
    suites = {name: judging.suite(name) for name in verdicts if name in failed & assessments.keys()}
    replaced: dict[str, Verdict] = {}
    for second in SecondRuns(judging.release, assembly, failed).runs(suites):
        # A worker that dies in a second run does not change the submission's outcome.
        deaths = list(notebook.deaths)
        texts = prior_answers.of_course(judging.release)
        replies = notebook.run(second.parts, set(second.judged), texts, record=False)
        notebook.deaths = deaths
        for name in second.judged:
            again = judging.assess(name, replies[name])
            better = _better_verdict(judging, assessments[name], again)
            if better is not None:
                replaced[name] = _redacted(better, verdict_on(assessments[name]))
    return replaced


def _better_verdict(judging: Judging, first: Assessment, second: Assessment) -> Verdict | None:
    """The second run's verdict if it has more points, or names a mistake that the first did not.

    An earlier answer that failed may hide the mistake in this one, and the second run shows it.
    Search it before settling for a mistake that explains only a part of the first run's replies.
    """
    before, after = verdict_on(first), verdict_on(second)
    if after.score < before.score:
        return None
    if after.score == before.score:
        if judging.explained(first):
            return None
        after = judging.named(second)
        if any(check.misconception for check in after.checks):
            return after
        # A missing foundation is not the cause if the course's does not help.
        return before if any(map(_blames_another, before.checks)) else None
    return judging.named(second)


def _redacted(verdict: Verdict, first: Verdict) -> Verdict:
    """The verdict without any text from the run: only pass, fail and a mistake's name.

    Where the first run has a cause of its own, that stands.
    """
    before = {check.name: check for check in first.checks}
    checks = tuple(
        check if check.passed or not check.tried else _reported(check, before.get(check.name))
        for check in verdict.checks
    )
    return replace(verdict, checks=checks)


def _reported(check: CheckResult, before: CheckResult | None) -> CheckResult:
    """A check that failed in the second run, as it is reported."""
    if before is None or before.passed or not before.tried or _blames_another(before):
        before = CheckResult(check.name, False, f"not passed, {CARRIED}", check.look)
    return replace(before, misconception=check.misconception)


def _blames_another(check: CheckResult) -> bool:
    """Did the check fail because another exercise is not written?"""
    return not check.passed and NOT_WRITTEN in check.message
