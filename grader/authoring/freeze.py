"""Freeze the public cases, for the checks in students' notebooks to compare with.

Frozen are the replies of the reference and of every misconception, the hints, and recorded calls
of the earlier answers that an exercise builds on. A lesson whose sources have not changed since its
answers were frozen is left as it is.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grader import files
from grader.course.exercises import exercises
from grader.course.fingerprint import fingerprint
from grader.course.foundations import foundations, recordings
from grader.course.layout import LESSONS
from grader.course.quiz import quiz_id
from grader.course.sources import stub_source
from grader.course.specification import PUBLIC_SEED
from grader.judge.known_replies import known_replies
from grader.protocol.values import NOT_ASKED, Ask, CheckSuite, Reply, Tensor
from grader.student import frozen
from grader.threads import one_thread

STAMPS = ".stamps.json"
# The engine's folders that frozen answers depend on, besides the course.
FROZEN_BY = ("course", "protocol", "rules")


def packed(lesson: str, name: str) -> bytes:
    """Return the bytes of one exercise's file."""
    exercise = next(one for one in exercises(lesson) if one.id == name)
    suite = exercise.suite(PUBLIC_SEED, "notebook")
    quiz = exercise.id == quiz_id(lesson)  # what to say of wrong options is sealed in its suite
    answers = {} if quiz else known_replies(lesson, exercise.id, suite)
    known = {one: kept(suite, replies) for one, replies in answers.items()}
    given = stub_source(lesson, exercise.id) if quiz or exercise.broken else ""
    following, below = next_exercise(lesson, name), foundations(lesson, exercise.id)
    calls = recordings(lesson, exercise.id, suite)
    return frozen.pack(
        frozen.Frozen(suite, known, exercise.hints, lesson, given, following, below, calls)
    )


def next_exercise(lesson: str, name: str, lessons: Sequence[str] = LESSONS) -> str:
    """Name the exercise after this one, in this lesson or the next of these; "" after the last."""
    names = [one.id for one in exercises(lesson)]
    place = names.index(name) + 1
    if place < len(names):
        return "the quiz" if names[place] == quiz_id(lesson) else names[place]
    later = lessons[lessons.index(lesson) + 1 :]
    if not later:
        return ""
    return f"{exercises(later[0])[0].id}, in lesson {LESSONS.index(later[0]) + 1}"


def released(lesson: str, name: str, lessons: Sequence[str]) -> bytes:
    """Return one exercise's frozen file for a bundle that holds these lessons alone."""
    content = (frozen.folder() / f"{name}{frozen.SUFFIX}").read_bytes()
    following = next_exercise(lesson, name, lessons)
    if following == next_exercise(lesson, name):
        return content
    return frozen.pack(replace(frozen.unpack(content), next=following))


def kept(suite: CheckSuite, replies: Sequence[Reply]) -> list[Reply]:
    """Return what is kept of a version's replies; as in a notebook, no timed question is asked."""
    asks, places = suite.questions()
    own = [
        NOT_ASKED if ask.timed else _lean(replies[places.index(place)], ask)
        for place, ask in enumerate(asks)
    ]
    return [own[place] for place in places]


def _lean(reply: Reply, ask: Ask) -> Reply:
    """Return the reply made smaller: unchanged arguments are replaced by the question's own.

    Counted lines are left out: they are lines of our code, would give it away, and name no mistake.
    """
    if reply.args is None:
        return replace(reply, lines={})
    given = (*ask.args, *ask.kwargs.values())
    args = tuple(
        before if _is_same(after, before) else after
        for before, after in zip(given, reply.args, strict=True)
    )
    return replace(reply, lines={}, args=args)


def _is_same(after: Any, before: Any) -> bool:
    """Tell whether an array or tensor is unchanged, to the last bit."""
    if type(after) is not type(before) or not isinstance(before, Tensor | np.ndarray):
        return False
    one, other = (value.data if isinstance(value, Tensor) else value for value in (after, before))
    same_form = one.dtype == other.dtype and one.shape == other.shape
    return same_form and one.tobytes() == other.tobytes()


def freeze(folder: Path | None = None, lessons: Sequence[str] = LESSONS) -> int:
    """Write what has changed, remove what the course no longer has; return the number of files.

    This goes lesson by lesson, and if interrupted keeps what is done. Two runs at the same time do
    some work twice, but no harm: a file is replaced as a whole.

    Args:
        folder: where the files are [default: the course's folder in this package].
        lessons: the lessons to look at; the files of others are left as they are.
    """
    folder = folder or frozen.folder()
    folder.mkdir(parents=True, exist_ok=True)
    names = {lesson: [one.id for one in exercises(lesson)] for lesson in lessons}
    if set(lessons) == set(LESSONS):
        wanted = {f"{name}{frozen.SUFFIX}" for own in names.values() for name in own}
        for old in folder.glob(f"*{frozen.SUFFIX}"):
            if old.name not in wanted:
                old.unlink(missing_ok=True)
    stamps = _stamps(folder)
    fresh = {
        lesson: f"{fingerprint(FROZEN_BY, lesson)} {next_exercise(lesson, own[-1])}"
        for lesson, own in names.items()
    }
    todo = [
        (lesson, name)
        for lesson, own in names.items()
        for name in own
        if stamps.get(lesson) != fresh[lesson] or not (folder / f"{name}{frozen.SUFFIX}").exists()
    ]
    last = dict(todo)  # of each lesson, the exercise that comes last
    for lesson, name, content in _packed_files(todo):
        files.write(folder / f"{name}{frozen.SUFFIX}", content)
        if name == last[lesson]:
            stamps = _stamps(folder) | {lesson: fresh[lesson]}
            files.write(folder / STAMPS, json.dumps(stamps).encode())
    return sum(map(len, names.values()))


def _packed_files(todo: list[tuple[str, str]]) -> Iterator[tuple[str, str, bytes]]:
    """Yield lesson, name and bytes of each exercise's file in order, made by several processes."""
    jobs = min(len(todo), os.cpu_count() or 1)
    if jobs < 2:
        for lesson, name in todo:
            yield lesson, name, packed(lesson, name)
        return
    one_thread()  # a fork does not copy threads, and waits forever for a lock that one held
    # Where it is safe, each process starts with what this one has imported, such as torch.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(jobs, context, one_thread) as pool:
        answers = [(*one, pool.submit(packed, *one)) for one in todo]
        for lesson, name, answer in answers:
            yield lesson, name, answer.result()


def _stamps(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / STAMPS).read_text()))
    except (OSError, ValueError, TypeError):
        return {}
