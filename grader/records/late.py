"""Take points off for lateness, by the course's policy, as `nbgrader autograde` would.

The times of handing in, due dates and extensions come from nbgrader's gradebook. The policy is one
of nbgrader's, too: a ``LateSubmissionPlugin`` named in the course's configuration. ``grade``,
``nbgrader autograde`` and ``verify`` all call :func:`lateness`.
"""

from __future__ import annotations

import datetime
import functools
import hashlib
import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.errors import GradebookError
from grader.records import nbgrader_tables as tables
from grader.records.nbgrader_tables import Timing
from grader.student.words import points

CONFIG = "nbgrader_config.py"
# Computers without a clock battery give 1970, and zip files without times give 1980.
EARLIEST = datetime.datetime(2000, 1, 1)
NOTHING = 1e-6  # points: smaller differences are rounding errors
SLACK = datetime.timedelta(hours=1)  # by which two correct clocks may differ


@dataclass(frozen=True)
class Lateness:
    """How late a submission is (0: in time), and what that costs (None: nothing is taken off).

    ``doubt`` says why its time of handing in cannot be right; empty if it may be right.
    """

    seconds: float = 0.0
    penalty: float | None = None
    doubt: str = ""

    @property
    def words(self) -> str:
        """The lateness in words, such as "2 days late: 12 points off"; empty if in time."""
        late = ""
        if self.seconds:
            cost = f"{points(self.penalty)} off" if self.penalty else "nothing off"
            late = f"{duration(self.seconds)} late: {cost}"
        return "; ".join(filter(None, (late, self.doubt)))


IN_TIME = Lateness()


def lateness(course_dir: Path, student: str, timing: Timing, fault: str = "") -> Lateness:
    """Work out how late a submission is, and what the course's policy takes off for it.

    ``fault`` says why its time of handing in is unknown. The policy is asked only about late work,
    since loading it takes seconds. GradebookError if the policy fails.
    """
    if timing.due is None:
        return IN_TIME
    doubt = fault or doubt_about(timing.handed_in)
    if timing.handed_in is None:
        return Lateness(doubt=doubt)
    seconds = (timing.handed_in - timing.due - timing.extension).total_seconds()
    if seconds <= 0:
        return Lateness(doubt=doubt)
    config = course_dir / CONFIG
    try:
        text = config.read_bytes() if config.exists() else b""
        policy = _policy(course_dir, hashlib.sha256(text).hexdigest() if text else "")
        asked = policy.late_submission_penalty(student, timing.score, seconds)
        penalty = None if asked is None else float(asked)
        if penalty is not None and math.isnan(penalty):
            raise ValueError("it is not a number")
    except Exception as error:  # the configuration is the course's own code
        raise GradebookError(
            f"the penalty for a late submission of {student} cannot be worked out by the plug-in "
            f"of {config}: {type(error).__name__}: {error}"
        ) from error
    if penalty is not None:  # bounded as nbgrader does
        penalty = min(max(penalty, 0.0), timing.score)
    return Lateness(seconds, penalty, doubt)


def doubt_about(handed_in: datetime.datetime | None) -> str:
    """Say why a time of handing in cannot be right; empty if it may be right."""
    if handed_in is None:
        return ""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    if handed_in > now + SLACK:
        return f"handed in at {handed_in:%Y-%m-%d %H:%M} UTC, in the future: a clock is wrong"
    if handed_in < EARLIEST:
        return f"dated {handed_in.year}, before there were notebooks: a clock was wrong"
    return ""


def settle(
    course_dir: Path,
    book: sqlite3.Connection,
    owner: tuple[str, str],
    append: Callable[[dict[str, Any]], None],
    timing: Timing | None = None,
    fault: str = "",
) -> Lateness:
    """Set the penalty of (student, assignment) to what the policy says; return the lateness.

    ``append`` adds a line to the ledger, which is written first: after a kill in between, the
    gradebook is out of date, and the next run comes here again. Leave out ``timing`` if a score was
    just entered: the ledger has no penalty for it yet.
    """
    student, assignment = owner
    now = timing or tables.standings(book, assignment, student)[owner]
    found = lateness(course_dir, student, now, fault)
    known = (now.penalty or 0.0) if timing else 0.0
    if abs((found.penalty or 0.0) - known) > NOTHING:
        append(penalty_facts(student, assignment, found.penalty or 0.0, now))
    if found.penalty != now.penalty:
        tables.set_penalty(book, assignment, student, found.penalty)
    return found


def penalty_facts(student: str, assignment: str, points: float, timing: Timing) -> dict[str, Any]:
    """Return what the ledger's line says: the points, and the facts they were computed from."""
    return {
        "student": student,
        "assignment": assignment,
        "points": points,
        "handed_in": _iso(timing.handed_in),
        "due": _iso(timing.due),
        "extension": timing.extension.total_seconds(),
    }


def out_of_date(
    course_dir: Path, timings: Mapping[tuple[str, str], Timing]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Find penalties that differ from the policy's: (what it is, what it should be) for each."""
    found = {}
    for (student, assignment), timing in timings.items():
        own, right = timing.penalty or 0.0, lateness(course_dir, student, timing).penalty or 0.0
        if abs(own - right) > NOTHING:
            found[student, assignment] = own, right
    return found


def duration(seconds: float) -> str:
    """Put a span of time into words, in at most two units: "2 days 3 hours", "40 seconds"."""
    left, parts = int(seconds), []
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'s'[: count != 1]}")
        if parts and (len(parts) == 2 or not count):
            break
    return " ".join(parts) or "less than a second"


def _iso(when: datetime.datetime | None) -> str | None:
    return None if when is None else when.isoformat(timespec="seconds") + "Z"


@functools.lru_cache(maxsize=4)
def _policy(course_dir: Path, digest: str) -> Any:
    """Load the course's plug-in; ``digest`` makes the cache load it again if the file changes."""
    from nbgrader.preprocessors import AssignLatePenalties
    from traitlets.config import Config, PyFileConfigLoader

    loader = PyFileConfigLoader(CONFIG, path=str(course_dir))
    config = loader.load_config() if digest else Config()
    preprocessor = AssignLatePenalties(config=config)
    preprocessor.init_plugin()
    return preprocessor.plugin_inst
