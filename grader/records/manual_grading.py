"""What a person gave in Formgrader: read from the gradebook, and put into a feedback page.

A page has slots, comments of HTML around what depends on a person. A page holds no other comment
of HTML, so no text of a submission is taken for a slot. Filling needs nothing but the page: neither
the submission nor a judge is asked again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.errors import GradebookError

PATIENCE = 30.0  # seconds that another program may hold the gradebook
HEAD = 1000  # bytes of a page in which its digest stands
_DIGEST = re.compile(rb'<meta name="by-hand" content="(\w*)">')
_SLOT = (
    re.compile(  # what it is for; a cell, the points found in it ("-": none yet), and of how many
        r"<!--by-hand (\w+)(?: ([\w.-]+) ([\d.e+-]+) ([\d.e+-]+?))?-->.*?<!--/by-hand-->", re.S
    )
)


@dataclass(frozen=True)
class Given:
    """For one cell: points in the place of automatic ones, points on top, a comment (Markdown)."""

    score: float | None = None
    extra: float = 0.0
    comment: str = ""


@dataclass(frozen=True)
class ByHand:
    """All that a person gave to one submission, by cell (``softmax``, not ``check_softmax``)."""

    cells: Mapping[str, Given] = field(default_factory=dict)
    penalty: float = 0.0

    @property
    def digest(self) -> str:
        """Empty where nothing was given; two are equal only where the same was given."""
        if self == NOTHING:
            return ""
        text = repr((sorted(self.cells.items()), self.penalty))
        return hashlib.sha256(text.encode()).hexdigest()


NOTHING = ByHand()


@dataclass(frozen=True)
class Mark:
    """One line of the marks: what was found without a person (None: nothing yet), and by one."""

    name: str
    auto: float | None
    of: float
    given: Given

    @property
    def points(self) -> float | None:
        """None as long as it waits for a person."""
        score = self.auto if self.given.score is None else self.given.score
        return None if score is None else score + self.given.extra

    @property
    def is_full(self) -> bool:
        return self.points is not None and self.points >= self.of


# -- the gradebook ---------------------------------------------------------------------------------

_SUBMISSION = """
join base_cell on base_cell.id = {0}.cell_id
join submitted_notebook on submitted_notebook.id = {0}.notebook_id
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join assignment on assignment.id = submitted_assignment.assignment_id
"""
_WHOSE = "select submitted_assignment.student_id, assignment.name, base_cell.name"
_GRADES = f"""{_WHOSE}, grade.manual_score, coalesce(grade.extra_credit, 0.0)
from grade {_SUBMISSION.format("grade")}
where grade.manual_score is not null or coalesce(grade.extra_credit, 0.0) != 0.0"""
_COMMENTS = f"""{_WHOSE}, comment.manual_comment
from comment {_SUBMISSION.format("comment")} where trim(coalesce(comment.manual_comment, '')) != ''
"""
_PENALTIES = """
select submitted_assignment.student_id, assignment.name,
sum(submitted_notebook.late_submission_penalty) from submitted_notebook
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join assignment on assignment.id = submitted_assignment.assignment_id
where submitted_notebook.late_submission_penalty > 0.0 group by submitted_assignment.id"""


def given(gradebook: Path) -> dict[tuple[str, str], ByHand]:
    """By (student, assignment), what a person gave in this gradebook, and nothing of the others.

    Without nbgrader, whose import takes longer than this. GradebookError if it cannot be read.
    """
    if not gradebook.exists():
        return {}
    cells: dict[tuple[str, str], dict[str, Given]] = {}
    penalties: dict[tuple[str, str], float] = {}

    def of(student: str, assignment: str, cell: str) -> tuple[dict[str, Given], str, Given]:
        own = cells.setdefault((student, assignment), {})
        name = cell.removeprefix("check_")
        return own, name, own.get(name, Given())

    with _reading(gradebook) as database:
        for student, assignment, cell, score, extra in database.execute(_GRADES):
            own, name, before = of(student, assignment, cell)
            own[name] = replace(before, score=score, extra=extra)
        for student, assignment, cell, comment in database.execute(_COMMENTS):
            own, name, before = of(student, assignment, cell)
            own[name] = replace(before, comment=comment.strip())
        for student, assignment, penalty in database.execute(_PENALTIES):
            penalties[student, assignment] = penalty
    return {
        key: ByHand(cells.get(key, {}), penalties.get(key, 0.0))
        for key in cells.keys() | penalties.keys()
    }


@contextlib.contextmanager
def _reading(gradebook: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(sqlite3.connect(gradebook, timeout=PATIENCE)) as database:
            yield database
    except sqlite3.DatabaseError as error:
        if gradebook.stat().st_size == 0:  # nothing is in it yet; its tables are made later
            return
        from grader.records.gradebook import trouble

        raise GradebookError(trouble(gradebook, error)) from error


# -- the page --------------------------------------------------------------------------------------


def digest_of(path: Path) -> str | None:
    """The digest of what the page at ``path`` shows; None if it is missing or has no slots."""
    try:
        with path.open("rb") as file:
            found = _DIGEST.search(file.read(HEAD))
    except FileNotFoundError:
        return None
    return found[1].decode() if found else None


def filled(page: bytes, hand: ByHand = NOTHING) -> bytes:
    """The page with this in its slots, whatever was in them before."""
    text = page.decode()
    marks = [_mark(slot, hand) for slot in _SLOT.finditer(text) if slot[1] == "points"]
    show = _template().module
    totals: dict[str, Any] = {"digest": hand.digest, "marks": marks, "penalty": hand.penalty}

    def fill(slot: re.Match[str]) -> str:
        mark = _mark(slot, hand) if slot[2] else None
        inside = getattr(show, slot[1])(totals if mark is None else mark)
        opening = slot[0].partition("-->")[0]
        return f"{opening}-->{str(inside).strip()}<!--/by-hand-->"

    return _SLOT.sub(fill, text).encode()


def _mark(slot: re.Match[str], hand: ByHand) -> Mark:
    auto = None if slot[3] == "-" else float(slot[3])
    return Mark(slot[2], auto, float(slot[4]), hand.cells.get(slot[2], Given()))


def _comment(text: str) -> str:
    """A person's Markdown as HTML in which nothing runs or loads."""
    from grader.judge.sanitize import safe_markdown  # its converter takes long to import

    return safe_markdown(text)


def points(value: float) -> str:
    """Points as people write them: 2, 2.5, 0.33."""
    return f"{round(value, 2):g}"


@functools.cache
def _template() -> Any:
    import jinja2  # a run with nothing to do does without

    loader = jinja2.PackageLoader("grader.pages", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"comment": _comment, "points": points}
    return environment.get_template("by_hand.html.j2")
