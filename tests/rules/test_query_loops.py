"""A loop over the queries is found by what Python executes: the table of answers, and its edges."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from grader.course.exercises import find
from grader.course.versions import solution
from grader.judge.known_replies import replies_of
from grader.protocol.calls import answer
from grader.protocol.instructions import InstructionCounter
from grader.protocol.values import Ask, Reply
from grader.rules.evaluate import evaluate
from tests.campaigns.loops import CHECK, EXERCISE, HONEST, LESSON, LOOPING, judged
from tests.conftest import Grade, with_answers

IN_A_SANDBOX = {
    "honest": [
        "names and shapes, printed (from the issue)",
        "a loop over keys and features",
        "eval while debugging (from the issue)",
        "everything is printed",
        "lists are printed",
    ],
    "looping": [
        "for",
        "sorted(key=) (from the issue)",
        "setattr on __main__ (from the issue)",
        "map of keys.dot",
        "the trace function taken away",
    ],
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_answer_earns_everything(name: str) -> None:
    row = judged(HONEST[name])
    assert row.verdict.passed, (row.check.message, row.others)


@pytest.mark.parametrize("name", LOOPING)
def test_a_looping_answer_fails_this_check_alone(name: str) -> None:
    row = judged(LOOPING[name])
    assert not row.check.passed and row.check.tried
    assert not row.others
    assert 0 < row.verdict.score < row.verdict.max_score


def test_the_message_has_both_counts_and_the_line_that_loops() -> None:
    check = judged(LOOPING["a comprehension"]).check
    assert "64 queries take 2," in check.message and "512 queries take 18," in check.message
    assert "`weights = np.array([softmax(keys @ q) for q in queries])`" in check.message


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("for", "loops_over_queries"),
        ("while a list lasts", "loops_over_queries"),
        ("map of a lambda", "maps_over_queries"),
        ("np.vectorize of np.exp", "maps_over_queries"),
        ("map of np.dot", "maps_over_queries"),
    ],
)
def test_the_mistake_is_named(name: str, mistake: str) -> None:
    named = judged(LOOPING[name]).check.misconception
    assert named is not None and named.id == mistake


def test_what_could_not_be_counted_is_called_no_loop() -> None:
    check = judged(LOOPING["the trace function taken away"]).check
    assert "could not be counted" in check.message and check.misconception is None


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in IN_A_SANDBOX for name in IN_A_SANDBOX[kind]]
)
def test_the_judge_says_the_same(grade: Grade, kind: str, name: str) -> None:
    source = (HONEST | LOOPING)[name]
    outcome = grade(LESSON, with_answers(LESSON, {EXERCISE: source}, solve=True))
    verdict = next(one for one in outcome.verdicts if one.exercise == EXERCISE)
    failed = [(check.name, check.message) for check in verdict.checks if not check.passed]
    assert [check for check, _ in failed] == [CHECK] * (kind == "looping"), failed


def timed(keys: float, queries: float) -> bool:
    """Whether the solution would pass if the judge's clock had shown these seconds."""
    suite = find(EXERCISE).suite(b"time")
    replies = replies_of(solution(LESSON, EXERCISE), suite)
    places = [place for place, case in enumerate(suite.cases) if case.ask.timed]
    for place, cpu in zip(places, (keys, queries), strict=True):
        replies[place] = replace(replies[place], cpu=cpu)
    return evaluate(suite, replies, dict).passed


def test_the_judge_s_clock_speaks_against_a_count_that_cannot_be_true() -> None:
    assert timed(0.02, 0.02) and timed(0.02, 0.7) and timed(0.5, 0.01)
    assert not timed(0.02, 0.9)
    assert timed(0.0001, 0.3)  # no time is taken for less than the kernel's tick


# -- the counter ---------------------------------------------------------------------------------


def counted(function, *args) -> Reply:
    return answer({"f": function}, Ask("f", args, counted="instructions"))


def turns(n: int) -> int:
    total = 0
    for _ in range(n):
        total += 1
    return total


def test_the_count_is_exact_and_grows_with_the_loop() -> None:
    counts = [counted(turns, n).work or 0 for n in (0, 1, 2, 10)]
    one = counts[1] - counts[0]
    assert one > 1
    assert [count - counts[0] for count in counts] == [0, one, 2 * one, 10 * one]
    assert counts == [counted(turns, n).work for n in (0, 1, 2, 10)]
    assert sum(back for _, back, _ in counted(turns, 10).lines.values()) == 10


def test_nothing_is_counted_unless_asked_for() -> None:
    reply = answer({"f": turns}, Ask("f", (3,)))
    assert reply.work is None and not reply.lines


def test_what_a_library_does_inside_is_not_counted() -> None:
    few, many = (counted(lambda n: str(np.zeros(n)), n).work for n in (10, 500))
    assert few == many


def test_a_debugger_gets_its_trace_function_back() -> None:
    def debugger(frame, event, arg):
        return None

    before = sys.gettrace(), threading.gettrace()
    sys.settrace(debugger)
    threading.settrace(debugger)
    try:
        reply = counted(turns, 3)
        error = counted(lambda: 1 / 0)
        after = sys.gettrace(), threading.gettrace()
    finally:
        sys.settrace(before[0])
        threading.settrace(before[1])  # type: ignore[arg-type]
    assert after == (debugger, debugger)
    assert reply.work == counted(turns, 3).work
    assert error.failure is not None and error.failure.type == "ZeroDivisionError"


def test_the_library_s_settrace_cannot_be_replaced_from_a_cell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = counted(turns, 5).work
    monkeypatch.setattr(sys, "settrace", lambda function: None)
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    assert counted(turns, 5).work == expected


def test_threads_count() -> None:
    def beside(n: int) -> None:
        thread = threading.Thread(target=turns, args=(n,))
        thread.start()
        thread.join()

    few, many = (counted(beside, n).work or 0 for n in (1, 101))
    assert many - few > 100


def test_nothing_is_traced_afterwards() -> None:
    with InstructionCounter() as counter:
        turns(2)
    work = counter.work
    turns(2)
    assert counter.work == work and InstructionCounter.current is None
