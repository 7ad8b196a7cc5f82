"""Load the exercises and their checks from each lesson's module ``checks``, list ``EXERCISES``.

Only the judge and the authors' tools import these modules: they hold the references.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from grader.course.layout import LESSONS, SOLUTIONS, module_of
from grader.course.quiz import questions
from grader.course.quiz_exercise import quiz_exercise
from grader.course.specification import Exercise
from grader.coursefile import CourseError


@functools.cache
def exercises(lesson: str) -> tuple[Exercise, ...]:
    """Load the lesson's exercises in the notebook's order; a quiz comes last."""
    quiz = [quiz_exercise(lesson)] if questions(lesson) else []
    own = _checks(lesson).EXERCISES
    found = (*(replace(one, takes=parameter_names(lesson, one.id)) for one in own), *quiz)
    names = [exercise.id for exercise in found]
    for name in names:
        if names.count(name) > 1:
            raise CourseError(f"{checks_file(lesson)}: two exercises are called {name!r}")
    return found


def parameter_names(lesson: str, exercise_id: str) -> tuple[str, ...]:
    """Return the names of the arguments of an exercise's function, or of its class's forward."""
    target = getattr(importlib.import_module(module_of(lesson)), exercise_id, None)
    if target is None:
        return ()
    function = getattr(target, "forward", target)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [
        one.name for one in inspect.signature(function).parameters.values() if one.kind in kinds
    ]
    return tuple(names[1:] if inspect.isclass(target) else names)


@functools.cache
def _checks(lesson: str) -> ModuleType:
    path = checks_file(lesson)
    if not path.is_file():
        raise CourseError(f"the lesson {lesson!r} has no checks: {path} is missing")
    module = importlib.import_module(module_of(lesson, "checks"))
    if not getattr(module, "EXERCISES", None):
        raise CourseError(f"the lesson {lesson!r} has no checks: {path} needs a list EXERCISES")
    return module


def checks_file(lesson: str) -> Path:
    """Return the file that holds a lesson's exercises and their checks."""
    return SOLUTIONS / lesson / "checks.py"


def limits(lesson: str) -> dict[str, float]:
    """Return the limits (``cell_cpu`` and the like, in seconds) that a lesson raises."""
    return dict(getattr(_checks(lesson), "LIMITS", {}))


def home_of(exercise_id: str) -> str:
    """Return the lesson that has this exercise; KeyError if none has."""
    home = _homes().get(exercise_id)
    if home is None:
        raise KeyError(f"no exercise {exercise_id!r} in the course")
    return home


@functools.cache
def _homes() -> dict[str, str]:
    """Return each exercise's lesson; CourseError if two lessons have exercises with the same id."""
    found: dict[str, str] = {}
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            other = found.setdefault(exercise.id, lesson)
            if other != lesson:
                raise CourseError(
                    f"{checks_file(lesson)}: an exercise is called {exercise.id!r}, as one of the "
                    f"lesson {other!r} is; ids are unique in the whole course"
                )
    return found


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id; KeyError if the course has none."""
    lesson = home_of(exercise_id)
    return next(exercise for exercise in exercises(lesson) if exercise.id == exercise_id)
