"""The second runs: which exercises deserve one, and what the course supplies in each.

An exercise that failed and builds on another one that failed is tried again with the course's
version of that. Nothing runs here; who runs it throws away what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grader.course.assignments import Assignment
from grader.judge.assemble import ANSWER, CHECK, GIVEN, OWN, Assembly, Part
from grader.protocol.values import CheckSuite
from grader.source.cells import carried_names
from grader.source.slicing import bound_names, read_names, statements


@dataclass(frozen=True)
class Run:
    """What is judged in a run, and the notebook for it."""

    judged: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass
class _Group:
    """Exercises that share a run, and what is supplied to them."""

    judged: list[str]
    supplied: set[str]


class SecondRuns:
    """The second runs of one submission, of which these exercises have ``failed``."""

    def __init__(self, release: Assignment, assembly: Assembly, failed: set[str]) -> None:
        self.release = release
        self.assembly = assembly
        self.failed = failed
        self.exercises = {exercise.id: exercise for exercise in release.exercises}
        code = [part for part in assembly.parts if part.kind == "code"]
        self.own = [part for part in code if part.role == OWN]
        self.helpers = {part.source for part in self.own}
        self.helpers.update(*(statements(part.source) for part in code if part.role == GIVEN))
        # What an answer's cell defines beside the answer may be called in another's.
        answers = (part.source for part in code if part.role == ANSWER)
        self.beside = {one for source in answers for one in statements(source)}
        # Where each answer stands, and where each exercise is judged.
        self.answered, self.judged = (
            {part.exercise: place for place, part in enumerate(code) if part.role == role}
            for role in (ANSWER, CHECK)
        )
        released = (part.source for part in release.parts if part.kind == "code")
        self.behind = carried_names(released)  # answers of earlier lessons

    def runs(self, suites: Mapping[str, CheckSuite]) -> list[Run]:
        """The runs for the exercises with these suites, in the notebook's order.

        Two exercises share one if neither is judged with anything there that may not be supplied to
        it, and if for neither a cell of the student's would be left out that was not before: a run
        costs a worker.
        """
        groups: list[_Group] = []
        for name in [name for name in self.exercises if name in suites]:
            mentioned = self._leans_on(name, suites[name])
            supplied = mentioned & self.failed & self._foundations(name)
            if not supplied and not mentioned & self.behind:
                continue
            for group in groups:
                more, both = group.supplied ^ supplied, group.supplied | supplied
                fair = all(self._may_have(other, both) for other in (*group.judged, name))
                if fair and not any(_binds(part, more) for part in self.own):
                    group.judged.append(name)
                    group.supplied = both
                    break
            else:
                groups.append(_Group([name], supplied))
        return [Run(tuple(group.judged), tuple(self._parts(group.supplied))) for group in groups]

    def _parts(self, supplied: set[str]) -> Sequence[Part]:
        """The notebook with the course's versions of these, and without what would undo them."""
        return [
            replace(part, source=self.release.solution(part.exercise))
            if part.role == ANSWER and part.exercise in supplied
            else part
            for part in self.assembly.parts
            if not (part.role == OWN and _binds(part, supplied | self.behind))
        ]

    def _may_have(self, name: str, supplied: set[str]) -> bool:
        """Whether all that is there when this exercise is judged may be supplied to it."""
        there = {other for other in supplied if self.answered[other] < self.judged[name]}
        return there <= self._foundations(name)

    def _foundations(self, name: str) -> set[str]:
        """The exercises that this one is meant to build on, as it declares.

        No others are ever supplied. Where one exercise is to repair a broken version of another,
        having the course's own at hand would earn what the student did not write.
        """
        found: set[str] = set()
        pending = list(self.exercises[name].uses)
        while pending:
            other = pending.pop()
            if other in self.exercises and other not in found:
                found.add(other)
                pending += self.exercises[other].uses
        return found - {name}

    def _leans_on(self, name: str, suite: CheckSuite) -> set[str]:
        """Other exercises, of this lesson or before, that its check or its cell draws on.

        Its cell and what that calls may mention them, given cells included; so may the course's
        version of one that failed, which is what would be supplied. Where a text does not tell
        what it reads, it may read all that the exercise builds on.
        """
        anything = frozenset((*self.exercises[name].uses, *self._foundations(name)))
        helpers, beside = set(self.helpers), set(self.beside)
        seen: set[str] = set()
        pending = [self.assembly.answer(name).source, "\n".join({name, *_called(suite)})]
        while pending:
            text = pending.pop()
            names = read_names(text)
            names = (anything if names is None else names) | carried_names([text])
            seen |= names & self.behind
            for other in (names & self.exercises.keys()) - seen - {name}:
                seen.add(other)
                again = other in self.failed
                pending.append(
                    self.release.solution(other) if again else self.assembly.answer(other).source
                )
            for source in [s for s in helpers if bound_names(s) & names]:
                helpers.remove(source)
                pending.append(source)
            for source in [s for s in beside if bound_names(s) & (names - self.exercises.keys())]:
                beside.remove(source)
                pending.append(source)
        return seen


def _called(suite: CheckSuite) -> set[str]:
    """The names that an exercise's questions call."""
    asks = [case.ask for case in suite.cases]
    steps = [step for ask in asks for step in (*ask.steps, *ask.after)]
    return {call.target for call in (*asks, *steps) if call.target.isidentifier()}


def _binds(part: Part, names: set[str]) -> bool:
    return part.kind == "code" and bool(bound_names(part.source) & names)
