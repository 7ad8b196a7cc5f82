"""Tests that students write: what looks at nothing earns nothing, and what looks earns its part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import nbformat
import numpy as np
import pytest

from grader.authoring.sample import replace_answers
from grader.authoring.solve import solved
from grader.course.exercises import exercises, find
from grader.course.layout import LESSONS
from grader.course.sources import answer_source
from grader.protocol.values import CheckSuite, Failure, Reply
from grader.rules.evaluate import evaluate
from tests.conftest import Grade, with_answers

EXAMINING = [
    exercise
    for lesson in LESSONS
    for exercise in exercises(lesson)
    if exercise.callbacks is not None
]
SALTS = [f"salt {number}".encode() for number in range(300)]
REFUSES = Reply(failure=Failure("exception", "AssertionError"))
ACCEPTS = Reply()


def names_of(suite: CheckSuite) -> list[str]:
    """The candidates' names in the order in which they are put."""
    (*_, last) = suite.checks
    return [last.options["candidates"][case.ask.args[0].key] for case in last.cases]


def right_of(suite: CheckSuite) -> set[str]:
    (first,) = (check for check in suite.checks if check.core)
    return {names_of(suite)[place] for place in first.options["of"]}


def score(suite: CheckSuite, refuses: Callable[[str], bool]) -> float:
    """The points of a test that refuses those candidates."""
    own = [REFUSES if refuses(name) else ACCEPTS for name in names_of(suite)]
    return evaluate(suite, own * len(suite.checks), dict).score


@pytest.fixture(params=EXAMINING, ids=lambda exercise: exercise.id)
def suites(request: pytest.FixtureRequest) -> list[CheckSuite]:
    return [request.param.suite(salt) for salt in SALTS]


@pytest.mark.parametrize("chance", [0.05, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_a_coin_earns_nothing_on_average(suites: list[CheckSuite], chance: float) -> None:
    """A candidate comes to a test that has seen no other, so each refusal is a coin of its own."""
    rng = np.random.default_rng(3)
    earned = [score(suite, lambda _: rng.random() < chance) for suite in suites]
    assert np.mean(earned) < 0.01 * suites[0].points


def test_a_coin_can_earn_less_than_a_hundredth_whatever_its_chance(
    suites: list[CheckSuite],
) -> None:
    """Worked out, not tried: all right ones accepted, and a wrong one refused each time."""
    for suite in suites:
        times = Counter(names_of(suite))
        right = sum(times[name] for name in right_of(suite))
        wrong = [times[name] for name in times.keys() - right_of(suite)]
        for percent in range(1, 100):
            chance = Fraction(percent, 100)
            caught = sum(chance**count for count in wrong) / len(wrong)
            assert (1 - chance) ** right * caught < Fraction(1, 100)


def test_how_many_are_right_and_where_they_stand_is_secret(suites: list[CheckSuite]) -> None:
    right = [[name in right_of(suite) for name in names_of(suite)] for suite in suites]
    assert len({sum(places) for places in right}) >= 3
    assert len({len(places) - sum(places) for places in right}) >= 3
    first, last = (np.mean([places[end] for places in right]) for end in (0, -1))
    share = np.mean([np.mean(places) for places in right])
    sigma = np.sqrt(share * (1 - share) / len(right))
    assert abs(first - share) < 4 * sigma and abs(last - share) < 4 * sigma


def test_points_are_in_proportion_to_the_mistakes_that_are_caught(
    suites: list[CheckSuite],
) -> None:
    suite = suites[0]
    wrong = sorted(set(names_of(suite)) - right_of(suite))
    for count in range(len(wrong) + 1):
        caught = set(wrong[:count])
        due = suite.points * count / len(wrong)
        assert score(suite, caught.__contains__) == pytest.approx(due, abs=0.005)
    for one in right_of(suite):
        assert score(suite, {one, *wrong}.__contains__) == 0


LESSON, NAME = "masking", "examine_attention"
GOOD = answer_source(LESSON, NAME)
ALONE = """
import torch

seen = []

def spy(candidate):
    seen.append(candidate)
    assert len(seen) == 1, "another candidate was here before"
"""


def with_cells(*cells: str, answer: str = GOOD) -> str:
    """The solved notebook with these cells just before the test."""
    notebook = replace_answers(solved(LESSON), {NAME: answer})
    place = next(i for i, cell in enumerate(notebook.cells) if cell.id == NAME)
    own = [nbformat.v4.new_code_cell(text, id=f"own-{n}") for n, text in enumerate(cells)]
    notebook.cells[place:place] = own
    return nbformat.writes(notebook)


def test_each_candidate_comes_to_a_notebook_that_has_seen_no_other(grade: Grade) -> None:
    answer = GOOD.replace("    generator =", "    spy(candidate)\n    generator =", 1)
    assert "spy" in answer
    outcome = grade(LESSON, with_cells(ALONE, answer=answer))
    assert outcome.score == outcome.max_score


def test_a_test_that_leans_on_other_cells_counts_in_full(grade: Grade) -> None:
    """On a name that one cell makes and another one changes, and on the notebook's own answers."""
    answer = (
        "def examine_attention(candidate):\n"
        "    for given in examples:\n"
        "        before = [None if one is None else one.clone() for one in given]\n"
        "        found = candidate(*given[:3], mask=given[3])\n"
        "        wanted = masked_attention(*before)\n"
        "        for mine, theirs in zip(found, wanted):\n"
        "            assert torch.allclose(mine, theirs, atol=1e-5)\n"
        "        for now, then in zip(given, before):\n"
        "            assert now is then or torch.equal(now, then)\n"
    )
    data = (
        "torch.manual_seed(4)\n"
        "q, k, v = torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 2)\n"
        "q[0, 0] = 0.0\nk[1, 4] = 60 * q[1, 1]\nm = torch.randn(2, 3, 5)\n"
        "m[0, 0, 0] = 0.0\n"
        "m[1, 1, 4] = m[0, 0, 2] = -float('inf')\nm[1, 2] = -float('inf')"
    )
    cells = (
        "examples = []",
        data,
        "examples.append((q, k, v, m))",
        "examples += [(q, k, v, m[0])]",
    )
    outcome = grade(LESSON, with_cells(*cells, answer=answer))
    assert outcome.score == outcome.max_score, [
        (c.name, c.message) for v in outcome.verdicts for c in v.checks if not c.passed
    ]


def test_what_a_test_learns_from_an_odd_call_is_the_same_for_all_candidates() -> None:
    """A call that the contract does not allow says nothing about who is asked."""
    from grader.judge.callbacks import answering
    from grader.protocol.values import Opaque, Tensor

    exercise = find(NAME)
    assert exercise.callbacks is not None
    functions = exercise.callbacks(exercise.suite(b"odd calls"))
    answer = answering(functions, most=10_000)

    def tensor(*shape: int, dtype: str = "float32") -> Tensor:
        return Tensor(np.ones(shape, dtype))

    odd: list[tuple[list, dict]] = [
        ([], {"zzz": 1}),
        ([None, None, None], {}),
        ([1.0, 2.0, 3.0], {}),
        ([tensor(3)] * 3, {}),
        ([tensor(2, 3), tensor(4, 5), tensor(4, 2)], {}),
        ([tensor(2, 3), tensor(4, 3), tensor(5, 2)], {}),
        ([tensor(2, 2, 3), tensor(4, 3), tensor(4, 2)], {}),
        ([tensor(2, 3), tensor(4, 3), tensor(4, 2), tensor(2, 5)], {}),
        ([tensor(2, 3), tensor(4, 3), tensor(4, 2), tensor(9, 2, 4)], {}),
        ([tensor(2, 3), tensor(4, 3), tensor(4, 2), tensor(2, 4, dtype="bool")], {}),
        ([tensor(2, 3, dtype="int64"), tensor(4, 3, dtype="int64"), tensor(4, 2)], {}),
        ([tensor(2, 3, dtype="float16")] * 3, {}),
        ([tensor(0, 3), tensor(0, 3), tensor(0, 2)], {}),
        ([tensor(2, 3), tensor(4, 3)], {}),
        ([tensor(2, 3), tensor(4, 3), tensor(4, 2), None, 5], {}),
        ([Opaque("x")] * 3, {}),
    ]
    for args, kwargs in odd:
        said = {
            json.dumps(answer({"remote": key, "args": args, "kwargs": kwargs})) for key in functions
        }
        assert len(said) == 1 and json.loads(said.pop())["error"], (args, kwargs)


def test_a_test_that_catches_some_mistakes_earns_their_part(grade: Grade) -> None:
    """It compares without a mask only, so what a mask does wrong passes."""
    answer = (
        "def examine_attention(candidate):\n"
        "    q, k, v = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 2)\n"
        "    for mine, theirs in zip(candidate(q, k, v), masked_attention(q, k, v)):\n"
        "        assert torch.allclose(mine, theirs, atol=1e-4)\n"
    )
    outcome = grade(LESSON, with_answers(LESSON, {NAME: answer}, solve=True))
    (verdict,) = (v for v in outcome.verdicts if v.exercise == NAME)
    caught = [check.name for check in verdict.checks if check.passed][1:]
    assert caught == [
        "catches: scores twice too large",
        "catches: weights that belong to other keys",
    ]
    assert verdict.score == verdict.max_score * 2 / 12
