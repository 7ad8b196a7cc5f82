"""Which files of this package go where student code is: to students, and into the worker.

Everything else (specifications, judge, course tools) holds answers or marks and stays behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent
STUDENT = (
    "__init__.py",
    "__main__.py",
    "channel.py",
    "cli.py",
    "light.py",
    "seam.py",
    "stock.py",
    "travel.py",
    "work.py",
    "commands/__init__.py",
    "commands/check.py",
    "commands/lab.py",
    "core",
    "student",
)
WORKER = (
    "__init__.py",
    "channel.py",
    "seam.py",
    "stock.py",
    "travel.py",
    "work.py",
    "core",
    "student",
    "worker",
)


def files(parts: tuple[str, ...], suffixes: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    """The parts' files, relative to the package, sorted."""
    for part in parts:
        path = PACKAGE / part
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            if file.is_file() and file.suffix in suffixes:
                yield file.relative_to(PACKAGE)


def copy(parts: tuple[str, ...], target: Path, suffixes: tuple[str, ...] = (".py",)) -> None:
    """Copy the parts into ``target/grader``."""
    for file in files(parts, suffixes):
        out = target / "grader" / file
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes((PACKAGE / file).read_bytes())
