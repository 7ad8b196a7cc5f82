"""``finish``: a lesson's last cell, with the checks' results, what comes next, how to hand in."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from grader.coursefile import CourseError, current
from grader.student import lessons, progress, records, screen
from grader.student.check import CheckFailed
from grader.student.markup import coded
from grader.student.packing import where
from grader.student.session import FAILED, PASSED, WAITS, Session

SECTIONS = {FAILED: "Failed", WAITS: "Not attempted", "": "Not run since the kernel started"}


@dataclass(frozen=True)
class LessonEnd:
    """The message of the last cell. It displays itself: with links in a notebook, else as text.

    ``outcomes`` has each exercise with what its check said last, "" if it was not run. ``after`` is
    the title of the next lesson, "" after the last; the files are None where there are none.
    """

    title: str
    outcomes: Mapping[str, str]
    after: str
    after_file: Path | None
    start_file: Path | None
    headline: str
    assignment: str

    @property
    def failed(self) -> list[str]:
        return self._with(FAILED)

    def _with(self, outcome: str) -> list[str]:
        return [name for name, said in self.outcomes.items() if said == outcome]

    def _sentences(self) -> list[tuple[str, str]]:
        """Return a heading and a text for each thing to say."""
        count = f"{len(self._with(PASSED))} of {len(self.outcomes)} passed"
        said = [("Checks", count)]
        for outcome, heading in SECTIONS.items():
            names = self._with(outcome)
            if names:
                said.append((heading, f"{len(names)} ({', '.join(names)})"))
        if self.headline:
            said.append(("The whole course", self.headline))
        return said

    def _hand_in(self) -> str:
        return (
            "save this notebook, then pack it: with the button below, with `pack()` in a cell of "
            f"your own, or in a terminal with `python -m grader pack {self.assignment}`. {where()}"
        )

    def __repr__(self) -> str:
        lines = [f"The end of lesson {self.title}"]
        lines += [f"  {heading}: {text}" for heading, text in self._sentences()]
        lines.append(f"  Next: {self.after or 'this was the last lesson'}")
        lines.append(f"  To hand in: {self._hand_in()}")
        if current().ask:
            lines.append(f"  A question? Ask here: {current().ask}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<li>{html.escape(heading)}: {html.escape(text)}</li>"
            for heading, text in self._sentences()
        )
        after = _link(self.after_file, self.after) if self.after else "this was the last lesson"
        start = f" · {_link(self.start_file, 'all lessons')}" if self.start_file else ""
        address = html.escape(current().ask)
        ask = f'<p>A question? <a href="{address}" target="_blank">Ask here</a></p>'
        return (
            '<div class="lesson-end" role="status" style="max-width:52em">'
            f"<p><strong>The end of lesson {html.escape(self.title)}</strong></p>"
            f"<ul>{rows}</ul><p>Next: {after}{start}</p>"
            f"<p>To hand in: {coded(self._hand_in())}</p>{ask if address else ''}</div>"
        )


def _link(file: Path | None, text: str) -> str:
    if file is None:
        return html.escape(text)
    target = Path(os.path.relpath(file)).as_posix()
    return f'<a href="{quote(target)}">{html.escape(text)}</a>'


def finish(lesson: str) -> None:
    """End a lesson: how many checks failed in this kernel, what comes next, how to hand in.

    Args:
        lesson: the lesson's name.

    Raises:
        CheckFailed: the last verdict of a check was that the answer is not right. Tools that run on
            after a failed check learn of it here.
    """
    if not Session.checking:
        return
    said = lesson_end(lesson, Session.outcomes)
    screen.show(said)
    if screen.is_interactive():
        from grader.student.lesson_end_live import show_button

        show_button()
    if said.failed:
        count = f"{len(said.failed)} of {len(said.outcomes)} checks failed"
        raise CheckFailed(f"{count}: {', '.join(said.failed)}")


def lesson_end(lesson: str, outcomes: Mapping[str, str]) -> LessonEnd:
    """Gather what to say at the end of a lesson, by what the checks said.

    CourseError if the course has no such lesson.
    """
    course = current()
    if lesson not in course.lessons:
        raise CourseError(f"no lesson {lesson!r}; there are {', '.join(course.lessons)}")
    own, *later = lessons.assignments()[course.lessons.index(lesson) :]
    released = lessons.lesson(lessons.released(own))
    # A course may be handed out without some of its lessons.
    following = [name for name in later if lessons.released(name).is_file()]
    after = lessons.lesson(lessons.released(following[0])).title if following else ""
    lab = records.lab_of(Path.cwd())
    return LessonEnd(
        released.title,
        {name: outcomes.get(name, "") for name in released.exercises},
        after,
        _beside(following[0]) if following else None,
        next((one for one in _near(lessons.START) if one.exists()), None),
        progress.course(lab, Path.cwd()).headline if lab is not None else "",
        own,
    )


def _near(name: str) -> tuple[Path, Path]:
    return Path.cwd() / name, Path.cwd().parent / name


def _beside(assignment: str) -> Path | None:
    """Find the student's notebook of another lesson, in a folder beside this one or in this one."""
    here = Path.cwd() / f"{assignment}.ipynb"
    return lessons.file_in(Path.cwd().parent / assignment) or (here if here.exists() else None)
