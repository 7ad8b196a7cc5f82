"""The zip that a student hands in: its layout, written by ``pack`` and read by whoever collects.

A zip made by ``pack`` holds, for each lesson that was packed, the saved notebook's bytes as

    <assignment>/<assignment>.ipynb        such as 03_trees/03_trees.ipynb

and beside these folders one file ``receipt.json``, UTF-8, with an object of

    "format": 1
    "course": the course's id
    "packed": when, in UTC, as ISO 8601 with seconds
    "notebooks": a list, each an object with at least
        "assignment": "03_trees"
        "file": "03_trees/03_trees.ipynb"
        "sha256": the digest of the notebook's bytes
        "bytes": how many there are

A notebook's object also says what the public checks found (``exercises``, ``points``) and what was
warned of (``warnings``). All of it is the student's word: no mark comes from it.

There is no folder around these, no comment, no encryption, and no other file.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader.source.notebook import MAX_BYTES

RECEIPT = "receipt.json"
FORMAT = 1
MAX_ENTRIES = 64
MAX_DIRECTORY = 64 * 1024  # bytes of the zip's own list of files
MAX_TOTAL = 2 * MAX_BYTES  # of all notebooks together
MAX_RECEIPT = 1024 * 1024
_END = struct.Struct("<4s4H2LH")  # a zip's last record
_MEMBER = re.compile(r"(\d\d_[a-z0-9_]{1,90})/\1\.ipynb")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, OSError, RuntimeError)


class NotAHandIn(Exception):
    """The bytes are not a zip that ``pack`` made; the message says why."""


@dataclass(frozen=True)
class HandIn:
    """What a zip holds: the notebooks' bytes by assignment, and the receipt."""

    notebooks: Mapping[str, bytes]
    receipt: Mapping[str, Any]


def member(assignment: str) -> str:
    """``03_trees`` → ``03_trees/03_trees.ipynb``."""
    return f"{assignment}/{assignment}.ipynb"


def digest(content: bytes) -> str:
    """The digest that a receipt gives of a notebook."""
    return hashlib.sha256(content).hexdigest()


def write(notebooks: Mapping[str, bytes], receipt: Mapping[str, Any]) -> bytes:
    """The zip's bytes. The same input gives the same bytes."""
    contents = {member(name): content for name, content in sorted(notebooks.items())}
    contents[RECEIPT] = (json.dumps(receipt, indent=1, ensure_ascii=False) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name)  # dated 1980: when it was packed, the receipt says
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def read(content: bytes) -> HandIn:
    """Read a zip within bounds, trusting nothing in it.

    Raises:
        NotAHandIn: it is no zip, no zip of ``pack``, damaged, or too large.
    """
    _look_at_the_end(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            if RECEIPT not in entries:
                raise NotAHandIn(f"it holds no {RECEIPT}: `python -m grader pack` did not make it")
            receipt = json.loads(_bytes_of(archive, entries.pop(RECEIPT), MAX_RECEIPT))
            notebooks, room = {}, MAX_TOTAL
            for name, entry in entries.items():
                found = _MEMBER.fullmatch(name)
                if not found:
                    raise NotAHandIn(f"it holds {ascii(name)[1:61]}, which pack does not write")
                notebooks[found[1]] = _bytes_of(archive, entry, min(room, MAX_BYTES))
                room -= len(notebooks[found[1]])
    except (*_DAMAGED, RecursionError) as error:
        raise NotAHandIn(f"the zip is damaged: {str(error)[:100]}") from error
    if not isinstance(receipt, dict) or receipt.get("format") != FORMAT:
        raise NotAHandIn(f"its {RECEIPT} is not in format {FORMAT}")
    return HandIn(notebooks, receipt)


def _look_at_the_end(content: bytes) -> None:
    """NotAHandIn unless the list of files, which zipfile reads as a whole, is a short one."""
    if len(content) < _END.size or not content.startswith(b"PK\x03\x04"):
        raise NotAHandIn("it is not a zip")
    signature, _, _, _, entries, size, _, comment = _END.unpack(content[-_END.size :])
    # Larger archives have a locator before this record, whose numbers would count instead.
    extended = content[-_END.size - 20 :].startswith(b"PK\x06\x07")
    if signature != b"PK\x05\x06" or comment or extended:
        raise NotAHandIn("it is not a zip that `python -m grader pack` made, or is cut off")
    if entries > MAX_ENTRIES or size > MAX_DIRECTORY:
        raise NotAHandIn(f"it holds more than {MAX_ENTRIES} files")


def _bytes_of(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    """An entry unpacked: what it says of its own size is not believed."""
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotAHandIn("it is compressed in a way that pack does not use")
    with archive.open(entry) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise NotAHandIn(f"{entry.filename[:100]} is larger than what is read")
    return content
