"""Let one run at a time write into a course folder; a second one waits, and says for which."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from grader.errors import Stopped

PLACE = Path(".grader") / "lock"
INTERVAL = 0.2  # seconds between two tries


@contextlib.contextmanager
def course_lock(
    course_dir: Path,
    say: Callable[[str], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold the course folder's lock. If another process holds it, tell ``say`` once and wait.

    The kernel releases the lock when its holder ends, however it ends. Raises Stopped if
    ``stopped()`` becomes true before the lock is free.
    """
    path = course_dir / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if not _taken(file):
            say(f"waiting for {_holder(file)}, now writing into {course_dir}; Ctrl-C gives up")
            while not _taken(file):
                if stopped():
                    raise Stopped
                time.sleep(INTERVAL)
        try:
            _sign(file)
            yield
        finally:
            # Judges forked from this process inherited the open file, so closing it here would not
            # release the lock.
            file.truncate(0)
            fcntl.flock(file, fcntl.LOCK_UN)


def _taken(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sign(file: BinaryIO) -> None:
    """Write into the lock file who holds it, for processes that wait."""
    since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
    file.truncate(0)
    command = " ".join(Path(word).name for word in sys.argv[:2])
    file.write(json.dumps({"process": os.getpid(), "command": command, "since": since}).encode())
    file.flush()


def _holder(file: BinaryIO) -> str:
    file.seek(0)
    try:
        who = json.loads(file.read(2000))
        return f"process {who['process']} ({who['command']}, since {who['since']})"
    except (ValueError, KeyError, TypeError):  # its holder has not signed it yet
        return "another process"
