"""Build the table exercise × convention: what holds for every call, and how many cases check it.

A course's module ``conventions`` lists the conventions of its contract, how to recognize a case
that checks one, and for which exercises each holds. This module finds the cases, on every path of
an exercise's options, and the gaps.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grader.course.exercises import exercises
from grader.course.layout import LESSONS, SOLUTIONS
from grader.course.quiz import quiz_id
from grader.course.versions import solution
from grader.coursefile import CourseError, current
from grader.protocol.values import Ask, Case, Check

SEED = b"conventions"


@dataclass(frozen=True)
class Call:
    """One case of an exercise, with the arguments of its call by the names of the parameters."""

    check: Check
    case: Case
    given: Mapping[str, Any]

    @property
    def ask(self) -> Ask:
        return self.case.ask


@dataclass(frozen=True)
class Convention:
    """One convention: its name, what it says, and whether a call checks it.

    With ``everywhere`` it has to be checked on every path: with no option given, and with each
    option that the contract names, given alone.
    """

    name: str
    says: str
    checks: Callable[[Call], bool]
    everywhere: bool = False


@dataclass(frozen=True)
class Table:
    """A course's promises: its conventions, and for each exercise those that hold.

    ``options`` names, for an exercise, the optional arguments that open a path of their own; by
    default those of the solution's signature.
    """

    conventions: tuple[Convention, ...]
    holds: Mapping[str, tuple[str, ...]]
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """How often each path of an exercise's options is checked for a convention."""

    exercise: str
    convention: str
    counts: Mapping[str, int]

    @property
    def gaps(self) -> list[str]:
        return [path for path, count in self.counts.items() if not count]


def table_of_course() -> Table:
    """Return the current course's table; CourseError if it has none."""
    if not (SOLUTIONS / "conventions.py").is_file():
        raise CourseError(f"the course has no table of conventions: {SOLUTIONS}/conventions.py")
    module = importlib.import_module(f"{current().solutions}.conventions")
    return module.TABLE


def cells(table: Table) -> Iterator[Cell]:
    """Yield a cell for every exercise × convention that holds for it, in the course's order.

    CourseError if the table leaves an exercise out or names one that is not there.
    """
    known = [
        (lesson, e) for lesson in LESSONS for e in exercises(lesson) if e.id != quiz_id(lesson)
    ]
    names = {exercise.id for _, exercise in known}
    for odd in names ^ set(table.holds):
        where = "is not in the table of conventions" if odd in names else "is not an exercise"
        raise CourseError(f"{odd!r} {where}")
    for lesson, exercise in known:
        signature = signature_of(solution(lesson, exercise.id).target)
        options = table.options.get(exercise.id, _optional(signature))
        calls = [
            Call(check, case, _given(signature, case.ask))
            for check in exercise.suite(SEED).checks
            for case in check.cases
        ]
        for convention in table.conventions:
            if convention.name in table.holds[exercise.id]:
                found = [call for call in calls if convention.checks(call)]
                counts = _counts(convention, options, found)
                yield Cell(exercise.id, convention.name, counts)


def _counts(
    convention: Convention, options: Sequence[str], found: Sequence[Call]
) -> dict[str, int]:
    if not convention.everywhere:
        return {"": len(found)}
    paths = [set(options) & set(call.given) for call in found]
    return {"": paths.count(set())} | {option: paths.count({option}) for option in options}


def signature_of(target: Any) -> inspect.Signature:
    """Return the signature of a function's call, or of a layer's."""
    layer: Any = target
    call = layer.forward if isinstance(target, type) else target
    parameters = list(inspect.signature(call).parameters.values())
    return inspect.Signature(parameters[1:] if isinstance(target, type) else parameters)


def _optional(signature: inspect.Signature) -> tuple[str, ...]:
    return tuple(
        name
        for name, one in signature.parameters.items()
        if one.default is not inspect.Parameter.empty
    )


def _given(signature: inspect.Signature, ask: Ask) -> dict[str, Any]:
    """Return the arguments by name, without default values; {} if they do not fit."""
    try:
        bound = signature.bind(*ask.args, **ask.kwargs).arguments
    except TypeError:
        return {}
    named: dict[str, Any] = {}
    for name, value in bound.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        elif value is not None and not _is_default(value, signature.parameters[name].default):
            named[name] = value
    return named


def _is_default(value: Any, default: Any) -> bool:
    return (
        isinstance(value, (int, float, str)) and type(value) is type(default) and value == default
    )


def page(table: Table, found: Sequence[Cell]) -> str:
    """Format the table as Markdown: how many cases check each convention, on all paths together."""
    gaps = sum(len(cell.gaps) for cell in found)
    names = [convention.name for convention in table.conventions]
    count = {(cell.exercise, cell.convention): cell for cell in found}
    lines = [
        "# Conventions",
        "",
        "What the contract promises of every call, and how many cases of an exercise check it.",
        f"**{gaps} gaps.** A convention in bold is checked on every path: with no option given,",
        "and with each option alone. Where a place is empty, the convention does not hold.",
        "Made by `python -m grader conventions --markdown docs/conventions.md`; a test fails",
        "when it is out of date.",
        "",
        "| convention | what it says |",
        "| --- | --- |",
        *(f"| {_bold(one)} | {one.says} |" for one in table.conventions),
        "",
        f"| exercise | {' | '.join(_bold(one) for one in table.conventions)} |",
        f"| --- |{' --- |' * len(names)}",
    ]
    for exercise in table.holds:
        cells_of = [count.get((exercise, name)) for name in names]
        texts = ("" if cell is None else _text(cell) for cell in cells_of)
        lines.append(f"| `{exercise}` | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def _bold(convention: Convention) -> str:
    return f"**{convention.name}**" if convention.everywhere else convention.name


def _text(cell: Cell) -> str:
    return "**gap**" if cell.gaps else str(sum(cell.counts.values()))
