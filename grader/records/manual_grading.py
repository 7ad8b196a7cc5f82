"""Read what a person gave in Formgrader from the gradebook, and put it into feedback pages.

Slots, pairs of HTML comments, enclose what depends on a person. A page has no other HTML comments
(a submission's content is escaped or sanitized), so no submission can forge a slot. Filling the
slots needs the page alone: nothing is graded again.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.judge import intake
from grader.records.nbgrader_tables import (
    earlier_scores,
    identities,
    manual_comments,
    manual_scores,
    penalties,
    read_gradebook,
)

MOST_OF_A_NAME = 200  # characters
HEAD = 1000  # bytes at the beginning of a page, which contain its digest
_DIGEST = re.compile(rb'<meta name="by-hand" content="(\w*)">')
# A slot's macro, then perhaps its cell, the automatic points ("-": none yet) and the maximum.
_SLOT = re.compile(
    r"<!--by-hand (\w+)(?: ([\w.-]+) ([\d.e+-]+) ([\d.e+-]+?))?-->.*?<!--/by-hand-->", re.S
)


@dataclass(frozen=True)
class ManualGrade:
    """A person's marks for one cell: points that replace the automatic ones, extra points, comment.

    The comment is Markdown. ``earlier``: the points for a written answer's earlier text, while the
    present text waits for a person.
    """

    score: float | None = None
    extra: float = 0.0
    comment: str = ""
    earlier: float | None = None


@dataclass(frozen=True)
class ManualGrades:
    """All that a person gave for one submission; ``cells`` by exercise, without ``check_``."""

    cells: Mapping[str, ManualGrade] = field(default_factory=dict)
    penalty: float = 0.0
    name: str = ""  # the student's, which a page also shows

    @property
    def digest(self) -> str:
        """A digest of everything given; empty if nothing was given."""
        if self == NO_GRADES:
            return ""
        text = repr((sorted(self.cells.items()), self.penalty, *filter(None, [self.name])))
        return hashlib.sha256(text.encode()).hexdigest()


NO_GRADES = ManualGrades()


@dataclass(frozen=True)
class Mark:
    """One line of the table of marks: the automatic score, or None, and a person's marks."""

    name: str
    auto: float | None
    of: float
    manual: ManualGrade

    @property
    def points(self) -> float | None:
        """The points that count; None while a person has yet to give them."""
        score = self.auto if self.manual.score is None else self.manual.score
        return None if score is None else score + self.manual.extra

    @property
    def is_full(self) -> bool:
        return self.points is not None and self.points >= self.of


# -- the gradebook ---------------------------------------------------------------------------------


def read_manual_grades(gradebook: Path) -> dict[tuple[str, str], ManualGrades]:
    """Read what a person gave, by (student, assignment); leave out where nothing was given.

    GradebookError if the gradebook cannot be read.
    """
    cells: dict[tuple[str, str], dict[str, ManualGrade]] = {}

    def change(student: str, assignment: str, cell: str, **values: Any) -> None:
        grades = cells.setdefault((student, assignment), {})
        name = cell.removeprefix("check_")
        grades[name] = replace(grades.get(name, ManualGrade()), **values)

    with read_gradebook(gradebook) as book:
        if book is None:
            return {}
        for student, assignment, cell, score, extra in manual_scores(book):
            change(student, assignment, cell, score=score, extra=extra)
        for student, assignment, cell, comment in manual_comments(book):
            change(student, assignment, cell, comment=comment.strip())
        for student, assignment, cell, score in earlier_scores(book):
            change(student, assignment, cell, earlier=score)
        late = {(student, task): points for student, task, points in penalties(book)}
    keys = cells.keys() | late.keys()
    return {key: ManualGrades(cells.get(key, {}), late.get(key, 0.0)) for key in keys}


def read_names(gradebook: Path) -> dict[str, str]:
    """Read students' names from the gradebook, by id; leave out students without a name."""
    with read_gradebook(gradebook) as book:
        known = [] if book is None else list(identities(book))
    names = {
        student: intake.in_one_line(f"{first} {last}")[:MOST_OF_A_NAME]
        for student, _, _, first, last in known
    }
    return {student: name for student, name in names.items() if name and name != student}


# -- the page --------------------------------------------------------------------------------------


def digest_of(path: Path) -> str | None:
    """Read the digest of the manual grades that a page shows; None without a page or digest."""
    try:
        with path.open("rb") as file:
            found = _DIGEST.search(file.read(HEAD))
    except FileNotFoundError:
        return None
    return found[1].decode() if found else None


def fill_slots(page: bytes, grades: ManualGrades = NO_GRADES) -> bytes:
    """Return the page with these grades in its slots, replacing what they held before."""
    text = page.decode()
    marks = [_mark(slot, grades) for slot in _SLOT.finditer(text) if slot[1] == "points"]
    macros = _template().module
    totals: dict[str, Any] = {
        "digest": grades.digest,
        "marks": marks,
        "penalty": grades.penalty,
        "name": grades.name,
    }

    def fill(slot: re.Match[str]) -> str:
        mark = _mark(slot, grades) if slot[2] else None
        content = getattr(macros, slot[1])(totals if mark is None else mark)
        opening = slot[0].partition("-->")[0]
        return f"{opening}-->{str(content).strip()}<!--/by-hand-->"

    return _SLOT.sub(fill, text).encode()


def empty_slots(page: bytes) -> bytes:
    """Return the page with empty slots: the same page whatever a person gives."""
    text = page.decode("utf-8", "replace")
    return _SLOT.sub(lambda slot: f"{slot[0].partition('-->')[0]}--><!--/by-hand-->", text).encode()


def _mark(slot: re.Match[str], grades: ManualGrades) -> Mark:
    auto = None if slot[3] == "-" else float(slot[3])
    return Mark(slot[2], auto, float(slot[4]), grades.cells.get(slot[2], ManualGrade()))


def _comment(text: str) -> str:
    """Render a person's Markdown as HTML in which nothing runs or loads."""
    from grader.judge.sanitize import safe_markdown  # here, because its import is slow

    return safe_markdown(text)


def points(value: float) -> str:
    """Format points as people write them: 2, 2.5, 0.33."""
    return f"{round(value, 2):g}"


@functools.cache
def _template() -> Any:
    import jinja2  # here, because a run that finds nothing to do does not need it

    loader = jinja2.PackageLoader("grader.pages", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"comment": _comment, "points": points}
    return environment.get_template("manual_grading.html.j2")
