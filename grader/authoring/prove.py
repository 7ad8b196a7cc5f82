"""The kill matrix: every exercise's checks on its solution, misconceptions and alternatives."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from grader.authoring.composed import Tally
from grader.course.exercises import exercises, find
from grader.course.layout import LESSONS, assignment_id
from grader.course.quiz import quiz_id
from grader.course.specification import PUBLIC_SEED, Exercise
from grader.course.versions import Version, alternatives, families, solution
from grader.judge.known_replies import known_replies, replies_of
from grader.protocol.values import CheckSuite, Verdict
from grader.rules.evaluate import evaluate
from grader.threads import one_thread


@dataclass(frozen=True)
class Trial:
    """One version tried by its exercise's checks, on one draw of the cases.

    ``variant_of`` is the misconception that a variant of one is to be named as.
    """

    lesson: str
    exercise: str
    version: str
    kind: str  # solution | misconception | alternative
    draw: str
    caught_by: tuple[str, ...]
    named: tuple[str, ...]
    score: float
    points: float
    message: str
    variant_of: str = ""

    @property
    def family(self) -> str:
        """The name that the version is to be given."""
        return self.variant_of or self.version

    @property
    def ok(self) -> bool:
        """A misconception is caught, and named as itself alone; a right version has full marks."""
        if self.kind == "misconception":
            return bool(self.caught_by) and set(self.named) == {self.family}
        return not self.caught_by and self.score == self.points


def judge(version: Version, lesson: str, suite: CheckSuite) -> Verdict:
    """The verdict on one version."""
    return evaluate(
        suite,
        replies_of(version, suite),
        lambda: known_replies(lesson, version.exercise, suite),
    )


def prove(
    seeds: Mapping[str, bytes] | None = None, jobs: int = 0, only: Collection[str] = ()
) -> Iterator[Trial]:
    """Try everything, on the public cases and on further draws; ``jobs`` processes at a time.

    ``only`` names exercises; without it all are tried.
    """
    draws = seeds or {"public": PUBLIC_SEED, "graded 1": b"prove 1", "graded 2": b"prove 2"}
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(jobs or os.cpu_count(), context, one_thread) as pool:
        asked = [
            (lesson, exercise.id)
            for lesson in LESSONS
            for exercise in exercises(lesson)
            if not only or exercise.id in only
        ]
        # The last lessons train models. Start with them, so that no process is left busy alone.
        work = {one: pool.submit(_proved, *one, dict(draws)) for one in reversed(asked)}
        for one in asked:
            yield from work[one].result()


def _proved(lesson: str, name: str, draws: dict[str, bytes]) -> list[Trial]:
    return list(prove_exercise(lesson, find(name), draws))


def prove_exercise(lesson: str, exercise: Exercise, draws: Mapping[str, bytes]) -> Iterator[Trial]:
    """All versions of one exercise against each draw."""
    versions = [("solution", solution(lesson, exercise.id))]
    versions += [("misconception", v) for v in families(lesson, exercise.id)]
    versions += [("alternative", v) for v in alternatives(lesson, exercise.id)]
    for label, seed in draws.items():
        suite = exercise.suite(seed, "notebook" if seed == PUBLIC_SEED else "judge")
        answers = {v.label: replies_of(v, suite) for _, v in versions}
        known = known_replies(lesson, exercise.id, suite)  # a second run: replies must not vary
        for kind, version in versions:
            verdict = evaluate(suite, answers[version.label], functools.partial(dict, known))
            failed = [check for check in verdict.checks if check.tried and not check.passed]
            yield Trial(
                lesson,
                exercise.id,
                version.label,
                kind,
                label,
                tuple(check.name for check in failed),
                tuple(c.misconception.id for c in failed if c.misconception is not None),
                verdict.score,
                verdict.max_score,
                failed[0].message if failed else "",
                version.name if version.label != version.name else "",
            )


def kill_matrix(trials: Sequence[Trial], composed: Tally) -> str:
    """The matrix as Markdown: for each exercise, its wrong answers and the checks they fail.

    Before them stands how many of the composed wrong answers are named.
    """
    quizzes = {t.exercise for t in trials if t.exercise == quiz_id(t.lesson)}
    wrong = {(t.exercise, t.family) for t in trials if t.kind == "misconception"}
    variants = {(t.exercise, t.version) for t in trials if t.variant_of}
    options = {pair for pair in wrong if pair[0] in quizzes}
    right = {(t.exercise, t.version) for t in trials if t.kind == "alternative"}
    draws = sorted({t.draw for t in trials})
    faults = [t for t in trials if not t.ok]
    lines = [
        "# Kill matrix",
        "",
        f"{len(wrong - options)} named wrong answers, {len(options)} wrong options of quizzes and",
        f"{len(right)} other right answers, each put to its exercise's checks",
        f"(the wrong ones also in {len(variants)} variants, with other numbers or operations)",
        f"for {len(draws)} draws of the cases ({', '.join(draws)}):",
        f"**{len(faults)} faults** (a wrong answer that survives or is not named as",
        "itself, a right one that is refused). Made by",
        "`python -m grader prove --markdown docs/kill_matrix.md`; a test fails when this page is",
        "out of date.",
        "",
        "A check in italics fails a wrong answer in some of the draws only. Where the mistake is",
        "one of rounding, that differs between processors, too.",
        "",
        *_composed_table(composed),
    ]
    for lesson in dict.fromkeys(t.lesson for t in trials):
        lines += ["", f"## {assignment_id(lesson)}"]
        own = [t for t in trials if t.lesson == lesson]
        for exercise in dict.fromkeys(t.exercise for t in own):
            section = _quiz_line if exercise in quizzes else _exercise_table
            lines += section([t for t in own if t.exercise == exercise], exercise)
    return "\n".join(lines) + "\n"


def _composed_table(tally: Tally) -> list[str]:
    rows = [(how, tally.named[how], count) for how, count in sorted(tally.count.items())]
    rows.append(("**all**", tally.named.total(), tally.count.total()))
    return [
        f"Of wrong answers composed of several mistakes, **{len(tally.false)}** are given a name",
        "that is not true. Named, on the public cases, are:",
        "",
        "| composed | named | share |",
        "| --- | --- | --- |",
        *(
            f"| {how} | {named} of {count} | {named / max(count, 1):.0%} |"
            for how, named, count in rows
        ),
    ]


def _quiz_line(trials: Sequence[Trial], exercise: str) -> list[str]:
    wrong = [t for t in trials if t.kind == "misconception"]
    alone = sum(t.ok and len(t.caught_by) == 1 for t in wrong)
    accepted = sorted({t.version for t in trials if t.kind == "alternative" and t.ok})
    count = len({t.version for t in wrong})
    text = f"{count} wrong options: in {alone} of {len(wrong)} trials named, by one question alone."
    return ["", f"### `{exercise}`", "", text, f"Accepted: {'; '.join(accepted)}."]


def _exercise_table(trials: Sequence[Trial], exercise: str) -> list[str]:
    accepted = {t.version for t in trials if t.kind == "alternative" and t.ok}
    lines = [
        "",
        f"### `{exercise}`",
        "",
        "| wrong answer | caught by | named |",
        "| --- | --- | --- |",
    ]
    wrong = [t for t in trials if t.kind == "misconception"]
    for version in dict.fromkeys(t.family for t in wrong):
        own = [t for t in wrong if t.family == version]
        found = dict.fromkeys(check for t in own for check in t.caught_by)
        caught = [c if all(c in t.caught_by for t in own) else f"*{c}*" for c in found]
        named = f"{sum(t.ok for t in own)} of {len(own)}"
        lines.append(f"| `{version}` | {'; '.join(caught) or '**nothing**'} | {named} |")
    return [*lines, "", f"Accepted: {'; '.join(sorted(accepted))}."]
