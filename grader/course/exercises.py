"""What each exercise is judged by: one module a lesson, each with its list ``EXERCISES``.

Only the judge and the release command import these modules: they hold the references.
"""

from __future__ import annotations

import functools
import importlib

from grader.course.quiz import questions
from grader.course.quiz_exercise import quiz_exercise
from grader.course.specification import Exercise

LESSONS = (
    "single_query_attention",
    "self_attention",
    "masking",
    "multi_head_attention",
    "positional_encoding",
    "transformer_block",
    "mle_language_modeling",
    "transformer_language_model",
    "sequence_to_sequence",
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
    """The lesson's exercises in the order of the notebook; its quiz, if it has one, is the last."""
    module = importlib.import_module(f"grader.course.exercises.{lesson}")
    quiz = [quiz_exercise(lesson)] if questions(lesson) else []
    return (*module.EXERCISES, *quiz)


def limits(lesson: str) -> dict[str, float]:
    """What a lesson needs beyond the usual limits (``cell_cpu`` and the like), in seconds."""
    return dict(getattr(importlib.import_module(f"grader.course.exercises.{lesson}"), "LIMITS", {}))


def home_of(exercise_id: str) -> str:
    """The lesson that has this exercise; KeyError if none has."""
    for lesson in LESSONS:
        if any(exercise.id == exercise_id for exercise in exercises(lesson)):
            return lesson
    raise KeyError(f"no exercise {exercise_id!r} in the course")


def find(exercise_id: str) -> Exercise:
    """The exercise of this id; KeyError if the course has none."""
    lesson = home_of(exercise_id)
    return next(exercise for exercise in exercises(lesson) if exercise.id == exercise_id)
