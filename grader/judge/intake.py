"""Read a submission's notebook into cells, trusting nothing: bounded sizes, no links."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from pathlib import Path

from grader.judge.safe_files import LinkFound, open_beneath
from grader.source import notebook
from grader.source.notebook import Cell as Cell
from grader.source.notebook import Notebook as Notebook

MAX_BYTES = notebook.MAX_BYTES
MAX_NAME = 100  # characters
MAX_BYTES_OF_NAME = 255  # of a file's name, as file systems have it
# Two invisible characters that Persian and Hindi names are spelt with, and that join emoji.
# Anywhere else they could hide a difference.
_JOINER = re.compile(r"(?<=[^\x00-\x7f\u200c\u200d])[\u200c\u200d](?=[^\x00-\x7f\u200c\u200d])")
# Besides letters and digits, people's names contain spaces, commas and both kinds of apostrophe;
# logins contain the rest.
ALSO_IN_NAMES = set("_-.@+ ,'\u2019")


class Rejected(Exception):
    """A submission that cannot be graded; the message tells people the reason."""


class NothingThere(Rejected):
    """Nothing was handed in: there is no file, or it is empty."""


def student_id(name: str) -> str:
    """Return a student's id from the folder's name: the name with its accents composed (NFC).

    Systems differ in how they write accents in file names.

    Raises:
        Rejected: the name could confuse a file system, a page or a table.
    """
    composed = unicodedata.normalize("NFC", name)
    good = (
        composed[:1].isalnum()
        and len(composed) <= MAX_NAME
        and len(composed.encode("utf-8", "replace")) <= MAX_BYTES_OF_NAME
        and all(unicodedata.category(c)[0] in "LMN" or c in ALSO_IN_NAMES for c in composed)
        and ".." not in composed
        and composed == composed.strip()
    )
    if not good:
        raise Rejected(
            f"the folder name {ascii(name[:60])} is not a student id: use letters, digits, "
            f"spaces and _ - . @ + , ' only, at most {MAX_NAME}, and begin with a letter or digit"
        )
    return composed


def shown(name: str) -> str:
    """Return a file's name made safe to print: it may contain control characters."""
    is_plain = _JOINER.sub("", name).isprintable()
    return name[:MAX_NAME] if is_plain else ascii(name)[1:-1][:MAX_NAME]


def in_one_line(name: str) -> str:
    """Return a person's name made safe to print: no line ends or other invisible characters."""
    plain = " ".join(name.split())
    joiners = {found.start() for found in _JOINER.finditer(plain)}
    return "".join(c for n, c in enumerate(plain) if c.isprintable() or n in joiners)


def read(path: Path, base: Path | None = None) -> bytes:
    """Return a file's bytes.

    Args:
        path: the file.
        base: the folder of all submissions. What is below it is not ours: a link there could hand
            in another student's file [default: the folder of ``student/assignment/file``].

    Raises:
        Rejected: it is not a plain file of bounded size, or a link is on the way to it.
    """
    if base is None:
        base = path.parent
        for _ in ("the assignment's folder", "the student's"):
            if base.name not in ("", ".."):
                base = base.parent
    try:
        fd = open_beneath(base, path.relative_to(base).parts)
    except FileNotFoundError as error:
        raise NothingThere(f"there is no {path.name} in the submission") from error
    except LinkFound as error:
        raise Rejected(f"{error.filename} is a symbolic link; links are not followed") from error
    except OSError as error:
        raise Rejected(f"{path.name} cannot be read: {error.strerror}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise Rejected(f"{path.name} is not a plain file")
    with os.fdopen(fd, "rb") as file:
        if status.st_size > MAX_BYTES:
            size = status.st_size / 1e6
            raise Rejected(
                f"{path.name} has {size:.0f} MB, more than the {MAX_BYTES // 2**20} MB that are "
                "read: clear the outputs and hand it in again"
            )
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Rejected(f"{path.name} grew while it was read")
    return content


def parse(content: bytes) -> Notebook:
    """Parse a notebook. Raises Rejected, with the reason, if the bytes are not a notebook."""
    try:
        return notebook.parse(content)
    except notebook.NothingWritten as error:
        raise NothingThere(str(error)) from error
    except notebook.NotANotebook as error:
        raise Rejected(str(error)) from error
