"""Plan the second runs: which exercises get one, and what the course supplies in each.

A failed exercise that builds on other failed exercises is tried again with the course's versions of
those; if everything that it builds on passed, with the course's versions of all of it. This module
only plans; ``carry_forward`` runs the plans and throws away the outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from grader.course.assignments import Assignment
from grader.protocol.values import CheckSuite
from grader.source.assembly import ANSWER, CHECK, GIVEN, OWN, Assembly, Part
from grader.source.cells import carried_names
from grader.source.slicing import bound_names, read_names, statements


@dataclass(frozen=True)
class Run:
    """One planned run: the exercises that are judged in it, and its notebook."""

    judged: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class EarlierFirst:
    """What the course supplied to an exercise all of whose foundations in its own lesson passed.

    ``prior`` are answers of earlier lessons, ``passed`` are answers of its own lesson.
    """

    prior: tuple[str, ...]
    passed: tuple[str, ...] = ()


@dataclass
class _Group:
    """Exercises that share a run, and the exercises that the course supplies to them."""

    judged: list[str]
    supplied: frozenset[str]


class SecondRuns:
    """Plans the second runs of one submission; ``failed`` names the exercises that did not pass."""

    def __init__(self, release: Assignment, assembly: Assembly, failed: set[str]) -> None:
        self.release = release
        self.assembly = assembly
        self.failed = failed
        self.exercises = {exercise.id: exercise for exercise in release.exercises}
        code = [part for part in assembly.parts if part.kind == "code"]
        self.own = [part for part in code if part.role == OWN]
        helpers = {part.source for part in self.own}
        helpers.update(*(statements(part.source) for part in code if part.role == GIVEN))
        # A helper function beside one answer may be called by another answer.
        answers = (part.source for part in code if part.role == ANSWER)
        answer_helpers = {text for source in answers for text in statements(source)}
        # Texts by the names they bind: searching all texts for each text takes quadratic time.
        self.helpers, self.answer_helpers = _by_name(helpers), _by_name(answer_helpers)
        # The places of each exercise's answer and check among the code cells.
        self.answered, self.judged = (
            {part.exercise: place for place, part in enumerate(code) if part.role == role}
            for role in (ANSWER, CHECK)
        )
        released = (part.source for part in release.parts if part.kind == "code")
        self.prior_names = carried_names(released)  # answers of earlier lessons
        self._used: dict[str, frozenset[str]] = {}

    def runs(self, suites: Mapping[str, CheckSuite]) -> list[Run]:
        """Plan the runs for the exercises with these suites, in the notebook's order.

        Each run costs a worker, so exercises share one where that is fair: no exercise may be
        judged with a supplied answer that it does not build on, and no more of the student's own
        cells may be left out than in a run of its own.

        A student's test gets no second run: it could sort candidates by what it remembers of them
        from the first, or compare them with the course's version of what it builds on.
        """
        groups: list[_Group] = []
        for name, exercise in self.exercises.items():
            if name not in suites or exercise.callbacks is not None:
                continue
            used = self._uses(name, suites[name])
            parts = used & self._foundations(name)
            # Answers that all passed may not fit together: one returns a slice of a longer tensor,
            # and another needs contiguous numbers. Then the course's versions of all decide.
            supplied = parts & self.failed or parts
            if not supplied and not used & self.prior_names:
                continue
            for group in groups:
                added, both = group.supplied ^ supplied, group.supplied | supplied
                fair = all(self._may_have(other, both) for other in (*group.judged, name))
                if fair and not any(_binds(part, added) for part in self.own):
                    group.judged.append(name)
                    group.supplied = both
                    break
            else:
                groups.append(_Group([name], supplied))
        return [Run(tuple(group.judged), tuple(self._parts(group.supplied))) for group in groups]

    def to_fix_first(self, suites: Mapping[str, CheckSuite]) -> dict[str, tuple[str, ...]]:
        """Return, for each exercise, the failed ones it builds on that build on no failed one."""
        below = {
            name: self._uses(name, suite) & self._foundations(name) & self.failed
            for name, suite in suites.items()
        }
        lowest = {
            name: [other for other in self.exercises if other in found and not below.get(other)]
            for name, found in below.items()
        }
        return {name: tuple(found) for name, found in lowest.items() if found}

    def earlier_first(self, suites: Mapping[str, CheckSuite]) -> dict[str, EarlierFirst]:
        """Return, for each exercise, the answers of earlier lessons to look at first.

        Only where everything that it builds on in its own lesson passed: a failure there would come
        first.
        """
        found = {}
        for name, suite in suites.items():
            used = self._uses(name, suite)
            parts, prior = used & self._foundations(name), used & self.prior_names
            if prior and not parts & self.failed:
                found[name] = EarlierFirst(tuple(sorted(prior)), tuple(sorted(parts)))
        return found

    def _parts(self, supplied: frozenset[str]) -> Sequence[Part]:
        """Return the notebook with the course's versions, and no own cell that rebinds one."""
        return [
            replace(part, source=self.release.solution(part.exercise))
            if part.role == ANSWER and part.exercise in supplied
            else part
            for part in self.assembly.parts
            if not (part.role == OWN and _binds(part, supplied | self.prior_names))
        ]

    def _may_have(self, name: str, supplied: frozenset[str]) -> bool:
        """Tell whether this exercise builds on all supplied answers that come before its check."""
        present = {other for other in supplied if self.answered[other] < self.judged[name]}
        return present <= self._foundations(name)

    def _foundations(self, name: str) -> set[str]:
        """Return the exercises that this one declares it builds on, directly or indirectly.

        No others are ever supplied. If one exercise asks to fix a broken version of another, a
        student could call the supplied version and earn points for what the course wrote.
        """
        found: set[str] = set()
        pending = list(self.exercises[name].uses)
        while pending:
            other = pending.pop()
            if other in self.exercises and other not in found:
                found.add(other)
                pending += self.exercises[other].uses
        return found - {name}

    def _uses(self, name: str, suite: CheckSuite) -> frozenset[str]:
        """Return the exercises, of this or earlier lessons, that its check or its cell uses."""
        if name not in self._used:
            self._used[name] = self._found(name, suite)
        return self._used[name]

    def _found(self, name: str, suite: CheckSuite) -> frozenset[str]:
        """Work out what :meth:`_uses` returns.

        Follow the names from the exercise's cell and its questions through helper functions and
        other answers. For an exercise that failed, follow the course's version, which would be
        supplied. If a text's names cannot be determined, assume that it uses everything that the
        exercise builds on.
        """
        anything = frozenset((*self.exercises[name].uses, *self._foundations(name)))
        seen: set[str] = set()
        read: set[str] = set()  # helpers
        asked = filter(str.isidentifier, {name, *suite.targets})  # not the course's "@…"
        pending = [self.assembly.answer(name).source, "\n".join(asked)]
        while pending:
            text = pending.pop()
            names = read_names(text)
            names = (anything if names is None else names) | carried_names([text])
            seen |= names & self.prior_names
            for other in (names & self.exercises.keys()) - seen - {name}:
                seen.add(other)
                if other in self.failed:
                    pending.append(self.release.solution(other))
                else:
                    pending.append(self.assembly.answer(other).source)
            called = names - self.exercises.keys()
            for texts, wanted in ((self.helpers, names), (self.answer_helpers, called)):
                found = set().union(*(texts.get(one, ()) for one in wanted)) - read
                read |= found
                pending += found
        return frozenset(seen)


def _by_name(sources: Iterable[str]) -> dict[str, set[str]]:
    """Return name → the texts that bind it."""
    found: dict[str, set[str]] = {}
    for source in sources:
        for name in bound_names(source):
            found.setdefault(name, set()).add(source)
    return found


def _binds(part: Part, names: frozenset[str]) -> bool:
    """Tell whether running this cell defines or changes one of these names."""
    return part.kind == "code" and bool(bound_names(part.source) & names)
