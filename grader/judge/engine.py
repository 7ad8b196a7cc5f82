"""Which engine gives the marks: everything that decides one, as a hash and as facts."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from typing import Any

import grader
from grader import light
from grader.judge.course import assignment
from grader.judge.secret import salt_id


@functools.cache
def engine_fingerprint() -> str:
    """A hash of everything that decides a mark: this package, the solutions, the libraries."""
    digest = hashlib.sha256()
    root = light.PACKAGE.parent
    for folder in (light.PACKAGE, root / "solutions", root / "notebooks"):
        for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.ipynb")]):
            if "solved" not in path.parts and "checkpoints" not in str(path):
                digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    for package in ("numpy", "torch"):
        digest.update(importlib.metadata.version(package).encode())
    return digest.hexdigest()


def facts(assignment_name: str, secret: bytes) -> dict[str, Any]:
    """What a score depends on besides the submission: for the ledger."""
    return {
        "course": assignment(assignment_name).fingerprint,
        "engine": engine(),
        "python": platform.python_version(),
        "salt": salt_id(secret),
    }


def engine() -> dict[str, str]:
    """Who graded: for ``--json``."""
    packages = ("numpy", "torch", "nbgrader")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "name": "grader",
        "version": grader.__version__,
        "fingerprint": engine_fingerprint()[:16],
    } | versions
