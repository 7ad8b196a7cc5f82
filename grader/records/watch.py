"""Grading what arrives: a folder is looked at again and again, and judges stay in between."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from grader.records.executor import Executor
from grader.records.submissions import Found

INTERVAL = 2.0  # seconds between two looks; a file is graded once it stood still for one


class Kept:
    """Judges that stay from one batch to the next, until something goes wrong or all is over."""

    def __init__(self, make: Callable[[], AbstractContextManager[Executor]]) -> None:
        self._make = make
        self._context: AbstractContextManager[Executor] | None = None
        self._pool: Executor | None = None

    def __enter__(self) -> Executor:
        if self._pool is None:
            self._context = self._make()
            self._pool = self._context.__enter__()
        return self._pool

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._end(kind, error, trace)

    def close(self) -> None:
        """End the judges, if there are any."""
        self._end(None, None, None)

    def _end(self, *why: Any) -> None:
        """With the error, if there is one: then nobody waits for what still runs."""
        context, self._context, self._pool = self._context, None, None
        if context is not None:
            context.__exit__(*why)


def arrivals(
    find: Callable[[], list[Found]], sleep: Callable[[float], object]
) -> Iterator[list[Found]]:
    """What is there, then whatever is new or has changed and stood still since the last look.

    ``sleep`` waits between two looks; when it says True, all is over.
    """
    graded: dict[Found, tuple] = {}
    before: dict[Found, tuple] = {}
    first = True
    while True:
        now = {found: _state(found) for found in find()}
        new = [
            found
            for found, state in now.items()
            if graded.get(found) != state and (first or before.get(found) == state)
        ]
        graded |= {found: now[found] for found in new}
        before, first = now, False
        if new:
            yield new
        elif sleep(INTERVAL) is True:
            return


def _state(found: Found) -> tuple:
    """What changes when a file does: its place on the disk, its size, and when it was written."""
    try:
        state = os.lstat(found.path)
    except OSError as error:
        return ("none", error.errno)
    return (state.st_ino, state.st_size, state.st_mtime_ns)
