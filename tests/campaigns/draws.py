"""``python -m tests.campaigns.draws``: try right answers on many draws of the graded cases.

A badly drawn case refuses a right answer: a vector of nearly equal numbers for a layer norm, a
tie, a chance of one in some hundred. So every exercise's cases are drawn many times, and
the solution and all alternatives answer them, in this process and without a sandbox. Checks that
train or measure are left out unless ``--slow`` is given: one draw of them takes seconds.
"""

from __future__ import annotations

import argparse
import functools
import gc
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from grader.course.exercises import exercises, find, home_of
from grader.course.layout import LESSONS
from grader.course.quiz import quiz_id
from grader.course.specification import Exercise
from grader.course.versions import Version, alternatives, solution
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Ask, CheckSuite, Reply
from grader.rules.asking import Put, put_questions
from grader.rules.evaluate import assess
from grader.threads import one_thread

CHUNK = 250  # draws that one process tries in a row

Known = dict[tuple[str, str], Reply]  # by the version's name and the question


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
    exercise: Exercise,
    versions: Sequence[Version],
    draw: int,
    known: Known,
    *,
    slow: bool = False,
) -> Iterator[Refusal]:
    """Yield every check of one draw that refuses one of the versions; add replies to ``known``."""
    suite = suite_of(exercise, draw, slow=slow)
    functions = exercise.callbacks(suite) if exercise.callbacks is not None else {}
    for version in versions:
        put: Put = DirectCalls(version.namespace, functions.__getitem__).ask
        if not functions:  # else a reply depends on more than its question
            put = functools.partial(put_once, known, version.name, put)
        found = assess(suite, put_questions(suite, put, timed=False))
        if not found.attempted:
            yield Refusal(exercise.id, draw, version.name, "", "not attempted")
        for check, _, finding in found.failed:
            yield Refusal(exercise.id, draw, version.name, check.name, finding.text)


def put_once(known: Known, version: str, put: Put, asks: Sequence[Ask]) -> list[Reply]:
    """Put the questions, except those of numbers alone that the version has answered before.

    A depth of 24 comes in every other draw. Arrays are drawn anew each time, and only the ends of a
    long one would show in the key.
    """
    replies = []
    for ask in asks:
        numbers = (*ask.args, *ask.kwargs.values())
        more = ask.init is not None or ask.steps or ask.after or ask.cotangents is not None
        if more or not all(isinstance(one, int | float) for one in numbers):
            replies += put([ask])
            continue
        key = version, repr(ask)
        if key not in known:
            known[key] = put([ask])[0]
        replies.append(known[key])
    return replies


def try_draws(name: str, draws: range, slow: bool) -> tuple[list[Refusal], float]:
    """Return every refusal in these draws of one exercise, and how many seconds they took."""
    exercise, versions = find(name), right_answers(name)
    found: list[Refusal] = []
    known: Known = {}
    started = time.perf_counter()
    for draw in draws:
        found += refusals(exercise, versions, draw, known, slow=slow)
        if draw == draws.start:
            # A question with a bound of memory collects garbage first. What has been imported by
            # now is not garbage, and searching it before each question would be slow.
            gc.freeze()
    return found, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--draws", type=int, default=2000, help="draws of every exercise")
    parser.add_argument("--first", type=int, default=0, help="the number of the first draw")
    parser.add_argument("--exercise", action="append", choices=names(), help="may be repeated")
    parser.add_argument("--slow", action="store_true", help="with checks that train or measure")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    options = parser.parse_args()
    one_thread()  # in the environment too, so that NumPy obeys in the new processes
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    end = options.first + options.draws
    chunks = [range(n, min(n + CHUNK, end)) for n in range(options.first, end, CHUNK)]
    bad = 0
    with ProcessPoolExecutor(options.jobs, context, one_thread) as pool:
        asked = {
            name: [pool.submit(try_draws, name, chunk, options.slow) for chunk in chunks]
            for name in options.exercise or names()
        }
        for name, parts in asked.items():
            results = [part.result() for part in parts]
            found = [one for refused, _ in results for one in refused]
            for one in found:
                print(f"  draw {one.draw}, {one.version}: {one.check}: {one.text}", flush=True)
            print(
                f"{name}: {options.draws} draws, {len(right_answers(name))} right answers, "
                f"{len(found)} refusals, {sum(seconds for _, seconds in results):.0f} s",
                flush=True,
            )
            bad += len(found)
    if bad:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
