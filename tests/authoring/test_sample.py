"""A version of ours, typed into a student's cell, stands there on its own."""

from __future__ import annotations

import importlib

import pytest

from grader.authoring.sample import answer_text
from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.course.versions import alternatives, misconceptions


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_version_defines_its_answer_and_needs_only_what_stands_before(lesson: str) -> None:
    names = [exercise.id for exercise in exercises(lesson)]
    whole = vars(importlib.import_module(f"solutions.{lesson}"))
    for place, name in enumerate(names):
        before = {key: value for key, value in whole.items() if key not in names[place:]}
        for version in (*misconceptions(lesson, name), *alternatives(lesson, name)):
            namespace = dict(before)
            exec(compile(answer_text(version), version.name, "exec"), namespace)
            assert name in namespace, version.name
