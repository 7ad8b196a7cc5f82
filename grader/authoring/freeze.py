"""Freeze the public cases: what the reference and every misconception answer, and the hints.

A lesson whose sources have not changed since its answers were written is left as it is.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from grader.authoring.prove import known_replies
from grader.course.exercises import LESSONS, exercises
from grader.course.layout import ROOT, SOLUTIONS
from grader.course.quiz import quiz_id
from grader.course.sources import stub_source
from grader.course.specification import PUBLIC_SEED
from grader.student import frozen
from grader.threads import one_thread

STAMPS = ".stamps.json"


def packed(lesson: str, name: str) -> bytes:
    """The bytes of one exercise's file."""
    exercise = next(one for one in exercises(lesson) if one.id == name)
    battery = exercise.battery(PUBLIC_SEED, "notebook")
    quiz = exercise.id == quiz_id(lesson)  # what it says of wrong options is sealed in it
    known = {} if quiz else known_replies(lesson, exercise.id, battery)
    given = stub_source(lesson, exercise.id) if quiz or exercise.broken else ""
    return frozen.pack(frozen.Frozen(battery, known, exercise.hints, given))


def freeze(folder: Path = frozen.FOLDER) -> int:
    """Write what has changed, remove what the course no longer has; how many files there are."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {lesson: [one.id for one in exercises(lesson)] for lesson in LESSONS}
    wanted = {f"{name}{frozen.SUFFIX}" for own in names.values() for name in own}
    for old in folder.glob(f"*{frozen.SUFFIX}"):
        if old.name not in wanted:
            old.unlink()
    stamps = _stamps(folder)
    fresh = {lesson: fingerprint(lesson) for lesson in LESSONS}
    todo = [
        (lesson, name)
        for lesson, own in names.items()
        for name in own
        if stamps.get(lesson) != fresh[lesson] or not (folder / f"{name}{frozen.SUFFIX}").exists()
    ]
    for name, content in _work(todo):
        (folder / f"{name}{frozen.SUFFIX}").write_bytes(content)
    if stamps != fresh:  # tests that run side by side look at it at the same time
        (folder / STAMPS).write_text(json.dumps(fresh))
    return len(wanted)


def _work(todo: list[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    jobs = min(len(todo), os.cpu_count() or 1)
    if jobs < 2:
        for lesson, name in todo:
            yield name, packed(lesson, name)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, context, one_thread) as pool:
        answers = [(name, pool.submit(packed, lesson, name)) for lesson, name in todo]
        for name, answer in answers:
            yield name, answer.result()


def _stamps(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / STAMPS).read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def fingerprint(lesson: str) -> str:
    """A hash of all that a lesson's answers follow from: its sources, the rules, the libraries."""
    package = ROOT / "grader"
    shared = [*package.glob("*.py"), *(package / "core").glob("*.py"), *SOLUTIONS.glob("*.py")]
    shared += [package / "student" / "frozen.py", package / "student" / "exhibits.py"]
    shared += [package / "specs" / f"{name}.py" for name in ("building", "examining", "quiz")]
    own = [package / "specs", SOLUTIONS / "misconceptions", SOLUTIONS / "quizzes"]
    paths = [*shared, *(folder / f"{lesson}.py" for folder in own)]
    digest = hashlib.sha256()
    for path in sorted(path for path in paths if path.exists()):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    for library in ("numpy", "torch"):
        digest.update(importlib.metadata.version(library).encode())
    return digest.hexdigest()
