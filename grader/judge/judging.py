"""From a submission's replies to verdicts: its cases, the rules, and the names of mistakes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence

from grader.course.assignments import Assignment
from grader.judge.known_replies import known_replies
from grader.protocol.values import CheckSuite, Misconception, Reply, Verdict
from grader.rules.evaluate import Seen, explained, look, verdict_on


def case_seed(secret: bytes, assignment: str, exercise: str, student: str, digest: str) -> bytes:
    """HMAC(secret; assignment, exercise, submission): the same again for a re-grade (T4)."""
    text = "\0".join((assignment, exercise, student, digest))
    return hmac.new(secret, text.encode(), hashlib.sha256).digest()


class Judging:
    """What one submission's exercises are judged by. ``seed`` gives each exercise's own.

    Cases are drawn, and known mistakes are asked, once each and only when somebody wants them.
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

    def look(self, name: str, replies: Sequence[Reply]) -> Seen:
        """Apply the rules to an exercise's replies."""
        return look(self.suite(name), replies)

    def named(self, seen: Seen) -> Verdict:
        """The verdict with the names of mistakes: most of the judge's work."""
        return verdict_on(seen, lambda: self.known(seen.suite.exercise))

    def explained(self, seen: Seen) -> bool:
        """Whether a rule or one known mistake says what went wrong."""
        return explained(seen, lambda: self.known(seen.suite.exercise))

    def known(self, name: str) -> Mapping[Misconception, Sequence[Reply]]:
        """What each known mistake replies: asked for once, however often it is compared."""
        if name not in self._mistakes:
            self._mistakes[name] = known_replies(self.release.lesson, name, self.suite(name))
        return self._mistakes[name]
