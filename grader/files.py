"""Write files so that a kill at any instant leaves the old file or the new one, never a part."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path

MAX_NAME = 255  # bytes of a file's name on the usual file systems


def named_for(name: str, suffix: str) -> str:
    """Return the name of a file about ``name``: suffixed, and shortened by a digest if too long."""
    full = name + suffix
    if len(full.encode()) <= MAX_NAME:
        return full
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return name.encode()[:100].decode(errors="ignore") + f"~{digest}{suffix}"


def state(path: Path) -> tuple:
    """Return a file's inode, size and time of modification, or why it cannot be read."""
    try:
        found = os.lstat(path)
    except OSError as error:
        return ("none", error.errno)
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write a file, flush it to disk, and move it into place."""
    write_all(path, [content], mode)


def create(path: Path, content: bytes, mode: int = 0o644) -> bool:
    """Create a file, complete from its first instant; return False if it exists already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".creating-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        write(aside, content, mode)
        os.link(aside, path)  # unlike a move, fails if the file exists
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        return _create_in_place(path, content, mode)  # a file system without hard links
    finally:
        aside.unlink(missing_ok=True)


def _create_in_place(path: Path, content: bytes, mode: int) -> bool:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return True


def write_all(path: Path, pieces: Iterable[bytes], mode: int = 0o644) -> None:
    """Do as :func:`write` does, piece by piece, for content that is too large for memory."""
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
