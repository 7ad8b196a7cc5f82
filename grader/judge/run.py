"""Grade one submission, from bytes to outcome: run the notebook, ask the questions, judge."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.course.assignments import Assignment
from grader.course.exercises import limits
from grader.course.specification import Exercise
from grader.judge import intake, outcome, prior_answers
from grader.judge.carry_forward import carry_forward
from grader.judge.judging import Judging, case_seed
from grader.judge.notebook_run import NotebookRun
from grader.judge.outcome import Outcome, Shown
from grader.judge.recognize import not_this_lesson
from grader.judge.second_runs import SecondRuns
from grader.protocol.values import Verdict
from grader.rules.evaluate import Assessment, not_attempted, verdict_on
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.source.assembly import Assembly, Part, assemble


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment, as bytes.

    ``earlier`` holds the student's notebooks of the earlier assignments that this one uses.
    """

    student: str
    assignment: str
    content: bytes
    earlier: tuple[tuple[str, bytes], ...] = ()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Judge:
    """Everything needed to grade a submission; ``secret`` makes its cases unguessable."""

    forkserver: Forkserver
    secret: bytes
    limits: Limits
    all_cells: bool = False

    def grade(self, submission: Submission, release: Assignment) -> Outcome:
        """Grade a submission. Nothing that it contains or does makes this raise."""
        started = time.monotonic()
        try:
            notebook = intake.parse(submission.content)
        except intake.Rejected as error:
            outcome = rejected(submission, release, str(error), written(error))
            return replace(outcome, sandbox=self.forkserver.level)
        assembly = assemble(release.parts, notebook)
        foreign = not_this_lesson(notebook, release, assembly)
        if foreign:
            return replace(rejected(submission, release, foreign), sandbox=self.forkserver.level)
        result = _grade(self, submission, release, assembly)
        return replace(result, seconds=time.monotonic() - started, sandbox=self.forkserver.level)


def written(error: intake.Rejected) -> bool:
    """Tell whether something was handed in that cannot be read, for a person to look at (T13)."""
    return not isinstance(error, intake.NothingThere)


def rejected(
    submission: Submission, release: Assignment, reason: str, person: bool = True
) -> Outcome:
    """Return the outcome of a submission that could not be graded: no points, and the reason.

    ``person``: whether a person has to look, because something was handed in.
    """
    verdicts = tuple(_blank(exercise) for exercise in release.exercises)
    names = {exercise.id for exercise in release.exercises} | {one.id for one in release.humans}
    return Outcome(
        submission.student,
        submission.assignment,
        outcome.REJECTED,
        release.max_score,
        reason,
        verdicts,
        notices=(reason,) if person else (),
        unsure=frozenset(names) if person else frozenset(),
        humans={human.id: (human.points, person) for human in release.humans},
        digest=submission.digest,
    )


def _blank(exercise: Exercise) -> Verdict:
    return Verdict(exercise.id, 0.0, float(exercise.points), False, ())


def _grade(
    judge: Judge, submission: Submission, release: Assignment, assembly: Assembly
) -> Outcome:
    """Run and judge the notebook, judge what builds on failed exercises again, name mistakes."""

    def seed(exercise: str) -> bytes:
        return case_seed(
            judge.secret, submission.assignment, exercise, submission.student, submission.digest
        )

    judging = Judging(release, seed)
    bounds = judge.limits.at_least(limits(release.lesson))
    notebook = NotebookRun(judge.forkserver, bounds, judging, judge.all_cells)
    attempted = {name for name in judging.exercises if assembly.attempted(name)}
    verdicts = {
        name: not_attempted(judging.suite(name)) if name in attempted else _blank(exercise)
        for name, exercise in judging.exercises.items()
    }
    assessments: dict[str, Assessment] = {}
    if attempted:
        texts = prior_answers.of_student(release, dict(submission.earlier))
        replies = notebook.run(assembly.parts, attempted, texts, record=True)
        assessments = {name: judging.assess(name, replies[name]) for name in attempted}
    verdicts |= {name: verdict_on(assessment) for name, assessment in assessments.items()}
    failed = {name for name, verdict in verdicts.items() if not verdict.passed}
    suites = {name: judging.suite(name) for name in verdicts if name in failed & assessments.keys()}
    planned = SecondRuns(release, assembly, failed)
    carried = carry_forward(judging, notebook, planned, suites, verdicts, assessments)
    verdicts |= carried
    # Naming mistakes takes longest, so it comes last, and only for verdicts that still count.
    for name in assessments.keys() - carried.keys():
        verdicts[name] = judging.named(assessments[name])
    answered = assembly.answered()
    unsure = assembly.to_look_at({name for name, one in verdicts.items() if one.score == 0})
    word, reason = _outcome(notebook, verdicts, assembly.as_given)
    return Outcome(
        submission.student,
        submission.assignment,
        word,
        release.max_score,
        reason,
        tuple(verdicts.values()),
        frozenset(carried),
        tuple(_shown(part, notebook.outputs) for part in assembly.parts),
        assembly.repairs,
        tuple(dict.fromkeys(unsure.values())),
        frozenset(unsure),
        {human.id: (human.points, answered[human.id]) for human in release.humans},
        submission.digest,
        first=planned.to_fix_first(suites),
        earlier_first=planned.earlier_first({name: suites[name] for name in carried}),
    )


def _shown(part: Part, outputs: Mapping[str, list]) -> Shown:
    own = tuple(outputs.get(part.id, ()))
    return Shown(part.role, part.kind, part.id, part.source, part.exercise, own)


def _outcome(
    notebook: NotebookRun, verdicts: Mapping[str, Verdict], as_given: bool
) -> tuple[str, str]:
    """Return the outcome word and the reason, if any. The first death of a worker decides."""
    if notebook.deaths:
        first = notebook.deaths[0]
        kinds = (outcome.TIMED_OUT, outcome.OUT_OF_MEMORY)
        word = first.reason if first.reason in kinds else outcome.CRASHED
        return word, first.detail
    if notebook.memory_ran_out or any(_ran_out(verdict) for verdict in verdicts.values()):
        return outcome.OUT_OF_MEMORY, "an answer needed more memory than it may use"
    if as_given and not any(verdict.attempted for verdict in verdicts.values()):
        return outcome.NOT_ATTEMPTED, ""
    return outcome.GRADED, ""


def _ran_out(verdict: Verdict) -> bool:
    failures = (check.failure for check in verdict.checks)
    return any(one is not None and one.kind == outcome.OUT_OF_MEMORY for one in failures)
