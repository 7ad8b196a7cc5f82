"""Read a submission's notebook into cells, trusting nothing: bounded sizes, no links."""

from __future__ import annotations

import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.protocol.json_bounds import has_more_values

MAX_BYTES = 32 * 1024 * 1024
MAX_CELLS = 2000
MAX_SOURCE = 1_000_000
MAX_CODE = 2_000_000  # characters of all code cells together; parsing them takes about a second
MAX_VALUES = 2_000_000  # in the JSON; each takes up to 230 bytes once it is parsed
SAFE_ID = re.compile(r"\w[\w.@+ -]{0,99}")


class Rejected(Exception):
    """A submission that cannot be graded; the message tells people the reason."""


@dataclass(frozen=True)
class Cell:
    """What is taken from a submitted cell: its kind, its ids and its text."""

    kind: str  # code | markdown | raw
    id: str
    grade_id: str
    source: str


@dataclass(frozen=True)
class Notebook:
    """A submitted notebook: its cells, and how many entries were dropped as unreadable."""

    cells: tuple[Cell, ...]
    dropped: int = 0


def check_name(name: str) -> None:
    """Reject names that could confuse a file system, a page or a table."""
    if not SAFE_ID.fullmatch(name) or ".." in name or name != name.strip():
        raise Rejected(
            f"the folder name {ascii(name[:60])} is not a student id: letters, digits, spaces and "
            "_ - . @ + only, at most 100, starting with a letter or digit"
        )


def read(path: Path) -> bytes:
    """A submission's bytes. Raises Rejected unless it is a plain file of bounded size, no link."""
    for parent in (path.parent.parent, path.parent):
        if _is_link(parent):
            raise Rejected(f"{parent.name} is a symbolic link; links are not followed")
    # A link could hand in another student's file. NONBLOCK: opening a FIFO would wait forever.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Rejected(f"there is no {path.name} in the submission") from error
    except OSError as error:
        if _is_link(path):
            raise Rejected(f"{path.name} is a symbolic link; links are not followed") from error
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


def _is_link(path: Path) -> bool:
    """Is the path a symbolic link? False if its folder cannot be read."""
    try:
        return path.is_symlink()
    except OSError:
        return False


def parse(content: bytes) -> Notebook:
    """The cells of a notebook in nbformat 4 or 3. Raises Rejected, with the reason, for others."""
    if not content.strip():
        raise Rejected("the file is empty")
    if has_more_values(content, MAX_VALUES):
        raise Rejected(
            f"the notebook holds more than {MAX_VALUES:,} numbers, lists and other values, more "
            "than are read: clear the outputs and hand it in again"
        )
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Rejected("the file is not a notebook: it is not UTF-8 text") from error
    except RecursionError as error:
        raise Rejected("the file is not a notebook: it is nested too deeply") from error
    except ValueError as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Rejected(f"the file is not a notebook: it is not JSON{place}") from error
    if not isinstance(document, dict):
        raise Rejected("the file is not a notebook: it is JSON of another kind")
    raw = _raw_cells(document)
    if len(raw) > MAX_CELLS:
        raise Rejected(
            f"the notebook has {len(raw)} cells, more than the {MAX_CELLS} that are read"
        )
    cells = [cell for item in raw if (cell := _cell(item)) is not None]
    code = sum(len(cell.source) for cell in cells if cell.kind == "code")
    if code > MAX_CODE:
        raise Rejected(
            f"the notebook's code has {code:,} characters, more than the {MAX_CODE:,} that are read"
        )
    return Notebook(tuple(cells), len(raw) - len(cells))


def _raw_cells(document: dict[str, Any]) -> list[Any]:
    major = document.get("nbformat")
    if major == 4 and isinstance(document.get("cells"), list):
        return document["cells"]
    if major == 3 and isinstance(document.get("worksheets"), list):
        sheets = [s.get("cells") for s in document["worksheets"] if isinstance(s, dict)]
        return [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    if isinstance(major, int) and not isinstance(major, bool):
        raise Rejected(f"the file is not a notebook that can be read: nbformat {major}, no cells")
    raise Rejected("the file is not a notebook: it has no nbformat and cells")


def _cell(item: Any) -> Cell | None:
    if not isinstance(item, dict) or item.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    source = item.get("source", item.get("input", ""))  # nbformat 3 says input
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or len(source) > MAX_SOURCE:
        return None
    source = source.encode("utf-8", "replace").decode(
        "utf-8"
    )  # lone surrogates cannot be written as UTF-8
    return Cell(item["cell_type"], _text(item.get("id")), _grade_id(item), source)


def _grade_id(item: dict[str, Any]) -> str:
    metadata = item.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return _text(ours.get("grade_id")) if isinstance(ours, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= 200 else ""
