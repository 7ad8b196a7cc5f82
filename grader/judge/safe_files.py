"""Open a file in a folder that others write to, without following any link on the way.

A look before opening is not enough: between the two a folder can be swapped for a link. So each
folder is opened from the one around it, and the kernel refuses a link where there should be none.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

# Only to go through: O_PATH, which other systems have not, needs no right to list the folder.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY


class LinkFound(OSError):
    """A part of the path is a symbolic link; ``filename`` is its name."""


def open_beneath(base: Path, parts: Sequence[str]) -> int:
    """A descriptor for reading ``base/parts[0]/parts[1]/...``; the last part may be of any kind.

    ``base`` is trusted, and may be a link. LinkFound if one of ``parts`` is a link; otherwise
    the OSError of what cannot be opened.
    """
    here = os.open(base, _FOLDER | os.O_CLOEXEC)
    try:
        for name in parts[:-1]:
            inner = _open(name, _FOLDER, here)
            os.close(here)
            here = inner
        return _open(parts[-1], os.O_RDONLY | os.O_NONBLOCK, here)  # a FIFO would wait for ever
    finally:
        os.close(here)


def _open(name: str, flags: int, folder: int) -> int:
    if "/" in name or name in ("", ".", ".."):
        raise ValueError(f"not the name of one file: {name!r}")
    try:
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        # ELOOP for a link in the place of a file, ENOTDIR for one in the place of a folder.
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and _is_link(name, folder):
            raise LinkFound(errno.ELOOP, "a symbolic link", name) from error
        raise


def _is_link(name: str, folder: int) -> bool:
    """Is it a link now? Only for the message: it was not followed either way."""
    try:
        os.readlink(name, dir_fd=folder)
    except OSError:
        return False
    return True
