"""Open a file in a folder that others write to, without following any link on the way.

Checking a path before opening it is not enough: in between, a folder can be swapped for a link. So
each folder is opened relative to its parent, and the kernel refuses to open a link.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

# To pass through a folder only: O_PATH (on Linux) does not need permission to list it.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY


class LinkFound(OSError):
    """A part of the path is a symbolic link; ``filename`` is its name."""


def open_beneath(base: Path, parts: Sequence[str]) -> int:
    """Open ``base/parts[0]/parts[1]/...`` for reading; the last part may be of any kind.

    ``base`` is trusted and may be a link. Raises LinkFound if one of ``parts`` is a link, or the
    OSError of the part that cannot be opened.
    """
    here = os.open(base, _FOLDER | os.O_CLOEXEC)
    try:
        for name in parts[:-1]:
            inner = _open(name, _FOLDER, here)
            os.close(here)
            here = inner
        return _open(parts[-1], os.O_RDONLY | os.O_NONBLOCK, here)  # opening a FIFO would block
    finally:
        os.close(here)


def _open(name: str, flags: int, folder: int) -> int:
    if "/" in name or name in ("", ".", ".."):
        raise ValueError(f"not the name of one file: {name!r}")
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        # ELOOP if a link replaces a file, ENOTDIR if it replaces a folder.
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(name, folder):
            raise LinkFound(errno.ELOOP, "a symbolic link", name) from error
        raise


def _is_link(name: str, folder: int) -> bool:
    """Tell whether it is a link now, only for the message: it was not followed either way."""
    try:
        os.readlink(name, dir_fd=folder)
    except OSError:
        return False
    return True
