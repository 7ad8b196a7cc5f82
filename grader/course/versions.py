"""Register and find misconceptions (named wrong answers) and alternatives (other right ones)."""

from __future__ import annotations

import functools
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from grader.course import quiz
from grader.course.layout import SOLUTIONS, module_of
from grader.coursefile import CourseError
from grader.protocol.values import Misconception


@dataclass(frozen=True)
class Version:
    """One implementation of an exercise: wrong if it has a ``misconception``, otherwise right.

    Variants of a misconception have its name. ``text`` is its source if it was generated and is in
    no file.
    """

    exercise: str
    name: str
    target: Any
    module: str
    misconception: Misconception | None = None
    text: str = ""

    @property
    def label(self) -> str:
        """A label that no other version has: the name, with the variant in brackets."""
        if self.misconception is None or not self.misconception.variant:
            return self.name
        return f"{self.name} [{self.misconception.variant}]"

    @property
    def namespace(self) -> dict[str, Any]:
        """The module's names, with this version in place of the answer."""
        return vars(importlib.import_module(self.module)) | {self.exercise: self.target}

    @functools.cached_property
    def source(self) -> str:
        """The source of this version's definition, without its decorators."""
        text = self.text or textwrap.dedent(inspect.getsource(self.target))
        lines = text.splitlines(keepends=True)
        start = next(i for i, line in enumerate(lines) if line.startswith(("def ", "class ")))
        return "".join(lines[start:])


VERSIONS: list[Version] = []


def misconception(
    exercise: str, name: str, title: str, says: str, **parameters: Sequence[Any]
) -> Callable[[Any], Any]:
    """Register a misconception. ``says`` describes what it does and how that shows.

    A mistake is a family. ``parameters`` are keyword arguments that the function takes beyond the
    exercise's own, each with the values that students give it besides the default: the function
    with one of them is a variant. For a variant with code of its own, see :func:`variant`.
    """

    def register(target: Any) -> Any:
        known = Misconception(name, title, says)
        VERSIONS.append(Version(exercise, name, target, target.__module__, known))
        for parameter, values in parameters.items():
            for value in values:
                changed = functools.partial(target, **{parameter: value})
                own = replace(known, variant=f"{parameter}={value!r}")
                VERSIONS.append(Version(exercise, name, changed, target.__module__, own))
        return target

    return register


def variant(exercise: str, name: str, way: str) -> Callable[[Any], Any]:
    """Register another way to make a mistake that is registered already; ``way`` describes it.

    CourseError if the exercise has no mistake of this name.
    """
    found = [one.misconception for one in VERSIONS if (one.exercise, one.name) == (exercise, name)]
    if not found or found[0] is None:
        raise CourseError(
            f"a variant of {name!r}, but {exercise} has no such misconception yet: define it first"
        )
    known = replace(found[0], variant=way)

    def register(target: Any) -> Any:
        VERSIONS.append(Version(exercise, name, target, target.__module__, known))
        return target

    return register


def alternative(exercise: str, name: str) -> Callable[[Any], Any]:
    """Register another right answer, which the checks must accept."""

    def register(target: Any) -> Any:
        VERSIONS.append(Version(exercise, name, target, target.__module__))
        return target

    return register


def solution_module(lesson: str) -> ModuleType:
    """Import the lesson's reference solutions."""
    return importlib.import_module(module_of(lesson))


def solution(lesson: str, exercise: str) -> Version:
    """Return the reference solution as a version of its own."""
    if exercise == quiz.quiz_id(lesson):
        return _filled_in(exercise, "solution", quiz.solved(lesson))
    module = solution_module(lesson)
    return Version(exercise, "solution", getattr(module, exercise), module.__name__)


def misconceptions(lesson: str, exercise: str) -> list[Version]:
    """Return the named wrong answers to an exercise, one for each name."""
    return [one for one in families(lesson, exercise) if one.label == one.name]


def families(lesson: str, exercise: str) -> list[Version]:
    """Return the named wrong answers to an exercise, and their variants."""
    if exercise == quiz.quiz_id(lesson):
        return [_filled_in(exercise, m.id, text, m) for m, text in quiz.wrong(lesson)]
    _load(lesson, "misconceptions")
    return list(_of(exercise, wrong_ones=True))


def alternatives(lesson: str, exercise: str) -> list[Version]:
    """Return other right answers to an exercise."""
    if exercise == quiz.quiz_id(lesson):
        return [_filled_in(exercise, name, text) for name, text in quiz.alternatives(lesson)]
    _load(lesson, "alternatives")
    return list(_of(exercise, wrong_ones=False))


@functools.cache
def _load(lesson: str, part: str) -> None:
    """Import a lesson's misconceptions or alternatives, whose decorators register them.

    CourseError if one is for an exercise that the lesson does not have.
    """
    path = SOLUTIONS / lesson / f"{part}.py"
    if not path.is_file():
        return
    name = module_of(lesson, part)
    importlib.import_module(name)
    known = vars(solution_module(lesson))
    for version in VERSIONS:
        if version.module == name and version.exercise not in known:
            raise CourseError(
                f"{path}: {version.name!r} is an answer to {version.exercise!r}, and "
                f"{path.with_name('__init__.py')} has no such exercise"
            )


def _filled_in(
    exercise: str, name: str, text: str, misconception: Misconception | None = None
) -> Version:
    """Make a version of a quiz's answer by running its text, which the course's code generated."""
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return Version(exercise, name, namespace[exercise], quiz.__name__, misconception, text)


def _of(exercise: str, *, wrong_ones: bool) -> Iterator[Version]:
    for version in VERSIONS:
        if version.exercise == exercise and (version.misconception is not None) == wrong_ones:
            yield version
