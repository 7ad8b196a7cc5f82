"""``progress``: the whole course in one table, by the last verdicts of the public checks."""

from __future__ import annotations

import html
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from grader.student import records, screen
from grader.student.colors import LINE, MUTED
from grader.student.lessons import Lesson, lessons
from grader.student.records import Record
from grader.student.session import Session
from grader.student.words import points

DONE, BEGUN, NOT_BEGUN, UNREADABLE = "done", "begun", "not begun", "unreadable"
SIGNS = {DONE: "✓", BEGUN: "◐", NOT_BEGUN: "○", UNREADABLE: "!"}
COLUMNS = ("Lesson", "State", "Right", "Points so far", "In writing", "Minutes")
WHAT_IT_IS = (
    "Right and Points so far are what the public checks last said in your notebooks. They are not "
    "your mark: the grader gives that, and tries the same answers on other cases. In writing: the "
    "points for the lesson's question, which a person reads. Minutes are an estimate for the whole "
    "lesson; its first cell says how they are counted."
)
CELL = (
    f"text-align:left;vertical-align:top;padding:.35em .8em .35em 0;border-bottom:1px solid {LINE}"
)
NUMBER = f"{CELL};white-space:nowrap"


@dataclass(frozen=True)
class Standing:
    """A student's progress in a lesson: exercises right and tried, points so far, what comes next.

    ``next`` is the first exercise that is not right yet, "" if there is none.
    """

    lesson: Lesson
    right: int
    tried: int
    points: float
    next: str

    @property
    def count(self) -> int:
        return len(self.lesson.exercises)

    @property
    def possible(self) -> float:
        return sum(self.lesson.exercises.values())

    @property
    def called(self) -> str:
        """A name for the next exercise: its own, or "the quiz"."""
        return "the quiz" if self.next.startswith("quiz_") else self.next

    @property
    def state(self) -> str:
        if self.lesson.damaged:
            return UNREADABLE
        if self.right == self.count:
            return DONE
        return BEGUN if self.tried else NOT_BEGUN


def standing(lesson: Lesson, recorded: Mapping[str, Record]) -> Standing:
    """Compute the progress in a lesson from records. No exercise counts more than its points."""
    own = {name: recorded[name] for name in lesson.exercises if name in recorded}
    right = [name for name, record in own.items() if record.right]
    return Standing(
        lesson,
        len(right),
        len(own),
        sum(min(record.points, lesson.exercises[name]) for name, record in own.items()),
        next((name for name in lesson.exercises if name not in right), ""),
    )


class Course:
    """A student's progress in the course. It displays itself: a table in a notebook, else text.

    Links are relative to ``here``, the folder of the notebook that shows the table.
    """

    def __init__(
        self, standings: Sequence[Standing], damaged: Sequence[str] = (), here: Path | None = None
    ) -> None:
        self.standings = standings
        self.damaged = damaged
        self.here = here or Path.cwd()

    @property
    def headline(self) -> str:
        right, count = self._sum("right"), self._sum("count")
        given, possible = self._sum("points"), points(self._sum("possible"))
        return f"{right} of {count} exercises and quizzes right, {given:g} of {possible} so far"

    @property
    def next(self) -> Standing | None:
        """The lesson to go on with: the first begun but not done, else the first not begun."""
        for state in (BEGUN, NOT_BEGUN):
            for one in self.standings:
                if one.state == state:
                    return one
        return None

    def __repr__(self) -> str:
        full = [COLUMNS, *(_words(one) for one in self.standings), self._total()]
        rows = [(*row[1:], row[0]) for row in full]  # titles last: they may be long
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        remarks = [textwrap.fill(text, 100) for text in (*self._remarks(), WHAT_IT_IS)]
        verb, one = self._go_on()
        go_on = f"{verb} {one.lesson.title}: {one.called}." if one else verb
        return "\n".join([f"{self.headline}.", go_on, "", *lines, "", *remarks])

    def _repr_html_(self) -> str:
        heads = "".join(f'<th scope="col" style="{CELL}">{name}</th>' for name in COLUMNS)
        body = "".join(self._row(one) for one in self.standings)
        first, *rest = (html.escape(word) for word in self._total())
        total = f'<th scope="row" style="{CELL}">{first}</th>'
        total += "".join(f'<td style="{NUMBER}">{word}</td>' for word in rest)
        verb, one = self._go_on()
        go_on = f"{verb} {self._link(one)}: <code>{html.escape(one.called)}</code>" if one else verb
        remarks = "".join(f"<p>{html.escape(text)}</p>" for text in self._remarks())
        return (
            f"<p><strong>{html.escape(self.headline)}.</strong></p><p>{go_on}</p>"
            '<table style="border-collapse:collapse;margin:.6em 0">'
            f'<caption style="text-align:left;color:{MUTED}">The lessons in their order, and how '
            f"far you are</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
            f"<tfoot><tr>{total}</tr></tfoot></table>{remarks}"
            f'<p style="color:{MUTED};max-width:52em">{WHAT_IT_IS}</p>'
        )

    def _row(self, one: Standing) -> str:
        words = (f'<td style="{NUMBER}">{html.escape(word)}</td>' for word in _words(one)[1:])
        head = f'<th scope="row" style="{CELL};font-weight:normal">{self._link(one)}</th>'
        return f"<tr>{head}{''.join(words)}</tr>"

    def _link(self, one: Standing) -> str:
        target = Path(os.path.relpath(one.lesson.path, self.here)).as_posix()
        return f'<a href="{quote(target)}">{html.escape(one.lesson.title)}</a>'

    def _go_on(self) -> tuple[str, Standing | None]:
        one = self.next
        if one is None:
            return "Everything that the checks can judge is done.", None
        return "Go on with" if one.state == BEGUN else "Begin with", one

    def _total(self) -> tuple[str, ...]:
        minutes = sum(one.lesson.minutes for one in self.standings)
        return (
            "All",
            "",
            f"{self._sum('right')} of {self._sum('count')}",
            f"{self._sum('points'):g} of {self._sum('possible'):g}",
            f"{sum(one.lesson.question for one in self.standings):g}",
            f"{minutes} ({round(minutes / 60)} hours)" if minutes >= 90 else f"{minutes or ''}",
        )

    def _remarks(self) -> list[str]:
        remarks = [one.lesson.damaged for one in self.standings if one.lesson.damaged]
        if self.damaged:
            names = ", ".join(self.damaged)
            remarks.append(f"The record of {names} cannot be read: run the check again.")
        return remarks

    def _sum(self, name: str):
        return sum(getattr(one, name) for one in self.standings)


def _words(one: Standing) -> tuple[str, ...]:
    """Return the cells of a lesson's row, in the order of ``COLUMNS``."""
    lesson, state = one.lesson, f"{SIGNS[one.state]} {one.state}"
    if lesson.damaged:
        return (lesson.title, state, "", "", "", "")
    return (
        lesson.title,
        state,
        f"{one.right} of {one.count}",
        f"{one.points:g} of {one.possible:g}",
        f"{lesson.question:g}",
        f"{lesson.minutes}" if lesson.minutes else "",
    )


def course(lab: Path, here: Path) -> Course:
    """Read the records in this lab; links start from a notebook in the folder ``here``."""
    recorded, damaged = records.read(lab)
    return Course([standing(lesson, recorded) for lesson in lessons(lab)], damaged, here)


def progress() -> None:
    """Show every lesson: how far you are in it, its points, its minutes, and where to go on.

    The table holds what each exercise's check last said, in the notebooks of the folder that
    ``python -m grader lab`` made. It decides nothing about marks.
    """
    if not Session.checking:
        return
    here = Path.cwd()
    lab = records.lab_of(here)
    if lab is None:
        print(
            f"There are no records in {here}: progress() works in a notebook of the folder that "
            "`python -m grader lab` makes (usually lab), and in those of its lessons."
        )
        return
    screen.show(course(lab, here))
