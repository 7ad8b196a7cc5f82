"""Each convention of the contract is checked in every exercise that it holds for, on every path."""

from __future__ import annotations

import inspect

import pytest

from grader.course.conventions import Table, cells, page, table_of_course
from grader.course.exercises import exercises, find
from grader.course.layout import LESSONS
from grader.course.quiz import quiz_id
from grader.course.specification import Draw
from grader.course.versions import solution
from grader.course.wild import VIEWS, watch_every_call, with_views
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Check
from grader.rules.evaluate import evaluate


@pytest.fixture(scope="module")
def table() -> Table:
    return table_of_course()


def test_every_convention_is_checked_wherever_it_holds(table: Table) -> None:
    found = list(cells(table))
    assert {(cell.exercise, cell.convention): cell.gaps for cell in found if cell.gaps} == {}
    assert "\n**0 gaps.**" in page(table, found)


def test_a_convention_holds_wherever_the_signature_calls_for_it(table: Table) -> None:
    """Those with a parameter for a mask are those in which biases and empty rows are checked.

    And no exercise is missing from the table.
    """
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            if exercise.id == quiz_id(lesson):
                continue
            target = solution(lesson, exercise.id).target
            call = target.forward if inspect.isclass(target) else target
            due = {"mask", "memory_mask"} & set(inspect.signature(call).parameters)
            held = set(table.holds[exercise.id])
            assert not due or {"biases", "empty rows"} <= held, exercise.id
            masked = {"biases", "empty rows"} & held
            assert not masked or due, exercise.id


def test_a_check_that_is_taken_away_leaves_a_gap(table: Table, monkeypatch) -> None:
    exercise = find("masked_attention")
    fewer = [check for check in exercise.checks(Draw(b"x")) if check.name != "float64"]
    monkeypatch.setitem(vars(exercise), "checks", lambda draw: fewer)
    gaps = {cell.convention: cell.gaps for cell in cells(table) if cell.gaps}
    assert gaps == {"float64": ["", "mask"]}


def test_an_option_that_is_never_given_alone_leaves_a_gap(table: Table, monkeypatch) -> None:
    exercise = find("MultiHeadAttention")

    def without(draw: Draw) -> list[Check]:
        return [
            Check(c.name, c.look, c.cases[:1], c.rule, c.options) for c in original(draw)
        ]  # fmt: skip

    original = exercise.checks
    monkeypatch.setitem(vars(exercise), "checks", without)
    gaps = {cell.convention: cell.gaps for cell in cells(table) if cell.gaps}
    assert gaps["gradients"] == ["context", "mask"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_call_that_is_watched_is_made_once(lesson: str) -> None:
    for exercise in exercises(lesson):
        plain = [c for c in exercise.checks(Draw(b"x")) if c.where != "notebook"]
        asks = {id(case.ask) for check in plain for case in check.cases}
        watched = watch_every_call(plain)
        assert len({id(case.ask) for check in watched for case in check.cases}) == len(asks)


def test_an_answer_that_changes_its_input_on_one_path_alone_fails_one_check_alone() -> None:
    """The check about inputs has no case of its own with logits of float64."""
    from solutions.transformer_language_model import sample_next

    def answer(logits, *args, **kwargs):
        drawn = sample_next(logits, *args, **kwargs)
        if str(logits.dtype) == "torch.float64":
            logits.zero_()
        return drawn

    suite = find("sample_next").suite(b"x")
    verdict = evaluate(suite, DirectCalls({"sample_next": answer}).ask(
        case.ask for case in suite.cases), dict)  # fmt: skip
    assert [c.name for c in verdict.checks if not c.passed] == ["the logits are left alone"]


def test_views_need_checks_of_one_rule_that_are_there() -> None:
    checks = find("train_step").checks(Draw(b"x"))
    assert with_views(checks, ("float64",))[-1].name == VIEWS
    for names in (("no such check",), ("float64", "the batch is left alone")):
        with pytest.raises(ValueError, match="checks by one rule were expected"):
            with_views(checks, names)
