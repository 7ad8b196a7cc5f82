"""Answers of earlier lessons, as texts: the student's own, and the course's.

A later lesson loads them with ``mine("name")``. In the worker there are no other notebooks, so
the judge supplies the text: in the run that is shown, what the student handed in for that lesson,
if anything; the course's version only in a second run, whose outputs are thrown away.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from grader.course.assignments import Assignment, assignment
from grader.course.exercises import home_of
from grader.course.layout import assignment_id
from grader.judge import intake
from grader.judge.assemble import ANSWER, Part, assemble
from grader.source.cells import carried_names, definitions
from grader.source.slicing import cut_to


def lessons_behind(release: Assignment) -> dict[str, tuple[str, ...]]:
    """Each earlier assignment that this one draws on, directly or not, and the names drawn."""
    found: dict[str, tuple[str, ...]] = {}
    pending = sorted(carried_names(_code(release.parts)))
    while pending:
        name = pending.pop()
        earlier = assignment_id(home_of(name))
        if name not in found.get(earlier, ()):
            if earlier not in found:
                pending += sorted(carried_names(_code(assignment(earlier).parts)))
            found[earlier] = (*found.get(earlier, ()), name)
    return found


def read(submission: Path, release: Assignment) -> tuple[tuple[str, bytes], ...]:
    """The same student's notebooks of those assignments, where there are any."""
    found = []
    for earlier in sorted(lessons_behind(release)):
        with contextlib.suppress(intake.Rejected):
            path = submission.parent.parent / earlier / f"{earlier}.ipynb"
            found.append((earlier, intake.read(path)))
    return tuple(found)


def of_student(release: Assignment, notebooks: Mapping[str, bytes]) -> dict[str, str]:
    """Name → text of what the student wrote for it; names without a notebook are left out."""
    texts = {}
    for earlier, names in lessons_behind(release).items():
        with contextlib.suppress(intake.Rejected, KeyError):
            notebook = intake.parse(notebooks[earlier])
            parts = assemble(list(assignment(earlier).parts), notebook).parts
            texts.update(dict.fromkeys(names, definitions(_code(parts))))
    return texts


def of_course(release: Assignment) -> dict[str, str]:
    """Name → text with the course's solution. For runs that nobody sees."""
    return dict(_of_course(release.id))


@functools.cache
def _of_course(name: str) -> dict[str, str]:
    texts = {}
    for earlier, names in lessons_behind(assignment(name)).items():
        home = assignment(earlier)
        parts = [
            replace(part, source=home.solution(part.exercise)) if part.role == ANSWER else part
            for part in home.parts
        ]
        text = cut_to(names, definitions(_code(parts)))  # each worker has to compile it
        texts.update(dict.fromkeys(names, text))
    return texts


def _code(parts: Iterable[Part]) -> list[str]:
    return [part.source for part in parts if part.kind == "code"]
