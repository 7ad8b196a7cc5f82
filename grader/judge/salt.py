"""The salt that makes graded cases unguessable: one per course folder, readable by its owner."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from grader.files import create

PLACE = Path(".grader") / "salt"


def salt(course_dir: Path, given: str | None = None) -> bytes:
    """Return the salt given on the command line, or the course's own, made at its first use."""
    if given is not None:
        return given.encode()
    path = course_dir / PLACE
    if not path.exists():
        # If two first runs start at once, one makes the salt and both use it. Were the salt
        # replaced, a ledger sealed under the old one could never be added to again.
        create(path, secrets.token_hex(32).encode(), 0o600)
    if path.stat().st_mode & 0o077:  # whoever can read the salt can draw every graded case
        os.chmod(path, 0o600)
    return path.read_bytes().strip()


def salt_id(value: bytes) -> str:
    """Return a name for a salt that does not reveal it."""
    return hashlib.sha256(b"salt id|" + value).hexdigest()[:12]
