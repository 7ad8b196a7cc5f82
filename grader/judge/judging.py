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
    """Return the seed of an exercise's cases: an HMAC, so that only the secret reveals them (T4).

    Grading the same submission again draws the same cases.
    """
    text = "\0".join((assignment, exercise, student, digest))
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


class Judging:
    """One submission's cases, and the replies of the known mistakes to them.

    ``seed`` returns an exercise's seed. Cases are drawn, and known mistakes asked, once each, when
    first needed.
    """

    def __init__(self, release: Assignment, seed: Callable[[str], bytes]) -> None:
        self.release = release
        self.seed = seed
        self.exercises = {exercise.id: exercise for exercise in release.exercises}
        self._suites: dict[str, CheckSuite] = {}
        self._mistakes: dict[str, Mapping[Misconception, Sequence[Reply]]] = {}

    def suite(self, name: str) -> CheckSuite:
        """Return the exercise's checks with this submission's cases."""
        if name not in self._suites:
            self._suites[name] = self.exercises[name].suite(self.seed(name))
        return self._suites[name]

    def assess(self, name: str, replies: Sequence[Reply]) -> Assessment:
        """Apply the rules to an exercise's replies."""
        return assess(self.suite(name), replies)

    def named(self, assessment: Assessment) -> Verdict:
        """Return the verdict with its mistakes named; naming them is most of the judge's work."""
        return verdict_on(assessment, lambda: self.known(assessment.suite.exercise))

    def known(self, name: str) -> Mapping[Misconception, Sequence[Reply]]:
        """Return each known mistake's replies, made once however often they are compared."""
        if name not in self._mistakes:
            self._mistakes[name] = known_replies(self.release.lesson, name, self.suite(name))
        return self._mistakes[name]
