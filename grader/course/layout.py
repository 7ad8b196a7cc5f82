"""Where things are in a checkout of the course."""

from __future__ import annotations

import shutil
from pathlib import Path

from grader.course.exercises import assignment_id

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
SOLUTIONS = ROOT / "solutions"
SOLVED = SOLUTIONS / "solved"


def notebook_path(lesson: str, root: Path = NOTEBOOKS) -> Path:
    """``masking`` → ``notebooks/03_masking/03_masking.ipynb``."""
    name = assignment_id(lesson)
    return root / name / f"{name}.ipynb"


class FolderTakenError(Exception):
    """A folder that is to be written anew holds something else; the message says so."""


def make_room(folder: Path, mark: str, made_by: str) -> None:
    """Empty ``folder`` for what ``made_by`` writes, if it is new or of an earlier time.

    The file ``mark`` in it says that it is.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / mark).exists():
        raise FolderTakenError(
            f"{folder} holds something that `{made_by}` did not write: name another"
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / mark).write_text(f"made by `{made_by}`\n", encoding="utf-8")
