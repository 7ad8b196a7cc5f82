"""Read and write files in a folder that others write to, without following any link on the way.

Checking a path before opening it is not enough: in between, a folder can be swapped for a link. So
each folder is opened relative to its parent, and the kernel refuses to open a link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Sequence
from itertools import islice
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
    with _folder(base, parts[:-1]) as folder:
        return _open(parts[-1], os.O_RDONLY | os.O_NONBLOCK, folder)  # opening a FIFO would block


def list_beneath(base: Path, parts: Sequence[str], most: int) -> list[tuple[str, bool]]:
    """Return what is in the folder ``base/parts[0]/...``, sorted: (name, whether it is a folder).

    A link is no folder. Of a folder with more entries, only the first ``most`` that the system
    lists are looked at. Raises as :func:`open_beneath` does.
    """
    folder = open_beneath(base, parts)
    try:
        with os.scandir(folder) as entries:
            found = islice(entries, most)
            return sorted((one.name, one.is_dir(follow_symlinks=False)) for one in found)
    finally:
        os.close(folder)


def write_beneath(base: Path, parts: Sequence[str], content: bytes) -> None:
    """Write ``base/parts[0]/...``, making the folders that are missing; replace the file whole.

    Raises as :func:`open_beneath` does, but if the last part is a link, replaces the link.
    """
    with _folder(base, parts[:-1], make=True) as folder:
        aside = f".writing-{secrets.token_hex(8)}"
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=folder)
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(fd, 0o644)  # whatever the umask: others may have to read it
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # before the move: a crash could leave an empty file
            os.replace(aside, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(aside, dir_fd=folder)
            raise


@contextlib.contextmanager
def _folder(base: Path, parts: Sequence[str], make: bool = False) -> Iterator[int]:
    """Open ``base/parts[0]/...``, all of them folders, to pass through; close it at the end."""
    here = os.open(base, _FOLDER | os.O_CLOEXEC)
    try:
        for name in parts:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=here)
            inner = _open(name, _FOLDER, here)
            os.close(here)
            here = inner
        yield here
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
