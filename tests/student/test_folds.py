"""Hints under a check: folded one in the other, and only where HTML is shown."""

from __future__ import annotations

import re

import pytest

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.course.sources import stub_source
from grader.course.versions import misconceptions, solution
from grader.student import check, frozen, screen
from grader.student.folds import fold
from grader.student.report import Report
from grader.student.summary import summary

HINTS = ("look at <b>", "a & b", "first ← ____\nthen ← ____")


def test_each_hint_lies_inside_the_one_before_and_all_are_closed() -> None:
    html = fold("softmax", HINTS)
    tags = re.findall(r"<(/?details|summary)\b[^>]*>", html)
    assert tags == ["details", "summary"] * 3 + ["/details"] * 3
    assert not re.search(r"<details[^>]*\bopen\b", html)
    labels = re.findall(r"<summary[^>]*>(.*?)</summary>", html)
    assert [label.partition(" for ")[0] for label in labels] == [
        "Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3",
    ]  # fmt: skip
    assert all("softmax" in label for label in labels)  # said apart from the ones elsewhere


def test_hints_are_text() -> None:
    html = fold("softmax", HINTS)
    assert "&lt;b&gt;" in html and "a &amp; b" in html and "<b>" not in html
    assert fold("softmax", ()) == ""


def test_every_hint_of_the_course_has_its_fold() -> None:
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            html = fold(exercise.id, frozen.load(exercise.id).hints)
            assert html.count("<summary") == len(exercise.hints)


def test_a_failed_check_has_them_in_html_alone_and_a_passed_one_has_none() -> None:
    hints = frozen.load("causal_mask").hints
    wrong = misconceptions("masking", "causal_mask")[0]
    verdict = check.verdict_here("causal_mask", wrong.namespace, wrong.source)
    failed = Report(summary(verdict), hints)
    assert failed._repr_html_().count("<summary") == 3 + len(failed.summary.rest)
    assert hints[0] not in repr(failed) and "Hint" not in repr(failed)
    right = solution("masking", "causal_mask")
    verdict = check.verdict_here("causal_mask", right.namespace, right.source)
    passed = Report(summary(verdict), hints)
    assert "Hint" not in passed._repr_html_()


def test_not_attempted_stays_on_stderr_and_offers_them(
    shell, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(screen, "show_html", shown.append)
    shell.run_cell(stub_source("single_query_attention", "softmax"))
    shell.run_cell("from grader import check\ncheck('softmax')")
    said = capsys.readouterr()
    assert "softmax: not attempted yet" in said.err and said.out == ""
    assert shown == [fold("softmax", frozen.load("softmax").hints)]


def test_a_terminal_shows_no_html(shell, capsys: pytest.CaptureFixture) -> None:
    screen.show_html("<details>…</details>")
    assert capsys.readouterr().out == ""
