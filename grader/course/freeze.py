"""Freeze the public cases: what the reference and every misconception answer, and the hints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grader.course.prove import known_replies
from grader.specs import LESSONS, exercises
from grader.specs.building import PUBLIC_SEED
from grader.student import frozen


def frozen_files() -> Iterator[tuple[str, bytes]]:
    """(file name, bytes) for every exercise of the course."""
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            battery = exercise.battery(PUBLIC_SEED)
            known = known_replies(lesson, exercise.id, battery)
            packed = frozen.pack(battery, known, exercise.hints)
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
