"""Writing so that a kill at any instant leaves the old file or the new one, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write, flush to disk, and move into place."""
    write_all(path, [content], mode)


def write_all(path: Path, pieces: Iterable[bytes], mode: int = 0o644) -> None:
    """The same, piece by piece: what is too large to be held in memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
