"""Keep what a person gave in the ledger: points, extra points, comments, penalties, names, ids.

Formgrader writes these into the gradebook, and so can anybody who may write there; nothing in the
gradebook says who did, or when. So a line of the ledger records what somebody has looked at and
accepted (``verify --accept``), and ``verify`` reports every later difference.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grader.records.ledger import PENALTY, Line
from grader.records.manual_grading import ManualGrades, read_manual_grades
from grader.records.nbgrader_tables import identities, read_gradebook

GIVEN, STUDENT = "given", "student"  # the kinds of these lines
LATE = "late penalty"  # set by the grader from the course's policy, or by a person
Facts = Mapping[str, str]  # what was given → its value in words
Key = tuple[str, str]  # (student, assignment); (student, "") for facts about a person


def in_gradebook(gradebook: Path) -> dict[Key, Facts]:
    """Read what people gave from the gradebook. GradebookError if it cannot be read."""
    found: dict[Key, Facts] = {
        key: _facts(grades) for key, grades in read_manual_grades(gradebook).items()
    }
    with read_gradebook(gradebook) as book:
        for student, *values in identities(book) if book is not None else ():
            names = ("LMS id", "e-mail address", "first name", "last name")
            known = {name: value for name, value in zip(names, values, strict=True) if value}
            if known:
                found[student, ""] = known
    return {key: facts for key, facts in found.items() if facts}


def in_ledger(lines: Iterable[Line]) -> dict[Key, Facts]:
    """Return what people gave, and penalties, by the newest lines of the ledger."""
    found: dict[Key, Facts] = {}
    taken_off: dict[Key, float] = {}
    for line in lines:
        if "altered" in line.fault or not line.entry:
            continue
        kind, key = (
            line.entry.get("kind"),
            (line.entry["student"], line.entry.get("assignment", "")),
        )
        if kind in (GIVEN, STUDENT):
            found[key] = line.entry["facts"]
            taken_off.pop(key, None)  # what a person accepted replaces earlier penalties
        elif kind == PENALTY:
            taken_off[key] = line.entry["points"]
        elif key in found or key in taken_off:  # a new score, whose penalty has its own line
            taken_off[key] = 0.0
    for key, points in taken_off.items():
        others = {name: text for name, text in found.get(key, {}).items() if name != LATE}
        found[key] = others | _late(points)
    return {key: facts for key, facts in found.items() if facts}


def entries(new: Mapping[Key, Facts], old: Mapping[Key, Facts]) -> Iterator[dict[str, Any]]:
    """Yield entries for the ledger about what differs in ``new`` from ``old``."""
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    for student, assignment in sorted(new.keys() | old.keys()):
        facts = new.get((student, assignment), {})
        if facts != old.get((student, assignment), {}):
            about = {"kind": STUDENT} if not assignment else {"kind": GIVEN}
            about |= {"when": when, "student": student}
            yield about | ({"assignment": assignment} if assignment else {}) | {"facts": facts}


def _facts(grades: ManualGrades) -> Facts:
    facts = {}
    for cell, grade in sorted(grades.cells.items()):
        if grade.score is not None:
            facts[f"{cell}: points given by a person"] = f"{grade.score:.6g}"
        if grade.extra:
            facts[f"{cell}: extra points"] = f"{grade.extra:.6g}"
        if grade.comment:
            # Keep a comment out of the ledger, since it may be long; its digest shows a change.
            digest = hashlib.sha256(grade.comment.encode()).hexdigest()[:16]
            facts[f"{cell}: comment"] = f"a text with the digest {digest}"
    return facts | _late(grades.penalty)


def _late(points: float) -> dict[str, str]:
    return {LATE: f"{points:.6g}"} if points else {}
