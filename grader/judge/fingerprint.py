"""Everything besides the submission that decides a mark, as a hash and as facts."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from typing import Any

import grader
from grader.course.assignments import assignment
from grader.course.fingerprint import fingerprint
from grader.judge.salt import salt_id

# The folders whose code decides a mark; the others show and record marks, or are for authors.
# If one were missing here, a change in it would not cause grading anew: old marks would stay.
DECIDES = ("course", "judge", "protocol", "rules", "sandbox", "source", "student")


@functools.cache
def engine_fingerprint(lesson: str = "") -> str:
    """Return a hash of everything that decides marks, in one lesson or, without one, in any."""
    return fingerprint(DECIDES, lesson)


def facts(assignment_name: str, secret: bytes) -> dict[str, Any]:
    """Return what a mark depends on besides the submission, for the ledger."""
    return {
        "course": assignment(assignment_name).fingerprint,
        "engine": engine(),
        "python": platform.python_version(),
        "salt": salt_id(secret),
    }


@functools.cache
def engine() -> dict[str, str]:
    """Return the versions of the engine and its libraries, for the ledger and ``--json``."""
    packages = ("numpy", "torch", "nbgrader")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "name": "grader",
        "version": grader.__version__,
        "fingerprint": engine_fingerprint()[:16],
    } | versions
