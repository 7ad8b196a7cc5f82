"""What a run needs of judges, wherever they are: work goes out, what is to be written comes back.

Light to import: nothing here knows how to judge.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from grader.errors import WorkerError
from grader.judge.outcome import Outcome
from grader.records.submissions import Found, Work
from grader.sandbox.host.limits import Limits


class Lost(WorkerError):
    """A process of the grader's own is gone: killed, or it cannot start another."""


@dataclass(frozen=True)
class Terms:
    """On what terms a run judges. ``unwalled``: the instructor trusts every submission."""

    secret: bytes
    limits: Limits = Limits()
    all_cells: bool = False
    unwalled: bool = False


@dataclass(frozen=True)
class Pool:
    """Judges that take work. ``size``: how many of them there are at this moment.

    ``gone``: what a future says whose judge is no more.
    """

    submit: Callable[[Work], Future]
    size: Callable[[], int]
    gone: tuple[type[BaseException], ...]


@dataclass(frozen=True)
class Graded:
    """What a judge hands to the writer."""

    outcome: Outcome
    notebook: bytes
    page: bytes


def result_of(future: Future, found: Found, gone: tuple[type[BaseException], ...]) -> Graded | str:
    """What became of it. Lost where its judge is gone; WorkerError for a fault of ours."""
    try:
        return future.result()
    except WorkerError as error:
        raise Lost(f"grading {_named(found)} stopped: {error}") from error
    except Exception as error:
        if isinstance(error, (CancelledError, *gone)):
            raise Lost(f"a judge is gone that was grading {_named(found)} or another") from error
        raise WorkerError(f"grading {_named(found)} failed: {error!r}") from error


def _named(found: Found) -> str:
    return f"{found.student}/{found.assignment}"
