"""Write the zip that a student hands in, and describe its layout.

:mod:`grader.records.handed_in` reads it.

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

There is no folder around these, no encryption, and no other file.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

RECEIPT = "receipt.json"
FORMAT = 1


def member(assignment: str) -> str:
    """Return an assignment's path in the zip: ``03_trees`` → ``03_trees/03_trees.ipynb``."""
    return f"{assignment}/{assignment}.ipynb"


def digest(content: bytes) -> str:
    """Return the digest that a receipt gives of a notebook."""
    return hashlib.sha256(content).hexdigest()


def write(notebooks: Mapping[str, bytes], receipt: Mapping[str, Any]) -> bytes:
    """Return the zip's bytes. The same input gives the same bytes."""
    contents = {member(name): content for name, content in sorted(notebooks.items())}
    contents[RECEIPT] = (json.dumps(receipt, indent=1, ensure_ascii=False) + "\n").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name)  # dated 1980; the receipt holds the time of packing
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # Unix permissions: readable once unpacked
            archive.writestr(entry, content)
    return buffer.getvalue()
