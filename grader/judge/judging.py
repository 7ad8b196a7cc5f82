"""Judge a submission's replies: draw its cases, apply the rules, name the mistakes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from grader.course.assignments import Assignment
from grader.judge.known_replies import known_replies
from grader.protocol.values import CheckSuite, Misconception, Reply, Verdict
from grader.rules.evaluate import Assessment, assess, verdict_on


def case_seed(secret: bytes, assignment: str, exercise: str, student: str, digest: str) -> bytes:
    """The seed of an exercise's cases: an HMAC, so that nobody without the secret knows them (T4).

    Grading the same submission again draws the same cases.
    """
    text = "\0".join((assignment, exercise, student, digest))
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


class Judging:
    """One submission's cases, and what the known mistakes reply to them.

    ``seed`` gives each exercise's seed. Cases are drawn once, when they are first needed, and so
    are the replies of known mistakes.
    """

    def __init__(self, release: Assignment, seed: Callable[[str], bytes]) -> None:
        self.release = release
        self.seed = seed
        self.exercises = {exercise.id: exercise for exercise in release.exercises}
        self._suites: dict[str, CheckSuite] = {}
        self._mistakes: dict[str, Mapping[Misconception, Sequence[Reply]]] = {}

    def suite(self, name: str) -> CheckSuite:
        """The exercise's checks with this submission's cases."""
        if name not in self._suites:
            self._suites[name] = self.exercises[name].suite(self.seed(name))
        return self._suites[name]

    def assess(self, name: str, replies: Sequence[Reply]) -> Assessment:
        """Apply the rules to an exercise's replies."""
        return assess(self.suite(name), replies)

    def named(self, assessment: Assessment) -> Verdict:
        """The verdict with the names of mistakes; finding them is most of the judge's work."""
        return verdict_on(assessment, lambda: self.known(assessment.suite.exercise))

    def known(self, name: str) -> Mapping[Misconception, Sequence[Reply]]:
        """The replies of each known mistake, made once however often they are compared."""
        if name not in self._mistakes:
            self._mistakes[name] = known_replies(self.release.lesson, name, self.suite(name))
        return self._mistakes[name]
