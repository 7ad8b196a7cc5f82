"""``python -m tests.campaigns.draws``: try right answers on many draws of the graded cases.

A badly drawn case refuses a right answer: a vector of nearly equal numbers for a layer norm, a
tie, a chance of one in some hundred. So every exercise's cases are drawn many times, and
the solution and all alternatives answer them, in this process and without a sandbox. Checks that
train or measure are left out unless ``--slow`` is given: one draw of them takes seconds.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grader.course.exercises import exercises, find, home_of
from grader.course.layout import LESSONS
from grader.course.quiz import quiz_id
from grader.course.specification import Exercise
from grader.course.versions import Version, alternatives, solution
from grader.protocol.calls import DirectCalls
from grader.protocol.values import CheckSuite
from grader.rules.asking import put_questions
from grader.rules.evaluate import assess
from grader.threads import one_thread


@dataclass(frozen=True)
class Refusal:
    """A right answer that a check refused, and the draw that it was refused in."""

    exercise: str
    draw: int
    version: str
    check: str
    text: str


def names() -> list[str]:
    """Return every exercise whose cases are drawn, in the course's order."""
    return [e.id for lesson in LESSONS for e in exercises(lesson) if e.id != quiz_id(lesson)]


def right_answers(exercise: str) -> list[Version]:
    """Return the solution and all alternatives."""
    lesson = home_of(exercise)
    return [solution(lesson, exercise), *alternatives(lesson, exercise)]


def suite_of(exercise: Exercise, draw: int, *, slow: bool = False) -> CheckSuite:
    """Return the graded checks of one draw, without the slow ones unless asked for."""
    suite = exercise.suite(f"draw {draw}".encode())
    kept = tuple(check for check in suite.checks if slow or not check.slow)
    return replace(suite, checks=kept)


def refusals(
    exercise: Exercise, versions: Sequence[Version], draw: int, *, slow: bool = False
) -> Iterator[Refusal]:
    """Yield every check of one draw that refuses one of the versions."""
    suite = suite_of(exercise, draw, slow=slow)
    functions = exercise.callbacks(suite) if exercise.callbacks is not None else {}
    for version in versions:
        calls = DirectCalls(version.namespace, functions.__getitem__)
        found = assess(suite, put_questions(suite, calls.ask, timed=False))
        if not found.attempted:
            yield Refusal(exercise.id, draw, version.name, "", "not attempted")
        for check, _, finding in found.failed:
            yield Refusal(exercise.id, draw, version.name, check.name, finding.text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--draws", type=int, default=2000, help="draws of every exercise")
    parser.add_argument("--first", type=int, default=0, help="the number of the first draw")
    parser.add_argument("--exercise", action="append", choices=names(), help="may be repeated")
    parser.add_argument("--slow", action="store_true", help="with checks that train or measure")
    options = parser.parse_args()
    one_thread()
    # A question with a bound of memory collects garbage first. What is imported is none, and
    # looking through it each time would take most of the campaign's time.
    gc.freeze()
    bad = 0
    for name in options.exercise or names():
        exercise, versions = find(name), right_answers(name)
        started, count = time.perf_counter(), 0
        for draw in range(options.first, options.first + options.draws):
            for one in refusals(exercise, versions, draw, slow=options.slow):
                count += 1
                print(f"  draw {one.draw}, {one.version}: {one.check}: {one.text}", flush=True)
        bad += count
        seconds = time.perf_counter() - started
        print(
            f"{name}: {options.draws} draws, {len(versions)} right answers, {count} refusals, "
            f"{seconds:.0f} s",
            flush=True,
        )
    if bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
