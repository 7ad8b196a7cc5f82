"""List and copy the bundles: the files that go where student code runs, to students and workers.

A bundle is a list of folders of this package, plus the modules at its top. A course adds its
description and the files of its lessons in folders called ``public``. No bundle may hold anything
else (checks, judge, records, authors' tools): student code could read answers or marks there.
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
    """Yield a bundle's files, relative to the package, sorted."""
    yield from sorted(path.relative_to(ENGINE) for path in ENGINE.glob(f"*{suffix}"))
    for folder in folders:
        yield from sorted(
            path.relative_to(ENGINE) for path in (ENGINE / folder).rglob(f"*{suffix}")
        )


def public_files(course: Course) -> Iterator[Path]:
    """Yield the public files of a course's lessons, relative to the course's folder, sorted."""
    found = course.root.glob(f"{course.solutions}/*/{PUBLIC}/*")
    yield from sorted(path.relative_to(course.root) for path in found if path.is_file())


def copy(folders: tuple[str, ...], course: Course, target: Path) -> None:
    """Copy a bundle into ``target``: ``target/grader``, the course's description and public files.

    The ``__init__`` of a lesson's package is not copied: it holds the answers.
    """
    pairs = [(ENGINE / file, Path("grader") / file) for file in files(folders)]
    pairs += [(course.root / file, file) for file in (*public_files(course), Path(NAME))]
    for source, place in pairs:
        out = target / place
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out)
