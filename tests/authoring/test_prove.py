"""The kill matrix: nothing survives, nothing right is refused, and the page tells it as it is."""

from __future__ import annotations

import pytest

from grader.authoring.prove import Trial, caught_by, kill_matrix, prove, prove_exercise
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT
from grader.course.versions import caught_file


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return list(prove())


def test_every_misconception_is_caught_and_named_and_nothing_right_is_refused(trials) -> None:
    assert [t for t in trials if not t.ok] == []


def test_the_published_page_is_current(trials) -> None:
    page = (ROOT / "docs" / "kill_matrix.md").read_text(encoding="utf-8")
    assert page == kill_matrix(trials), "run python -m grader prove --markdown docs/kill_matrix.md"


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_the_judge_tries_first_is_current(lesson: str, trials) -> None:
    found = caught_file(lesson).read_text(encoding="utf-8")
    mend = "run python -m grader prove --markdown docs/kill_matrix.md"
    assert found == caught_by(trials, lesson), mend


def test_a_weakened_check_is_noticed() -> None:
    """The proof can fail: with half of its checks an exercise lets something through."""
    import dataclasses

    exercise = next(e for e in exercises("masking") if e.id == "masked_attention")
    weak = dataclasses.replace(exercise, checks=lambda draw: exercise.checks(draw)[:1])
    found = list(prove_exercise("masking", weak, {"one": b"one"}))
    assert [t for t in found if t.kind == "misconception" and not t.ok]
    assert not [t for t in found if t.kind != "misconception" and not t.ok]
