"""Make a zip of feedback pages for Moodle's *Upload multiple feedback files in a zip*.

By ``mod/assign/feedback/file/importziplib.php`` of https://github.com/moodle/moodle a file goes to
the participant whose number is in the folder's name, as in the archive of submissions:
``Ada Lovelace_4711_assignsubmission_file`` (before Moodle 4.1 with one more _ at the end).
``collect`` keeps that name in the submission's origin.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.errors import ExportError
from grader.judge import intake
from grader.lms.uploads import MOODLE
from grader.records import origin
from grader.records.written import Places

_FOLDER = re.compile(r"(?P<folder>[^/]+?_(?P<number>\d+)_assignsubmission_[a-z]+)(?:[_/]|$)")


def folders(submitted: Path, assignment: str) -> dict[str, str]:
    """Return each student's folder in Moodle's archive. ExportError if two students share one."""
    found: dict[str, str] = {}
    owners: dict[str, str] = {}
    for place in sorted(submitted.glob(f"*/{assignment}")):
        known = origin.read(place)
        name = _FOLDER.match(known.path) if known is not None and known.system == MOODLE else None
        if name is None:
            continue
        student = unicodedata.normalize("NFC", place.parent.name)
        other = owners.setdefault(name["number"], student)
        if other != student:
            raise ExportError(
                f"{other} and {student} both came as Moodle's participant {name['number']}: remove "
                f"{origin.place_of(place)}, or the other one's, whichever is wrong"
            )
        found[student] = name["folder"]
    return found


def misplaced(submitted: Path, assignment: str) -> list[str]:
    """Return the students whose only origin is one that they may have written themselves."""
    places = sorted(submitted.glob(f"*/{assignment}"))
    people = (place.parent.name for place in places if origin.is_misplaced(place))
    return [intake.shown(unicodedata.normalize("NFC", name)) for name in people]


def participants(submitted: Path, assignment: str) -> dict[str, str]:
    """Return each student's participant number in Moodle's archive."""
    return {
        student: found["number"]
        for student, folder in folders(submitted, assignment).items()
        if (found := _FOLDER.match(folder))
    }


def feedback_zip(
    course_dir: Path, submitted: Path, assignment: str
) -> tuple[bytes, Mapping[str, str]]:
    """Return the zip's bytes and, by student, why a page is not in it."""
    known = folders(submitted, assignment)
    ignored = misplaced(submitted, assignment)
    buffer, left_out = io.BytesIO(), dict[str, str]()
    pages = sorted((course_dir / "feedback").glob(f"*/{assignment}/{assignment}.html"))
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for page in pages:
            student = page.parent.parent.name
            if student not in known:
                left_out[student] = (
                    origin.MISPLACED
                    if student in ignored
                    else "not collected from a Moodle archive"
                )
                continue
            archive.writestr(f"{known[student]}/{assignment}.html", page.read_bytes())
    for student in known:
        if not Places(course_dir, student, assignment).page.exists():
            left_out[student] = "no page yet: grade first"
    return buffer.getvalue(), left_out
