"""Where things are in a checkout of the course."""

from __future__ import annotations

from pathlib import Path

from grader.specs import assignment_id

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
SOLUTIONS = ROOT / "solutions"
SOLVED = SOLUTIONS / "solved"


def notebook_path(lesson: str, root: Path = NOTEBOOKS) -> Path:
    """``masking`` → ``notebooks/03_masking/03_masking.ipynb``."""
    name = assignment_id(lesson)
    return root / name / f"{name}.ipynb"
