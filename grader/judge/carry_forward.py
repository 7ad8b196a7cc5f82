"""Judge the exercises that build on a failed one again, with the course's version of it (T9).

A second run's notebook contains a solution, which student code can read. Anything that the run
shows could leak it: an output, a message, the name of a mistake, even which checks pass. So a
second run yields only the points that each exercise earns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from grader.judge import prior_answers
from grader.judge.judging import Judging
from grader.judge.notebook_run import NotebookRun
from grader.judge.second_runs import SecondRuns
from grader.protocol.calls import NOT_WRITTEN
from grader.protocol.values import CheckResult, CheckSuite, Verdict
from grader.rules.evaluate import Assessment, verdict_on

NEITHER = "with the course's version of it, this exercise does not pass either"


def carry_forward(
    judging: Judging,
    notebook: NotebookRun,
    planned: SecondRuns,
    suites: Mapping[str, CheckSuite],
    verdicts: Mapping[str, Verdict],
    assessments: Mapping[str, Assessment],
) -> dict[str, Verdict]:
    """Return the verdicts that a second run improves, by exercise.

    ``verdicts`` and ``assessments`` are the first run's; ``suites`` are those of the exercises that
    were tried and failed.
    """
    improved: dict[str, Verdict] = {}
    for second in planned.runs(suites):
        # The outcome is the first run's: a worker that dies in a second run does not change it.
        deaths = list(notebook.deaths)
        texts = prior_answers.of_course(judging.release)
        replies = notebook.run(second.parts, set(second.judged), texts, record=False)
        notebook.deaths = deaths
        for name in second.judged:
            again = verdict_on(judging.assess(name, replies[name]))
            if again.score > verdicts[name].score:
                # Naming a mistake takes longest, and what passes now shows none.
                first = verdicts[name] if again.passed else judging.named(assessments[name])
                improved[name] = _with_points_of(again, first)
            elif any(map(_blames_another, verdicts[name].checks)):
                improved[name] = _with_own_fault(verdicts[name])
    return improved


def _blames_another(check: CheckResult) -> bool:
    """Tell whether the check failed because another exercise is not written."""
    return not check.passed and NOT_WRITTEN in check.message


def _with_own_fault(first: Verdict) -> Verdict:
    """Add that the missing exercise is not the only cause; the points reveal that anyway."""
    checks = tuple(
        replace(check, message=f"{check.message}; {NEITHER}") if _blames_another(check) else check
        for check in first.checks
    )
    return replace(first, checks=checks)


def _with_points_of(second: Verdict, first: Verdict) -> Verdict:
    """Combine the second run's points with the first run's checks.

    If all checks of the second run passed, show them: full points reveal that anyway.
    """
    checks = first.checks
    if second.passed:
        checks = tuple(CheckResult(check.name, True) for check in second.checks)
    return replace(first, score=second.score, checks=checks, attempted=second.attempted)
