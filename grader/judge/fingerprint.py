"""Everything that decides a mark besides the submission, as a hash and as facts."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from typing import Any

import grader
from grader.course.assignments import assignment
from grader.course.fingerprint import fingerprint
from grader.judge.salt import salt_id

# The folders that decide a mark; the others show and record marks, or are for authors.
# A folder that is missing here would leave marks standing that are out of date.
DECIDES = ("course", "judge", "protocol", "rules", "sandbox", "source", "student")


@functools.cache
def engine_fingerprint(lesson: str = "") -> str:
    """A hash of all that decides any mark, or the marks of this lesson."""
    return fingerprint(DECIDES, lesson)


def facts(assignment_name: str, secret: bytes) -> dict[str, Any]:
    """What a mark depends on besides the submission; for the ledger."""
    return {
        "course": assignment(assignment_name).fingerprint,
        "engine": engine(),
        "python": platform.python_version(),
        "salt": salt_id(secret),
    }


@functools.cache
def engine() -> dict[str, str]:
    """The engine and its libraries' versions; for ``--json``."""
    packages = ("numpy", "torch", "nbgrader")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "name": "grader",
        "version": grader.__version__,
        "fingerprint": engine_fingerprint()[:16],
    } | versions
