"""The salt that makes graded cases unguessable: one for each course folder, its owner's alone."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from grader.files import write

PLACE = Path(".grader") / "salt"


def salt(course_dir: Path, given: str | None = None) -> bytes:
    """The course's salt, made on first use; or the one given on the command line."""
    if given is not None:
        return given.encode()
    path = course_dir / PLACE
    if not path.exists():
        write(path, secrets.token_hex(32).encode(), 0o600)
    if path.stat().st_mode & 0o077:
        os.chmod(path, 0o600)
    return path.read_bytes().strip()


def salt_id(value: bytes) -> str:
    """A name for a salt that does not give it away."""
    return hashlib.sha256(b"salt id|" + value).hexdigest()[:12]
