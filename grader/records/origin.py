"""Where a submission came from: its origin, which ``collect`` writes down.

The next ``collect`` learns from it which attempt is the later one, ``grade`` whether the LMS calls
it late, and ``export`` to which of Moodle's participants the feedback page goes. Students who hand
in through a shared folder can write in ``submitted/ada``, so origins are kept beside ``submitted``,
in ``submitted-origins/ada/03_masking.json``. An ``origin.json`` beside the notebook is an earlier
version's, or the student's own: it decides nothing.
"""

from __future__ import annotations

import datetime
import json
import os
import unicodedata
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader import files
from grader.judge import intake

PLACES = "-origins"  # suffix of the folder beside that of the submissions
NAME = "origin.json"  # in the folder of an attempt that was moved aside
MISPLACED = (
    f"its {NAME} is where students can write, as an earlier version put it, and is ignored: "
    "collect its archive again"
)
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


def folder_for(submitted: Path, student: str) -> Path:
    """Return the folder with the origins of a student's submissions."""
    top = os.path.abspath(submitted)  # so that "." has a name, too
    return Path(f"{top}{PLACES}") / unicodedata.normalize("NFC", student)


def place_of(folder: Path) -> Path:
    """Return the path of the origin of the submission in ``submitted/<student>/<assignment>``."""
    return folder_for(folder.parent.parent, folder.parent.name) / f"{folder.name}.json"


def read(folder: Path) -> Origin | None:
    """Read the origin of the submission in a folder; None if it is missing or damaged."""
    return _parsed(place_of(folder))


def write(folder: Path, own: Origin) -> None:
    """Write down the origin of the submission in a folder."""
    files.write(place_of(folder), own.as_bytes())


def beside(folder: Path) -> Origin | None:
    """Read the file in the folder itself: a student may have written it, so it decides nothing."""
    return _parsed(folder / NAME)


def is_misplaced(folder: Path) -> bool:
    """Tell whether a submission has no origin but the one beside it, which is ignored."""
    return read(folder) is None and beside(folder) is not None


def _parsed(path: Path) -> Origin | None:
    try:
        tree: Any = json.loads(intake.read(path))
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
