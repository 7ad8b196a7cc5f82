"""Read and write the answers that are frozen at release.

They are the public cases, and the replies to them of the reference and of every misconception, so
that a mistake can be named without shipping its code.
"""

from __future__ import annotations

import difflib
import functools
import gzip
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.coursefile import ENGINE, VARIABLE, current
from grader.protocol import wire
from grader.protocol.recorded import Recording
from grader.protocol.values import NOT_ASKED, CheckSuite, Misconception, Reply
from grader.student.lessons import lesson

FOLDER = Path(__file__).parent / "answers"  # holds a folder for each course
SUFFIX = ".answers"


class NoSuchExercise(KeyError):
    """The course has no exercise of this name. IPython shows it as one line."""

    def __str__(self) -> str:
        return str(self.args[0])  # a KeyError would put it in quotation marks

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def folder() -> Path:
    """Return the folder of the current course's answers."""
    return FOLDER / current().id


@dataclass(frozen=True)
class Frozen:
    """One exercise as a student's machine holds it.

    ``lesson`` is the lesson of the exercise. ``given`` is the text of the answer's cell where it is
    handed out broken or blank; "" for a stub. ``next`` says which exercise of the course follows;
    "" after the last. ``foundations`` names the exercises that the answer may build on, and
    ``recordings`` holds calls of the course's versions of them.
    """

    suite: CheckSuite
    known: Mapping[Misconception, Sequence[Reply]]
    hints: tuple[str, ...]
    lesson: str
    given: str = ""
    next: str = ""
    foundations: tuple[str, ...] = ()
    recordings: Sequence[Recording] = ()


def pack(exercise: Frozen) -> bytes:
    """Write the bytes of one exercise's file; the same input gives the same bytes."""
    pairs = [(misconception, list(replies)) for misconception, replies in exercise.known.items()]
    tree = {"suite": exercise.suite, "known": pairs}
    others = ("hints", "lesson", "given", "next", "foundations", "recordings")
    frame = wire.dumps(tree | {name: getattr(exercise, name) for name in others})
    # A time would make each file differ. Level 9 takes several times as long for 3 % less.
    return gzip.compress(frame, 6, mtime=0)


def unpack(packed: bytes) -> Frozen:
    """Read one exercise's file; WireError or OSError if it is damaged."""
    frame = gzip.decompress(packed)
    header, body = wire.frame_sizes(frame[: wire.PREFIX_BYTES])
    start = wire.PREFIX_BYTES + header
    tree = wire.loads(frame[wire.PREFIX_BYTES : start], frame[start : start + body])
    asks = [case.ask for case in tree["suite"].cases]
    known = {
        # Rules look for NOT_ASKED by identity, so that no reply from a worker can pass for it.
        one: [NOT_ASKED if ask.timed else reply for ask, reply in zip(asks, replies, strict=True)]
        for one, replies in tree["known"]
    }
    return Frozen(**tree | {"known": known})


def load(exercise_id: str) -> Frozen:
    """Load the frozen answers of one exercise.

    Raises:
        NoSuchExercise: the course has no such exercise; the message offers the nearest names.
        FileNotFoundError: there are no frozen answers at all.
    """
    if not isinstance(exercise_id, str) or not re.fullmatch(r"\w+", exercise_id):
        raise NoSuchExercise(
            f"name an exercise by a string, as in check('exercise_id'), not by {exercise_id!r}"
        )
    place = folder()
    path = place / f"{exercise_id}{SUFFIX}"
    if not path.is_file():
        _make(exercise_id)
    if not path.is_file():
        names = sorted(file.name.removesuffix(SUFFIX) for file in place.glob(f"*{SUFFIX}"))
        if not names:
            raise FileNotFoundError(
                f"there are no answers in {place}: run `python -m grader freeze` in a checkout of "
                "the course, or install the student bundle again"
            )
        near = difflib.get_close_matches(exercise_id, names, 3)
        raise NoSuchExercise(f"no exercise {exercise_id!r}; {_names_to_offer(near)}")
    return _read(path, path.stat().st_mtime_ns)


def _names_to_offer(near: Sequence[str]) -> str:
    """Offer the nearest names or, if none is near, those of the lesson whose folder this is."""
    if near:
        return f"similar names: {', '.join(near)}"
    here = Path.cwd()
    own = lesson(here / f"{here.name}.ipynb").exercises
    if own:
        return f"this lesson has {', '.join(own)}"
    return "its name is that of the function or class that the lesson asks for"


def _make(exercise_id: str) -> None:
    """Make the answers of this exercise's lesson, in a checkout; a student bundle ships them.

    `python -m grader lab` makes all of them in the background, but may not have reached this one.
    """
    course = current()
    notebooks = (course.root / course.notebooks).glob("*/*.ipynb")
    known = f'"check_{exercise_id}"'.encode()
    if not (ENGINE / "authoring").is_dir() or not any(known in p.read_bytes() for p in notebooks):
        return
    print("(Preparing this lesson's checks, only this once. One moment …)", flush=True)
    paths = filter(None, (str(ENGINE.parent), os.environ.get("PYTHONPATH", "")))
    done = subprocess.run(
        [sys.executable, "-m", "grader", "freeze", exercise_id],
        env=os.environ | {VARIABLE: str(course.root), "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr.strip().rpartition("\n")[2], file=sys.stderr)


@functools.lru_cache(maxsize=64)
def _read(path: Path, _modified: int) -> Frozen:
    return unpack(path.read_bytes())
