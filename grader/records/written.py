"""The files that a run writes for one submission: their places, and seals that show changes.

The ledger's line holds a digest of each file. A record also has its own seal, because a run trusts
it instead of grading again, and should not have to read the whole ledger to check it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import files
from grader.records import manual_grading

RECORDS = Path(".grader") / "records"


@dataclass(frozen=True)
class Places:
    """The paths of one submission's files in a course folder."""

    course_dir: Path
    student: str
    assignment: str

    @property
    def notebook(self) -> Path:
        name = self.assignment
        return self.course_dir / "autograded" / self.student / name / f"{name}.ipynb"

    @property
    def page(self) -> Path:
        name = self.assignment
        return self.course_dir / "feedback" / self.student / name / f"{name}.html"

    @property
    def record(self) -> Path:
        name = files.named_for(self.student, ".json")
        return self.course_dir / RECORDS / self.assignment / name


def digests(notebook: bytes, page: bytes, record: bytes) -> dict[str, str]:
    """Return a digest of each file for the ledger; the page's is without what a person gave."""
    return {
        "notebook": hashlib.sha256(notebook).hexdigest(),
        "page": page_digest(page),
        "record": hashlib.sha256(record).hexdigest(),
    }


def page_digest(page: bytes) -> str:
    """Return the digest of a page with empty slots: it is the same whatever a person gives."""
    return hashlib.sha256(manual_grading.empty_slots(page)).hexdigest()


def seal_record(record: dict[str, Any], secret: bytes) -> bytes:
    """Return the record in the form that is written, with its seal."""
    return json.dumps(record | {"seal": _seal(record, secret)}).encode()


def open_record(content: bytes, secret: bytes) -> dict[str, Any] | None:
    """Return a record's content; None if it was altered, or never sealed."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or not isinstance(record.get("seal"), str):
        return None
    found = record.pop("seal").encode("utf-8", "replace")
    return record if hmac.compare_digest(_seal(record, secret).encode(), found) else None


def _seal(record: dict[str, Any], secret: bytes) -> str:
    key = hmac.new(secret, b"record", hashlib.sha256).digest()
    text = json.dumps(record, sort_keys=True).encode()
    return hmac.new(key, text, hashlib.sha256).hexdigest()
