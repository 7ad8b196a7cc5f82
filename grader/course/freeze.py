"""Freeze the public cases: what the reference and every misconception answer, and the hints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.course.prove import known_replies
from grader.course.sources import stub_source
from grader.specs import LESSONS, exercises
from grader.specs.building import PUBLIC_SEED
from grader.student import frozen
from solutions.quiz import quiz_id


def frozen_files() -> Iterator[tuple[str, bytes]]:
    """(file name, bytes) for every exercise of the course."""
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            battery = exercise.battery(PUBLIC_SEED, "notebook")
            quiz = exercise.id == quiz_id(lesson)  # what it says of wrong options is sealed in it
            known = {} if quiz else known_replies(lesson, exercise.id, battery)
            given = stub_source(lesson, exercise.id) if quiz or exercise.broken else ""
            packed = frozen.pack(frozen.Frozen(battery, known, exercise.hints, given))
            yield f"{exercise.id}{frozen.SUFFIX}", packed


def freeze(folder: Path = frozen.FOLDER) -> int:
    """Write the files that changed, remove what the course no longer has; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = dict(frozen_files())
    for old in folder.glob(f"*{frozen.SUFFIX}"):
        if old.name not in wanted:
            old.unlink()
    for name, packed in wanted.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != packed:
            path.write_bytes(packed)
    return len(wanted)
