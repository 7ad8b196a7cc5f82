"""Pages that a command makes from the course, and the digest that tells whether they are current.

No test compares a page with a fresh one, since mistakes in the last bits of arithmetic are caught
on one processor and not on another. Each page carries a digest of what it was made from instead.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from grader.course.layout import ROOT

DIAGRAMS = "diagrams.py"  # what draws a lesson's diagrams: nothing is judged by it
EXPLAINED = "equivalent_mutants.py"  # why mutants survive: `prove` does not look at it


@dataclass(frozen=True)
class Page:
    """A derived page: where it is, the command that makes it, and patterns of its sources.

    ``besides``: names of files that match the patterns, but that the page is not made from.
    """

    path: str
    command: str
    sources: tuple[str, ...]
    besides: tuple[str, ...] = (DIAGRAMS,)

    def digest(self, root: Path = ROOT) -> str:
        """Return a hash of the sources' contents, which moving or renaming a file leaves as it is.

        Raises ValueError for a pattern that matches no file: it would hide every change.
        """
        contents = []
        for pattern in self.sources:
            files = [p for p in root.glob(pattern) if p.is_file() and p.name not in self.besides]
            if not files:
                raise ValueError(f"{self.path} is made from {pattern}, which matches no file")
            contents += [hashlib.sha256(path.read_bytes()).digest() for path in files]
        return hashlib.sha256(b"".join(sorted(contents))).hexdigest()[:16]

    def stamp(self, root: Path = ROOT) -> str:
        """Return the page's last line, a comment. Do so before making it: sources may change."""
        return f"<!-- made from {self.digest(root)} -->\n"

    def fault(self, root: Path = ROOT) -> str:
        """Say in a line what is wrong with the page and what to run; "" if it is current."""
        path = root / self.path
        if not path.exists():
            return f"{self.path} is missing: run `{self.command}`"
        if not path.read_text(encoding="utf-8").endswith(f"\n{self.stamp(root)}"):
            return f"{self.path} is out of date: run `{self.command}`"
        return ""


_JUDGED_BY = ("solutions/**/*.py", "grader/rules/*.py", "grader/course/specification.py")
KILL_MATRIX = Page(
    "docs/kill_matrix.md",
    "python -m grader prove --markdown docs/kill_matrix.md",
    (*_JUDGED_BY, "grader/authoring/prove.py", "grader/authoring/compos*.py"),
    (DIAGRAMS, EXPLAINED),
)
MUTANTS = Page(
    "docs/mutants.md",
    "python -m grader mutate --markdown docs/mutants.md",
    (*_JUDGED_BY, "grader/authoring/mutants.py"),
)
CONVENTIONS = Page(
    "docs/conventions.md",
    "python -m grader conventions --markdown docs/conventions.md",
    ("solutions/conventions.py", "solutions/*/checks.py", "solutions/*/__init__.py")
    + ("grader/course/conventions.py", "grader/course/wild.py", "grader/course/specification.py"),
)
PAGES = (KILL_MATRIX, MUTANTS, CONVENTIONS)
