"""Answers of earlier lessons, as source texts: the student's own, and the course's.

A later lesson loads them with ``mine("name")``. A worker sees no other notebook, so the judge
supplies the text. The first run, whose outputs are shown, gets what the student handed in for the
earlier lesson, if anything. Only a second run gets the course's version, because student code could
print it: a second run's outputs are thrown away.
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
from grader.source.assembly import ANSWER, Part, assemble
from grader.source.cells import carried_names, definitions
from grader.source.slicing import cut_to


def names_used(release: Assignment) -> dict[str, tuple[str, ...]]:
    """Return the names used from each earlier assignment, directly or through another one."""
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
    """Read the student's notebooks of the earlier assignments that this one uses, where present."""
    found = []
    for earlier, path in paths(submission, release).items():
        with contextlib.suppress(intake.Rejected):
            found.append((earlier, intake.read(path)))
    return tuple(found)


def paths(submission: Path, release: Assignment) -> dict[str, Path]:
    """Return where the student's notebooks of the earlier assignments are, if handed in at all."""
    person = submission.parent.parent
    return {name: person / name / f"{name}.ipynb" for name in sorted(names_used(release))}


def of_student(release: Assignment, notebooks: Mapping[str, bytes]) -> dict[str, str]:
    """Return name → the student's text that defines it; leave out names without a notebook."""
    texts = {}
    for earlier, names in names_used(release).items():
        with contextlib.suppress(intake.Rejected, KeyError):
            notebook = intake.parse(notebooks[earlier])
            parts = assemble(assignment(earlier).parts, notebook).parts
            texts.update(dict.fromkeys(names, definitions(_code(parts))))
    return texts


def of_course(release: Assignment) -> dict[str, str]:
    """Return name → text with the course's solution, only for runs whose outputs are dropped."""
    return dict(_of_course(release.id))


@functools.cache
def _of_course(name: str) -> dict[str, str]:
    texts = {}
    for earlier, names in names_used(assignment(name)).items():
        home = assignment(earlier)
        parts = [
            replace(part, source=home.solution(part.exercise)) if part.role == ANSWER else part
            for part in home.parts
        ]
        text = cut_to(names, definitions(_code(parts)))  # shorter: each worker compiles it
        texts.update(dict.fromkeys(names, text))
    return texts


def _code(parts: Iterable[Part]) -> list[str]:
    return [part.source for part in parts if part.kind == "code"]
