"""The long campaigns' short forms; `python -m tests.campaigns.fuzz` (or another) is a whole one."""

from __future__ import annotations

import random
from pathlib import Path

import nbformat
import pytest

from grader.course.assignments import assignment
from grader.course.layout import assignment_id
from grader.judge.run import Judge
from tests.campaigns import fairness, faults, fuzz, kills, runs, ugly


def test_a_damaged_notebook_is_read_or_rejected_with_a_reason() -> None:
    release = assignment(assignment_id(fuzz.LESSON))
    tally = fuzz.read_all(fuzz.damaged(7, 1500), release)
    assert tally.faults == []
    assert min(tally.outcomes["read"], tally.outcomes["rejected"]) > 300


def test_a_damaged_notebook_has_one_outcome_and_its_pages(judge: Judge) -> None:
    release = assignment(assignment_id(fuzz.LESSON))
    tally = fuzz.grade_all(fuzz.damaged(8, 25), release, judge)
    assert tally.faults == []
    assert sum(tally.outcomes.values()) == 25


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    tally = kills.campaign(3, 5, tmp_path)
    assert (tally.kills, tally.rounds, tally.faults) == (3, 1, [])


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A cohort, and the marks of an undisturbed run."""
    folder = tmp_path_factory.mktemp("faults")
    runs.make_cohort(folder / "submitted")
    (folder / "calm").mkdir()
    return folder / "submitted", runs.grade(folder / "submitted", folder / "calm" / "course")


@pytest.mark.parametrize("name", ["warm_process_dies", "workers_die"])
def test_a_run_that_loses_processes_ends_with_the_same_marks(
    name: str, calm: tuple[Path, dict], tmp_path: Path
) -> None:
    submitted, expected = calm
    assert list(faults.disturbed(name, submitted, tmp_path, expected, random.Random(3))) == []


def test_a_disk_that_fills_is_said_and_nothing_is_lost(
    calm: tuple[Path, dict], tmp_path: Path
) -> None:
    submitted, expected = calm
    found = list(faults.on_a_small_disk(0.4, 0, submitted, tmp_path / "small", expected))
    if found and found[0].startswith(faults.NO_DISK):
        pytest.skip(found[0])
    assert found == []


def test_ugly_submissions_get_what_their_answers_earn(judge: Judge) -> None:
    tally, _ = fairness.campaign(judge, fairness.plans(10, 7, fairness.LIGHT[:5]))
    assert tally.faults == []
    assert tally.count == 10 and len(tally.used) > 15


@pytest.mark.parametrize("lesson", ["masking", "self_attention"])
def test_tools_between_the_course_and_the_hand_in_cost_nothing(judge: Judge, lesson: str) -> None:
    assert fairness.front_ends(judge, [lesson]) == []


@pytest.mark.parametrize("name", ugly.UGLINESSES)
def test_every_ugliness_changes_the_file_and_leaves_a_notebook(name: str) -> None:
    lesson = "masking"
    texts = {version.exercise: fairness.text_of(lesson, version) for version in answers(lesson)}
    clean = ugly.Draft.of(lesson, texts).as_bytes()
    files = set()
    for number in range(6):
        draft = ugly.Draft.of(lesson, texts)
        ugly.UGLINESSES[name](random.Random(number), draft)
        files.add(draft.as_bytes())
        assert nbformat.reads(draft.as_bytes().decode("utf-8-sig"), as_version=4).cells
    assert files != {clean}


def answers(lesson: str) -> list[fairness.Version]:
    """Other right answers, with helpers beside them; one exercise is left as it was given out."""
    names = [exercise.id for exercise in fairness.exercises(lesson)][:-1]
    return [fairness.alternatives(lesson, name)[0] for name in names]
