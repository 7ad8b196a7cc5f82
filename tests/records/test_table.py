"""What a run says at its end: every submission, or, of many, what needs a look."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.records.table import MOST_LINES, Row, show


def row(number: int, outcome: str = "graded", assignment: str = "a", reason: str = "") -> Row:
    return Row(f"student-{number}", assignment, outcome, reason, number % 3, 4.0, 0.25)


def shown(rows: list[Row], capsys: pytest.CaptureFixture) -> str:
    show(rows, "namespaces", Path("here"))
    return capsys.readouterr().out


def test_a_short_run_names_every_submission(capsys: pytest.CaptureFixture) -> None:
    said = shown([row(number) for number in range(MOST_LINES)], capsys)
    assert all(f"student-{number} " in said for number in range(MOST_LINES))


def test_a_long_run_counts_by_assignment_and_names_what_ended_otherwise(
    capsys: pytest.CaptureFixture,
) -> None:
    rows = [row(number) for number in range(60)]
    rows += [row(number, "not attempted", "b") for number in range(60, 70)]
    rows += [row(70, "crashed", "b", "it ended itself"), row(71, "rejected", "", "[no] name")]
    said = shown(rows, capsys)
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines()]
    assert ["a", "60", "60", "0", "0", "1.00", "4", "0.25"] in cells
    assert ["b", "11", "0", "10", "1", "0.91", "4", "0.25"] in cells
    assert "2 to look at" in said and "first" not in said
    assert "crashed: it ended itself" in said and "rejected: [no] name" in said
    assert "student-5 " not in said


def test_of_very_many_that_ended_otherwise_the_first_are_named(
    capsys: pytest.CaptureFixture,
) -> None:
    said = shown([row(number, "crashed") for number in range(2 * MOST_LINES)], capsys)
    assert f"{2 * MOST_LINES} to look at, the first {MOST_LINES}" in said
    assert f"student-{MOST_LINES - 1} " in said and f"student-{MOST_LINES} " not in said
