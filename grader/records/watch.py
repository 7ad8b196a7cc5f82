"""Find what arrives in a folder by polling, and keep the judges running in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from grader import files
from grader.records.executor import Executor
from grader.records.submissions import Found, read_for

INTERVAL = 2.0  # seconds between two looks; a file that changed in between is still being written


class KeptExecutor:
    """A context manager whose executor stays open between batches, until an error or ``close``."""

    def __init__(self, make: Callable[[], AbstractContextManager[Executor]]) -> None:
        self._make = make
        self._stack = ExitStack()
        self._executor: Executor | None = None

    def __enter__(self) -> Executor:
        if self._executor is None:
            self._executor = self._stack.enter_context(self._make())
        return self._executor

    def __exit__(self, *error: Any) -> None:
        """Close the executor after an error, on which it must not wait for its judges."""
        if error[0] is not None:
            self._executor = None
            self._stack.__exit__(*error)

    def close(self) -> None:
        """End the judges, if there are any."""
        self._executor = None
        self._stack.close()


def arrivals(
    find: Callable[[], list[Found]], sleep: Callable[[float], object]
) -> Iterator[list[Found]]:
    """Yield what is there at first, then each batch of submissions that are new or have changed.

    After the first look, a submission is yielded once two looks in a row find it the same: until
    then somebody may still be writing it. ``sleep`` waits between two looks, and returns True to
    end the watch.
    """
    graded: dict[Found, tuple] = {}
    last: dict[Found, tuple] = {}
    first = True
    while True:
        now = {found: _state(found) for found in find()}
        new = [
            found
            for found, state in now.items()
            if graded.get(found) != state and (first or last.get(found) == state)
        ]
        graded |= {found: now[found] for found in new}
        last, first = now, False
        if new:
            yield new
        elif sleep(INTERVAL) is True:
            return


def _state(found: Found) -> tuple:
    """Return a state that changes whenever a file does that is read for this submission."""
    return tuple((str(path), files.state(path)) for path in read_for(found))


class News:
    """Finds the lines that are new to a reader, such as why a zip is not unpacked.

    Like a submission, a line is new once two looks in a row find it: until then somebody may still
    be writing the file. A line that is gone and comes back is new again.
    """

    def __init__(self) -> None:
        self._last: set[str] = set()
        self._known: set[str] = set()

    def among(self, lines: list[str]) -> list[str]:
        new = [line for line in lines if line in self._last - self._known]
        self._last = set(lines)
        self._known = self._known & self._last | set(new)
        return new
