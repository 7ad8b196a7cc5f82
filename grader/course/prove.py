"""The kill matrix: every exercise against its solution, its wrong and its other right versions."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from grader.core.evaluate import evaluate
from grader.core.values import Battery, Misconception, Reply, Verdict
from grader.seam import DirectSeam
from grader.specs import LESSONS, exercises
from grader.specs.building import PUBLIC_SEED, Exercise
from solutions.registry import Version, alternatives, misconceptions, solution


@dataclass(frozen=True)
class Trial:
    """One version put to one exercise's checks, for one draw of the cases."""

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

    @property
    def ok(self) -> bool:
        """A wrong version is caught and named as itself alone; a right one passes everything."""
        if self.kind == "misconception":
            return bool(self.caught_by) and set(self.named) == {self.version}
        return not self.caught_by and self.score == self.points


def one_thread() -> None:
    """Tiny tensors and many processes: torch's thread pool costs more than it gives."""
    torch.set_num_threads(1)


class LazyReplies(Sequence[Reply]):
    """A version's replies, each asked for when it is first looked at."""

    def __init__(self, version: Version, battery: Battery) -> None:
        self._seam = DirectSeam(version.namespace)
        self._asks = [probe.ask for probe in battery.probes]
        self._replies: dict[int, Reply] = {}

    def __len__(self) -> int:
        return len(self._asks)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0 or index >= len(self):
            raise IndexError(index)
        if index not in self._replies:
            self._replies[index] = self._seam.ask([self._asks[index]])[0]
        return self._replies[index]


def replies_of(version: Version, battery: Battery) -> list[Reply]:
    """What a version of ours answers to each probe."""
    return DirectSeam(version.namespace).ask(probe.ask for probe in battery.probes)


def known_replies(
    lesson: str, exercise: str, battery: Battery
) -> Mapping[Misconception, Sequence[Reply]]:
    """What each misconception answers to each probe: the key for naming a mistake."""
    return {
        version.misconception: LazyReplies(version, battery)
        for version in misconceptions(lesson, exercise)
        if version.misconception is not None
    }


def judge(version: Version, lesson: str, battery: Battery) -> Verdict:
    """The verdict on one version."""
    return evaluate(
        battery,
        replies_of(version, battery),
        lambda: known_replies(lesson, version.exercise, battery),
        version.source,
    )


def prove(seeds: Mapping[str, bytes] | None = None) -> Iterator[Trial]:
    """Try everything, on the public cases and on further draws."""
    one_thread()
    draws = seeds or {"public": PUBLIC_SEED, "graded 1": b"prove 1", "graded 2": b"prove 2"}
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            yield from prove_exercise(lesson, exercise, draws)


def prove_exercise(lesson: str, exercise: Exercise, draws: Mapping[str, bytes]) -> Iterator[Trial]:
    """All versions of one exercise against each draw."""
    versions = [("solution", solution(lesson, exercise.id))]
    versions += [("misconception", v) for v in misconceptions(lesson, exercise.id)]
    versions += [("alternative", v) for v in alternatives(lesson, exercise.id)]
    for label, seed in draws.items():
        battery = exercise.battery(seed)
        answers = {v.name: replies_of(v, battery) for _, v in versions}
        known = known_replies(lesson, exercise.id, battery)  # asked again: no luck with a draw
        for kind, version in versions:
            verdict = evaluate(
                battery, answers[version.name], functools.partial(dict, known), version.source
            )
            failed = [check for check in verdict.checks if not check.passed]
            yield Trial(
                lesson,
                exercise.id,
                version.name,
                kind,
                label,
                tuple(check.name for check in failed),
                tuple(c.misconception.id for c in failed if c.misconception is not None),
                verdict.score,
                verdict.max_score,
                failed[0].message if failed else "",
            )
