"""Wrong answers composed of several mistakes, each of which is to be named truly or not at all.

A name is true if it is that of a mistake that went into the answer or stands in it word for word,
or if its mistake does the same as the answer does, or as the companion does when it is made of the
right answer. Whether two answers do the same is found out by calling both in further draws of the
cases, and comparing what they return with NumPy: not by the rules that name mistakes. Answers that
turn out right are left out.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections import Counter
from collections.abc import Collection, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grader.authoring.composing import Composed, composed, has_all_of, source_of
from grader.course.exercises import exercises, find, home_of
from grader.course.layout import LESSONS
from grader.course.quiz import quiz_id
from grader.course.specification import PUBLIC_SEED
from grader.course.versions import Version, families
from grader.judge.known_replies import known_replies, replies_of
from grader.protocol.calls import DirectCalls
from grader.protocol.values import CheckSuite, Opaque, Reply, Tensor
from grader.rules.evaluate import assess, verdict_on
from grader.threads import one_thread

MORE_DRAWS = 3  # in which answers are compared
EACH = 6  # answers of each kind and exercise


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are the same to about the digits that float32 has, dtypes included."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return same_value(one.data, other.data)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return (
            one.shape == other.shape
            and one.dtype == other.dtype
            and np.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)
        )
    if isinstance(one, (list, tuple)) and type(one) is type(other):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[k], other[k]) for k in one)
    if isinstance(one, Opaque) or isinstance(other, Opaque):
        return one == other
    if isinstance(one, float) and isinstance(other, float):
        return bool(np.isclose(one, other, rtol=1e-6, atol=1e-9, equal_nan=True))
    return type(one) is type(other) and bool(one == other)


def same_reply(one: Reply, other: Reply) -> bool:
    """Whether two answers did the same in one call; errors are the same if both raised one."""
    if one.failure is not None or other.failure is not None:
        return one.failure is not None and other.failure is not None
    return (
        same_value(one.value, other.value)
        and same_value(list(one.args or ()), list(other.args or ()))
        and same_value(
            [np.asarray(g) for g in one.grads if g is not None],
            [np.asarray(g) for g in other.grads if g is not None],
        )
    )


def asked(version: Version, suite: CheckSuite) -> list[Reply]:
    """The version's replies to all quick cases of a suite."""
    return DirectCalls(version.namespace).ask(
        [case.ask for check in suite.checks if not check.slow for case in check.cases]
    )


class Truth:
    """Tells whether a name is true of a composed answer to one exercise."""

    def __init__(self, exercise: str) -> None:
        seeds = [f"truth {number}".encode() for number in range(MORE_DRAWS)]
        self.suites = [find(exercise).suite(seed) for seed in seeds]
        self.versions: dict[str, list[Version]] = {}
        for one in families(home_of(exercise), exercise):
            self.versions.setdefault(one.name, []).append(one)
        self.asked = functools.cache(self._asked)

    def _asked(self, version: Version) -> list[Reply]:
        return [reply for suite in self.suites for reply in asked(version, suite)]

    def same(self, one: Version, other: Version) -> bool:
        """Whether two answers do the same in all further draws."""
        return all(map(same_reply, self.asked(one), self.asked(other)))

    def of(self, name: str, made: Composed) -> bool:
        if name in made.parts:
            return True
        known, text = self.versions[name], made.version.text
        sources = filter(None, map(source_of, known))
        if text and any(has_all_of(text, source) for source in sources):
            return True
        answers = [made.version, *filter(None, [made.companion])]
        return any(self.same(one, answer) for one in known for answer in answers)


@dataclass
class Tally:
    """Composed answers by kind, how many were named, and the false names."""

    count: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    false: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """The share that is named in a line."""
        total, named = self.count.total(), self.named.total()
        share = f"{total} composed mistakes: {named} named ({named / max(total, 1):.0%})"
        return f"{share}, {len(self.false)} false names"


def together(tallies: Iterable[Tally]) -> Tally:
    """All tallies in one."""
    found = Tally()
    for one in tallies:
        found.count.update(one.count)
        found.named.update(one.named)
        found.false += one.false
    return found


def try_exercise(exercise: str, each: int = EACH, seed: int = 1) -> Tally:
    """Put composed answers to one exercise's public cases, and judge the names they are given."""
    tally = Tally()
    suite = find(exercise).suite(PUBLIC_SEED, "notebook")
    quick = tuple(check for check in suite.checks if not check.slow)
    suite = CheckSuite(suite.exercise, suite.points, quick)
    known = known_replies(home_of(exercise), exercise, suite)
    truth = Truth(exercise)
    numbers = [seed, *exercise.encode()]
    for made in composed(exercise, np.random.Generator(np.random.PCG64(numbers)), each):
        found = assess(suite, replies_of(made.version, suite))
        if not found.failed:
            continue
        verdict = verdict_on(found, lambda: known)
        names = {c.misconception.id for c in verdict.checks if c.misconception is not None}
        tally.count[made.how] += 1
        tally.named[made.how] += bool(names)
        tally.false += [
            f"{exercise}: {made.what}: named {name}" for name in names if not truth.of(name, made)
        ]
    return tally


def taking_part() -> list[str]:
    """The exercises that composed answers are made for, in the course's order.

    Not the quizzes, and not the tests that students write: such an answer is judged by what it says
    of candidates, which are in the judge.
    """
    return [
        one.id
        for lesson in LESSONS
        for one in exercises(lesson)
        if one.id != quiz_id(lesson) and one.callbacks is None
    ]


def try_composed(only: Collection[str] = (), jobs: int = 0) -> Tally:
    """Composed answers to all exercises, or to those that ``only`` names."""
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    asked = [name for name in taking_part() if not only or name in only]
    with ProcessPoolExecutor(jobs or os.cpu_count(), context, one_thread) as pool:
        work = {name: pool.submit(try_exercise, name) for name in reversed(asked)}
        return together(work[name].result() for name in asked)
