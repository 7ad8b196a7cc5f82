"""The file ``origin.json``, which ``collect`` writes beside a submission: where it came from.

The next ``collect`` learns from it which attempt is the later one, and ``grade`` learns whether the
LMS calls it late. Students who hand in through a shared folder could write such a file themselves:
it is read within bounds, and decides no mark.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.judge import intake

NAME = "origin.json"
LONGEST = 500  # characters of a name


@dataclass(frozen=True)
class Origin:
    """The origin of one submission: its archive's name, its path in the archive, its digest.

    ``number`` grows with each upload, if the system numbers them. ``handed_in`` is in UTC, such as
    ``2026-02-01T11:59:59``, or empty.
    """

    system: str
    archive: str
    path: str
    sha256: str
    number: int = 0
    handed_in: str = ""
    late: bool = False

    def as_bytes(self) -> bytes:
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode(
            "utf-8", "replace"
        )

    @property
    def order(self) -> tuple[bool, str, int]:
        """A sort key: of two attempts of one student, the later one has the greater key."""
        return (bool(self.handed_in), self.handed_in, self.number)


def read(folder: Path) -> Origin | None:
    """Read the file in a submission's folder; None if it is missing or damaged."""
    try:
        tree: Any = json.loads(intake.read(folder / NAME))
        texts = {name: tree[name] for name in ("system", "archive", "path", "sha256", "handed_in")}
        number, late = tree["number"], tree["late"]
    except (intake.Rejected, ValueError, RecursionError, KeyError, TypeError):
        return None
    if not all(isinstance(text, str) and len(text) <= LONGEST for text in texts.values()):
        return None
    if type(number) is not int or type(late) is not bool:
        return None
    return Origin(**texts, number=number, late=late)


def as_text(when: datetime.datetime | None) -> str:
    """Return a time in UTC in the form of ``handed_in``; empty for None."""
    return "" if when is None else when.isoformat(timespec="seconds")
