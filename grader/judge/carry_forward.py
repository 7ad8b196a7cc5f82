"""Judging again, with the course's version of what failed, the exercises that build on it (T9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grader.judge import prior_answers
from grader.judge.assemble import Assembly
from grader.judge.judging import Judging
from grader.judge.notebook_run import NotebookRun
from grader.judge.second_runs import SecondRuns
from grader.protocol.values import CheckResult, Verdict
from grader.rules.evaluate import Seen, verdict_on

CARRIED = "with the course's version of the earlier exercise"


def carry_forward(
    judging: Judging,
    notebook: NotebookRun,
    assembly: Assembly,
    verdicts: Mapping[str, Verdict],
    seen: Mapping[str, Seen],
) -> dict[str, Verdict]:
    """The verdicts that a second run replaces, by exercise; ``seen`` are the first run's.

    Nothing that such a run shows or says is kept but pass or fail of each check and the name of a
    mistake: the run holds a solution. Nor is it blamed for the end of its workers.
    """
    failed = {name for name, verdict in verdicts.items() if not verdict.passed}
    suites = {name: judging.suite(name) for name in verdicts if name in failed & seen.keys()}
    replaced: dict[str, Verdict] = {}
    for second in SecondRuns(judging.release, assembly, failed).runs(suites):
        deaths = list(notebook.deaths)
        texts = prior_answers.of_course(judging.release)
        replies = notebook.run(second.parts, set(second.judged), texts, record=False)
        notebook.deaths = deaths
        for name in second.judged:
            again = _tells_more(judging, seen[name], judging.look(name, replies[name]))
            if again is not None:
                replaced[name] = _redacted(again)
    return replaced


def _tells_more(judging: Judging, first: Seen, second: Seen) -> Verdict | None:
    """The second run's verdict if it has more points, or a name where the first is a riddle.

    The name of a mistake that the missing earlier answer had covered up is worth a second run. It
    is looked for before a mistake that explains only a part of what the first run gave.
    """
    before, after = verdict_on(first), verdict_on(second)
    if after.score < before.score:
        return None
    if after.score == before.score:
        if judging.explained(first):
            return None
        after = judging.named(second)
        return after if any(check.misconception for check in after.checks) else None
    return judging.named(second)


def _redacted(verdict: Verdict) -> Verdict:
    """Pass, fail and a mistake's name, in our words alone: the run held a solution."""
    checks = tuple(
        check
        if check.passed or not check.tried
        else CheckResult(
            check.name, False, f"not passed, {CARRIED}", check.look, check.misconception
        )
        for check in verdict.checks
    )
    return replace(verdict, checks=checks)
