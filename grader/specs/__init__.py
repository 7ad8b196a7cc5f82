"""What each exercise is judged by: one module a lesson, each with its list ``EXERCISES``.

Only the judge and the release command import these modules: they hold the references.
"""

from __future__ import annotations

import functools
import importlib

from grader.specs.building import Exercise

LESSONS = (
    "single_query_attention",
    "self_attention",
    "masking",
    "multi_head_attention",
    "positional_encoding",
)


def assignment_id(lesson: str) -> str:
    """``masking`` → ``03_masking``: the lesson's folder, notebook and nbgrader assignment."""
    return f"{LESSONS.index(lesson) + 1:02d}_{lesson}"


def lesson_of(assignment: str) -> str:
    """``03_masking`` → ``masking``; KeyError names the ones that exist."""
    for lesson in LESSONS:
        if assignment == assignment_id(lesson):
            return lesson
    known = ", ".join(assignment_id(lesson) for lesson in LESSONS)
    raise KeyError(f"no assignment {assignment!r}; the course has {known}")


@functools.cache
def exercises(lesson: str) -> tuple[Exercise, ...]:
    """The lesson's exercises in the order of the notebook."""
    module = importlib.import_module(f"grader.specs.{lesson}")
    return tuple(module.EXERCISES)


def find(exercise_id: str) -> Exercise:
    """The exercise of this id; KeyError if the course has none."""
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            if exercise.id == exercise_id:
                return exercise
    raise KeyError(f"no exercise {exercise_id!r} in the course")
