"""Read a notebook file's bytes into cells: one reader for students' commands and for the judge."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from grader.errors import Failed
from grader.protocol.json_bounds import has_more_values

MAX_BYTES = 32 * 1024 * 1024  # of a notebook file
MAX_CELLS = 2000
MAX_SOURCE = 1_000_000
MAX_CODE = 2_000_000  # characters of all code cells together; parsing them takes about a second
MAX_VALUES = 2_000_000  # in the JSON; each takes up to 230 bytes once it is parsed
MAX_NAME = 200  # characters of an id
KINDS = ("code", "markdown", "raw", "heading")  # nbformat 3 has headings


class NotANotebook(Failed):
    """The bytes cannot be read as a notebook; the message says why."""


class NothingWritten(NotANotebook):
    """The file is empty."""


@dataclass(frozen=True)
class Cell:
    """What is taken from a cell: its kind, its ids and its text.

    ``points`` are those that the file claims; only ``progress()`` uses them, on a student's own
    machine.
    """

    kind: str  # code | markdown | raw
    id: str
    grade_id: str
    source: str
    points: float = 0.0


@dataclass(frozen=True)
class Notebook:
    """A notebook's cells, the number of unreadable entries, and its language ("" if unknown)."""

    cells: tuple[Cell, ...]
    dropped: int = 0
    language: str = ""


def parse(content: bytes) -> Notebook:
    """Read the cells of a notebook in nbformat 3, 4 or newer.

    Raises:
        NotANotebook: for anything else, with the reason.
    """
    if not content.strip():
        raise NothingWritten("the file is not a notebook: it is empty")
    if has_more_values(content, MAX_VALUES):
        raise NotANotebook(
            f"the notebook holds more than the {MAX_VALUES:,} numbers, lists and other values that "
            "are read: clear the outputs and hand it in again"
        )
    try:
        document = json.loads(content.decode("utf-8-sig"))  # -sig: skips a byte order mark
    except UnicodeDecodeError as error:
        raise NotANotebook("the file is not a notebook: it is not UTF-8 text") from error
    except RecursionError as error:
        raise NotANotebook("the file is not a notebook: it is nested too deeply") from error
    except ValueError as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise NotANotebook(f"the file is not a notebook: it is not JSON{place}") from error
    if not isinstance(document, dict):
        raise NotANotebook("the file is not a notebook: it is JSON of another kind")
    raw = _raw_cells(document)
    if len(raw) > MAX_CELLS:
        raise NotANotebook(
            f"the notebook has {len(raw)} cells, more than the {MAX_CELLS} that are read"
        )
    cells = [cell for item in raw if (cell := _cell(item)) is not None]
    code = sum(len(cell.source) for cell in cells if cell.kind == "code")
    if code > MAX_CODE:
        raise NotANotebook(
            f"the notebook's code has {code:,} characters, more than the {MAX_CODE:,} that are read"
        )
    return Notebook(tuple(cells), len(raw) - len(cells), _language(document.get("metadata")))


def _raw_cells(document: dict[str, Any]) -> list[Any]:
    """Find the list of cells, by its place first, since tools write odd version numbers."""
    major = document.get("nbformat")
    if isinstance(document.get("cells"), list) and major not in (1, 2, 3):
        return document["cells"]
    if major == 3 and isinstance(document.get("worksheets"), list):
        sheets = [s.get("cells") for s in document["worksheets"] if isinstance(s, dict)]
        return [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    if isinstance(major, int) and not isinstance(major, bool):
        raise NotANotebook(
            f"the file is not a readable notebook: it has nbformat {major} and no cells"
        )
    raise NotANotebook("the file is not a notebook: it has no nbformat and cells")


def _cell(item: Any) -> Cell | None:
    if not isinstance(item, dict) or item.get("cell_type") not in KINDS:
        return None
    kind = item["cell_type"]
    source = item.get("source", item.get("input", ""))  # nbformat 3 says input
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or len(source) > MAX_SOURCE:
        return None
    # Lone surrogates cannot be written as UTF-8; Python reads all line ends as one.
    source = source.encode("utf-8", "replace").decode("utf-8")
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if kind == "heading":
        level = item.get("level")
        depth = level if isinstance(level, int) and 1 <= level <= 6 else 1
        kind, source = "markdown", f"{'#' * depth} {source}"
    metadata = _section(item, "metadata")
    marks = _section(metadata, "nbgrader")
    # Colab moves a cell's id into its metadata.
    own_id = _text(item.get("id")) or _text(metadata.get("id"))
    return Cell(kind, own_id, _text(marks.get("grade_id")), source, _points(marks))


def _points(marks: dict[str, Any]) -> float:
    points = marks.get("points")
    if marks.get("grade") is not True or not isinstance(points, (int, float)):
        return 0.0
    return float(points) if abs(points) < 1e6 else 0.0  # not NaN either


def _language(metadata: Any) -> str:
    """Return the programming language that the file names first, in lower case."""
    kernel, info = (_section(metadata, name) for name in ("kernelspec", "language_info"))
    return (_text(kernel.get("language")) or _text(info.get("name"))).lower()


def _section(tree: Any, name: str) -> dict[str, Any]:
    """Return a dict in a dict; an empty one if there is none."""
    found = tree.get(name) if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_NAME else ""
