"""The long campaigns' short forms; `python -m tests.campaigns.fuzz` and `.kills` run them whole."""

from __future__ import annotations

from pathlib import Path

from grader.judge.course import assignment
from grader.judge.grading import Judge
from grader.specs import assignment_id
from tests.campaigns import fuzz, kills


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
