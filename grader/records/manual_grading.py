"""What a person gave in Formgrader: read from the gradebook, and put into a feedback page.

A page has slots, comments of HTML around what depends on a person. A page holds no other comment
of HTML, so no text of a submission is taken for a slot. Filling needs nothing but the page: neither
the submission nor a judge is asked again.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader.records.nbgrader_tables import (
    comments_by_hand,
    penalties,
    read_gradebook,
    scores_by_hand,
)

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
    """All that a person gave to one submission, by the exercise's id, not its check's."""

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


def given(gradebook: Path) -> dict[tuple[str, str], ByHand]:
    """By (student, assignment), what a person gave in this gradebook, and nothing of the others.

    GradebookError if it cannot be read.
    """
    cells: dict[tuple[str, str], dict[str, Given]] = {}

    def of(student: str, assignment: str, cell: str) -> tuple[dict[str, Given], str, Given]:
        own = cells.setdefault((student, assignment), {})
        name = cell.removeprefix("check_")
        return own, name, own.get(name, Given())

    with read_gradebook(gradebook) as book:
        if book is None:
            return {}
        for student, assignment, cell, score, extra in scores_by_hand(book):
            own, name, before = of(student, assignment, cell)
            own[name] = replace(before, score=score, extra=extra)
        for student, assignment, cell, comment in comments_by_hand(book):
            own, name, before = of(student, assignment, cell)
            own[name] = replace(before, comment=comment.strip())
        late = {(student, task): points for student, task, points in penalties(book)}
    return {
        key: ByHand(cells.get(key, {}), late.get(key, 0.0)) for key in cells.keys() | late.keys()
    }


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
