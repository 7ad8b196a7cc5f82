"""What goes where student code is: to students, and into the worker.

Each bundle is a list of folders of this package, with the modules at its top. A course adds its
description and what its lessons keep in folders called ``public``. Everything else (checks, judge,
records, authors' tools) holds answers or marks and stays behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from grader.coursefile import ENGINE, NAME, Course

STUDENT = ("protocol", "rules", "source", "student")
WORKER = (*STUDENT, "sandbox/guest")
PUBLIC = "public"


def files(folders: tuple[str, ...], suffix: str = ".py") -> Iterator[Path]:
    """A bundle's files, relative to the package, sorted."""
    yield from sorted(path.relative_to(ENGINE) for path in ENGINE.glob(f"*{suffix}"))
    for folder in folders:
        yield from sorted(
            path.relative_to(ENGINE) for path in (ENGINE / folder).rglob(f"*{suffix}")
        )


def public_files(course: Course) -> Iterator[Path]:
    """What a course's lessons let travel, relative to the course's folder, sorted."""
    pattern = f"{course.solutions}/*/{PUBLIC}/*.py"
    yield from sorted(path.relative_to(course.root) for path in course.root.glob(pattern))


def copy(folders: tuple[str, ...], course: Course, target: Path) -> None:
    """Copy a bundle into ``target``: ``target/grader``, the course's description and public files.

    Of packages on the way to a public file, ``__init__`` stays behind: it holds the answers.
    """
    pairs = [(ENGINE / file, Path("grader") / file) for file in files(folders)]
    pairs += [(course.root / file, file) for file in (*public_files(course), Path(NAME))]
    for source, place in pairs:
        out = target / place
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out)
