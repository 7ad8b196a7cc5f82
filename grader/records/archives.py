"""List and read the files in archives and folders, trusting no name, size or link.

Students named and packed what is in an archive. A name that leads out of the archive, a link, an
encrypted file and one that is larger than it says are each refused with a message that names them;
nothing is ever unpacked to where its name points. ``collect`` reads all archives by this module,
and ``grade`` the zips of ``pack``: one set of limits, one set of refusals.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from grader.judge import intake
from grader.judge.safe_files import LinkFound, open_beneath

MOST_FILES = 100_000  # in one archive from an LMS, or in a folder
MOST_INNER = 2_000  # in an archive that a student handed in
MOST_BYTES = 3 * intake.MAX_BYTES  # unpacked, of one attempt of one student
PER_ENTRY = 600  # bytes per file in an archive's list of files, which is read as a whole
DEPTH = 12  # folders in folders
LISTED = 300  # characters shown of a path
# Files that operating systems and Jupyter leave behind.
OURS = re.compile(r"(^|/)(__MACOSX|\.DS_Store|Thumbs\.db|desktop\.ini|\.ipynb_checkpoints)(/|$)")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, OSError,
            NotImplementedError, RuntimeError, struct.error)  # fmt: skip
_END = struct.Struct("<4s4H2LH")  # the last record of a zip
_END64 = struct.Struct("<4sQ2H2L4Q")  # the record of a larger zip (ZIP64), and
_LOCATOR = struct.Struct("<4sLQL")  # the one that follows it, before the last
_UTF8 = 0x800  # the flag for a name in UTF-8
_ENCRYPTED = 0x1


class Unreadable(Exception):
    """A file or an archive cannot or must not be read; the message says why."""


@dataclass(frozen=True)
class _Entry:
    """An entry of an archive or folder: the parts of its path, as far as they are known."""

    parts: tuple[str, ...]

    @property
    def path(self) -> str:
        """The path in the form shown to people."""
        return "/".join(map(intake.shown, self.parts))[:LISTED]


@dataclass(frozen=True)
class File(_Entry):
    """A file whose path has no ``..``; ``read`` takes the most bytes that it may have."""

    read: Callable[[int], bytes]

    @property
    def name(self) -> str:
        return self.parts[-1]


@dataclass(frozen=True)
class Refused(_Entry):
    """An entry that is not read, and the reason."""

    why: str


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Iterator[File | Refused]]:
    """Open a folder or a zip; its files can be read within the ``with`` block.

    Unreadable if it is neither or is damaged.
    """
    if path.is_dir():
        yield _in_folder(path)
        return
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            archive = stack.enter_context(_zip(file, MOST_FILES))
        except _DAMAGED as error:
            raise Unreadable(f"it is not a readable zip: {_said(error)}") from error
        yield _in_zip(archive)


def inner(content: bytes) -> list[File | Refused]:
    """List the files in a student's zip. Unreadable if it is damaged or lists too many files."""
    file = io.BytesIO(content)
    try:
        return list(_in_zip(_zip(file, MOST_INNER)))
    except _DAMAGED as error:
        raise Unreadable(f"the zip is damaged: {_said(error)}") from error


def is_zip(name: str) -> bool:
    """Tell whether this is the name of a zip."""
    return name.lower().endswith(".zip")


def _said(error: BaseException) -> str:
    return intake.shown(str(error))[:100] or type(error).__name__


def _zip(file: io.BufferedIOBase | io.BytesIO, most: int) -> zipfile.ZipFile:
    """Open a zip. Unreadable if it lists too many files, whatever count it states.

    The stated count and size are checked before zipfile, which reads the list of files as a whole,
    sees the archive.
    """
    size = file.seek(0, os.SEEK_END)
    tail = min(size, 65_535 + _END.size)
    file.seek(size - tail)
    block = file.read(tail)
    file.seek(0)
    place = block.rfind(b"PK\x05\x06")
    if place < 0 or len(block) - place < _END.size:
        raise Unreadable("it is not a zip, or it is cut off")
    _, _, _, _, count, directory, _, _ = _END.unpack(block[place : place + _END.size])
    locator = place - _LOCATOR.size
    if locator >= 0 and block[locator : locator + 4] == b"PK\x06\x07":
        # ZIP64: the record just before says where the list is. zipfile also looks for it there, so
        # both read the same record.
        large = locator - _END64.size
        if large < 0 or block[large : large + 4] != b"PK\x06\x06":
            raise Unreadable("it is not a readable zip: it does not say where its list is")
        count, directory = _END64.unpack_from(block, large)[7:9]
    archive = None
    if count <= most and directory <= most * PER_ENTRY:
        archive = zipfile.ZipFile(file)
        count = len(archive.infolist())
    if archive is None or count > most:
        raise Unreadable(f"it lists {count:,} files, more than the {most:,} that are read")
    return archive


def _in_zip(archive: zipfile.ZipFile) -> Iterator[File | Refused]:
    seen: set[tuple[str, ...]] = set()
    for entry in archive.infolist():
        name = _name(entry)
        if entry.is_dir() or name.endswith("/") or OURS.search(name):
            continue
        parts = tuple(PurePosixPath(name).parts)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        why = ""
        if not parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
            why = "its name is an absolute path"
        elif ".." in parts:
            why = "its name leads out of the archive"
        elif len(parts) > DEPTH:
            why = f"it lies more than {DEPTH} folders deep"
        elif kind == stat.S_IFLNK:
            why = "it is a link; links are not followed"
        elif kind not in (0, stat.S_IFREG):
            why = "it is not a plain file"
        elif entry.flag_bits & _ENCRYPTED:
            why = "it is encrypted"
        elif entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # With other methods zipfile may unpack a few bytes into gigabytes at once.
            why = "it is compressed in an unsupported way: zip it as usual"
        elif parts in seen:
            why = "the archive has another file of this name"
        if why:
            yield Refused(parts or (name,), why)
            continue
        seen.add(parts)
        yield File(parts, lambda limit, entry=entry: _unpack(archive, entry, limit))  # type: ignore[misc]


def _name(entry: zipfile.ZipInfo) -> str:
    """Return a file's name. Some programs use UTF-8 without the flag, or \\ instead of /."""
    name = entry.filename
    if not entry.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/").replace("\0", "")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """Unpack a file, not trusting the size that it states. Unreadable beyond ``limit`` bytes."""
    try:
        with archive.open(entry) as file:
            content = file.read(limit + 1)
    except _DAMAGED as error:
        raise Unreadable(f"it is damaged: {_said(error)}") from error
    if len(content) > limit:
        raise Unreadable(f"unpacked, it has more than the {limit >> 20} MB that are read")
    return content


def _in_folder(top: Path) -> Iterator[File | Refused]:
    left = [MOST_FILES]

    def walk(folder: Path, parts: tuple[str, ...]) -> Iterator[File | Refused]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Refused(parts, f"it cannot be read: {error.strerror}")
            return
        for entry in entries:
            own = (*parts, entry.name)
            if OURS.search(entry.name):
                continue
            left[0] -= 1
            if left[0] < 0:
                yield Refused(own, f"the folder holds more than the {MOST_FILES:,} files read")
                return
            if entry.is_symlink():
                yield Refused(own, "it is a link; links are not followed")
            elif entry.is_dir(follow_symlinks=False):
                if len(own) >= DEPTH:
                    yield Refused(own, f"it lies more than {DEPTH} folders deep")
                else:
                    yield from walk(folder / entry.name, own)
            elif entry.is_file(follow_symlinks=False):
                yield File(own, lambda limit, own=own: _from_disk(top, own, limit))  # type: ignore[misc]
            else:
                yield Refused(own, "it is not a plain file")

    yield from walk(top, ())


def _from_disk(top: Path, parts: tuple[str, ...], limit: int) -> bytes:
    try:
        fd = open_beneath(top, list(parts))
        with os.fdopen(fd, "rb") as file:
            content = file.read(limit + 1)
    except LinkFound as error:
        raise Unreadable("it is a link; links are not followed") from error
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise Unreadable(f"it has more than the {limit >> 20} MB that are read")
    return content
