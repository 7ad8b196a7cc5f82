"""Write files so that a kill at any instant leaves the old file or the new one, never a part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file, flush it to disk, and move it into place."""
    write_all(path, [content], mode)


def write_all(path: Path, pieces: Iterable[bytes], mode: int = 0o644) -> None:
    """Do the same piece by piece, for content that is too large for memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(fd, "wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())  # before the move: else a crash could leave an empty file
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
