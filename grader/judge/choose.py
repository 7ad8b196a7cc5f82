"""Choose the notebook to grade when the work may be in a file with another name (T13)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from grader.course.assignments import Assignment
from grader.judge import intake
from grader.judge.recognize import not_this_lesson
from grader.source.assembly import assemble

MOST_NAMED = 8


@dataclass(frozen=True)
class Choice:
    """The bytes to grade and a remark naming their file, or the reason for refusing to choose."""

    content: bytes = b""
    remark: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Candidate:
    """A file of a submission; ``problem`` says why it cannot be this lesson's notebook."""

    name: str
    content: bytes
    problem: str = ""
    as_given: bool = False

    @property
    def has_answers(self) -> bool:
        return not self.problem and not self.as_given


def candidate(name: str, content: bytes | None, release: Assignment) -> Candidate:
    """Read a file as the release's notebook; ``content`` is None if it must not be read."""
    if content is None:
        return Candidate(name, b"", "the file is not a notebook")
    try:
        notebook = intake.parse(content)
    except intake.Rejected as error:
        return Candidate(name, content, str(error))
    assembly = assemble(release.parts, notebook)
    problem = not_this_lesson(notebook, release, assembly)
    return Candidate(name, content, problem, assembly.as_given)


def choose(first: Candidate, others: Sequence[Candidate]) -> Choice:
    """Choose the notebook with the right name if it holds answers, else the only other that does.

    If several others hold answers, a person has to choose. A notebook counts as not attempted only
    if no file beside it could be the work.
    """
    if first.has_answers:
        notebooks = [one for one in others if not one.problem]
        remark = f"these notebooks beside it do not count: {_named(notebooks)}" if notebooks else ""
        return Choice(first.content, remark)
    state = f"{first.name} is as it was given out" if not first.problem else first.problem
    good = {hashlib.sha256(one.content).digest(): one for one in others if one.has_answers}
    if len(good) == 1:
        (one,) = good.values()
        return Choice(one.content, f"{one.name} was graded: {state}")
    if good:
        return Choice(refused=f"{state}, and other files hold answers: {_named(good.values())}")
    unknown = [one for one in others if one.problem]
    if unknown:
        return Choice(refused=f"{state}, and files beside it may be the work: {_named(unknown)}")
    if first.problem and others:
        return Choice(others[0].content, f"{others[0].name} was graded: {state}")
    return Choice(first.content)


def _named(files: Iterable[Candidate]) -> str:
    names = [intake.shown(one.name) for one in files]
    return ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")
