"""Tests that students write: what looks at nothing earns nothing, and what looks earns its part."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from math import comb
from typing import Any

import nbformat
import numpy as np
import pytest

from grader.authoring.sample import replace_answers
from grader.authoring.solve import solved
from grader.course.exercises import exercises, find
from grader.course.layout import LESSONS
from grader.course.sources import answer_source
from grader.judge.notebook_run import NotebookRun
from grader.judge.outcome import Outcome
from grader.protocol.values import CheckSuite, Failure, Reply, Verdict
from grader.rules.evaluate import evaluate
from grader.sandbox.host.workers import Worker
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
    (first, *_) = (check for check in suite.checks if check.core)
    return {names_of(suite)[place] for place in first.options["of"]}


def score(suite: CheckSuite, refuses: Callable[[str], bool]) -> float:
    """The points of a test that refuses those candidates."""
    own = [REFUSES if refuses(name) else ACCEPTS for name in names_of(suite)]
    return evaluate(suite, own * len(suite.checks), dict).score


@pytest.fixture(params=EXAMINING, ids=lambda exercise: exercise.id)
def suites(request: pytest.FixtureRequest) -> list[CheckSuite]:
    return [request.param.suite(salt) for salt in SALTS]


def basic_of(suite: CheckSuite) -> set[str]:
    """The wrong candidates without which a test earns nothing."""
    (_, *cores) = (check for check in suite.checks if check.core)
    return {names_of(suite)[check.options["of"][0]] for check in cores}


def kinds_of(suite: CheckSuite) -> list[str]:
    """What a test may know of each candidate, in order: which ones are alike. Right ones are."""
    right = right_of(suite)
    return ["right" if name in right else name for name in names_of(suite)]


@pytest.mark.parametrize("chance", [0.05, 0.1, 0.2, 0.3, 0.5, 0.8])
def test_a_coin_earns_nothing_on_average(suites: list[CheckSuite], chance: float) -> None:
    """A candidate comes to a test that has seen no other, so each refusal is a coin of its own."""
    rng = np.random.default_rng(3)
    earned = [score(suite, lambda _: rng.random() < chance) for suite in suites]
    assert np.mean(earned) < 0.01 * suites[0].points


def test_a_coin_can_earn_less_than_a_thousandth_whatever_its_chance(
    suites: list[CheckSuite],
) -> None:
    """Worked out, not tried: right ones accepted, basic ones and a wrong one refused each time."""
    for suite in suites:
        times, basic = Counter(kinds_of(suite)), basic_of(suite)
        right = times.pop("right")
        for percent in range(1, 100):
            chance = Fraction(percent, 100)
            refused = [sum(times[one] for one in basic | {name}) for name in times]
            caught = sum(chance**count for count in refused) / len(times)
            assert (1 - chance) ** right * caught < Fraction(1, 1000)


def test_counts_say_nothing_and_places_are_secret(suites: list[CheckSuite]) -> None:
    """Right ones come as often as each kind of wrong ones, and are no sooner and no later."""
    orders = [kinds_of(suite) for suite in suites]
    assert all(len(set(Counter(order).values())) == 1 for order in orders)
    assert len({tuple(order) for order in orders}) == len(orders)
    kinds = len(set(orders[0]))
    firsts = [list(dict.fromkeys(order)).index("right") for order in orders]
    sigma = np.sqrt((kinds**2 - 1) / 12 / len(firsts))  # of places that are all equally likely
    assert abs(np.mean(firsts) - (kinds - 1) / 2) < 4 * sigma


def share(kinds: int, basic: int, accepted: int, refused: int) -> Fraction:
    """The share of the points that a test earns on average that does not know which kind is which.

    It always accepts candidates of some kinds and always refuses those of others. Since all kinds
    come equally often, each is equally likely to be the right one, whatever the test remembers.
    """
    wrong = kinds - 1
    basics_refused = Fraction(comb(refused, basic), comb(wrong, basic))
    return Fraction(accepted, kinds) * basics_refused * Fraction(refused, wrong)


def test_to_know_which_candidates_are_alike_earns_a_tenth_at_most(
    suites: list[CheckSuite],
) -> None:
    """With a perfect memory of all earlier candidates, or by a digest of what each returns."""
    kinds, basic = len(set(kinds_of(suites[0]))), len(basic_of(suites[0]))
    shares = [share(kinds, basic, some, kinds - some) for some in range(kinds + 1)]
    assert shares[0] == shares[kinds] == 0  # refuses all, accepts all
    assert shares[1] == Fraction(1, kinds) < Fraction(8, 100)  # the first, and what is like it
    assert max(shares) < Fraction(11, 100)


@pytest.mark.parametrize("some", [1, 2, 3])
def test_that_share_is_what_such_a_test_earns(suites: list[CheckSuite], some: int) -> None:
    """One that accepts the first kinds that come, and refuses all that differ from them."""
    earned = []
    for suite in suites:
        first = list(dict.fromkeys(kinds_of(suite)))[:some]
        alike = right_of(suite) if "right" in first else set()
        accepted = {*first, *alike}
        earned.append(score(suite, lambda name, but=accepted: name not in but) / suite.points)
    kinds, basic = len(set(kinds_of(suites[0]))), len(basic_of(suites[0]))
    due = float(share(kinds, basic, some, kinds - some))
    assert abs(np.mean(earned) - due) < 4 * np.std(earned) / np.sqrt(len(earned))


@pytest.mark.parametrize("most", [0, 1, 2])
def test_the_majority_so_far_earns_less_than_a_hundredth(
    suites: list[CheckSuite], most: int
) -> None:
    """A test that accepts what came as often as anything else so far, or almost (by ``most``)."""
    basic, total = len(basic_of(suites[0])), Fraction(0)
    for suite in suites:
        seen: Counter[str] = Counter()
        said: dict[str, set[bool]] = {}
        for kind in kinds_of(suite):
            seen[kind] += 1
            said.setdefault(kind, set()).add(seen[kind] + most >= max(seen.values()))
        accepted, refused = (sum(one == {word} for one in said.values()) for word in (True, False))
        total += share(len(said), basic, accepted, refused)
    assert total / len(suites) < Fraction(1, 100)


def test_points_are_in_proportion_to_the_mistakes_that_are_caught(
    suites: list[CheckSuite],
) -> None:
    suite = suites[0]
    basic = basic_of(suite)
    wrong = [*sorted(basic), *sorted(set(names_of(suite)) - right_of(suite) - basic)]
    for count in range(len(wrong) + 1):
        caught = set(wrong[:count])
        due = suite.points * count / len(wrong) if caught >= basic else 0
        assert score(suite, caught.__contains__) == pytest.approx(due, abs=0.005)
    for one in right_of(suite):
        assert score(suite, {one, *wrong}.__contains__) == 0
    for one in basic:
        assert score(suite, (set(wrong) - {one}).__contains__) == 0


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


def examined(grade: Grade, answer: str) -> tuple[Outcome, Verdict]:
    """The outcome and the verdict of this test, in a notebook that is solved otherwise."""
    outcome = grade(LESSON, with_answers(LESSON, {NAME: answer}, solve=True))
    (verdict,) = (v for v in outcome.verdicts if v.exercise == NAME)
    return outcome, verdict


COMPARING = """
def examine_attention(candidate):
    q, k, v = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 2)
    mask = MASK
    for mine, theirs in zip(candidate(q, k, v, mask), masked_attention(q, k, v, mask)):
        assert torch.allclose(mine, theirs, atol=1e-4)
"""


def test_a_test_that_catches_some_mistakes_earns_their_part(grade: Grade) -> None:
    """One causal mask: no empty row, no bias, no score of 0."""
    causal = "torch.full((3, 5), -float('inf')).triu(1)"
    _, verdict = examined(grade, COMPARING.replace("MASK", causal))
    caught = [check.name for check in verdict.checks if check.passed][1:]
    assert {
        "catches: doubled scores",
        "catches: weights that belong to other keys",
        "catches: the mask is ignored",
        "catches: hidden weights set to 0 after softmax",
    } <= set(caught)
    missed = {check.name for check in verdict.checks if not check.passed}
    assert {
        "catches: every score of 0 is hidden",
        "catches: nan where there is nothing to look at",
        "catches: finite biases are ignored",
    } <= missed
    assert verdict.score == verdict.max_score * len(caught) / 12


def test_a_test_that_lets_a_basic_mistake_pass_earns_nothing(grade: Grade) -> None:
    """It compares without a mask only, so what a mask does wrong passes."""
    _, verdict = examined(grade, COMPARING.replace("MASK", "None"))
    caught = [check.name for check in verdict.checks if check.passed][1:]
    assert caught == [
        "catches: doubled scores",
        "catches: weights that belong to other keys",
    ]
    assert verdict.score == 0


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[Callable[..., Any]]:
    """The candidates in the order in which they are put, each time that one is."""
    put: list[Callable[..., Any]] = []
    try_alone = NotebookRun._try_alone

    def noted(self: NotebookRun, cells: Any, texts: Any, ask: Any, functions: Any, cpu: Any) -> Any:
        put.extend(functions.values())
        return try_alone(self, cells, texts, ask, functions, cpu)

    monkeypatch.setattr(NotebookRun, "_try_alone", noted)
    return put


def put_again(tries: list[Callable[..., Any]]) -> int:
    """How often a candidate was put again; fails if another one came in between."""
    runs = [one for place, one in enumerate(tries) if place == 0 or tries[place - 1] is not one]
    assert len(set(map(id, runs))) == len(runs)
    return len(tries) - len(runs)


@pytest.mark.parametrize(("end", "again"), [("os.kill(os.getpid(), 9)", 2), ("os._exit(3)", 0)])
def test_a_worker_that_dies_costs_this_candidate_alone(
    grade: Grade, tries: list[Callable[..., Any]], end: str, again: int
) -> None:
    """No other candidate is put again, and what the test said of others counts."""
    answer = GOOD.replace(
        "    generator =",
        "    import os\n    one, given = torch.ones(1, 1), torch.tensor([[-float('inf')]])\n"
        "    candidate(one, one, one, given)\n"
        f"    if given > -float('inf'):\n        {end}\n"
        "    generator =",
        1,
    )
    outcome, verdict = examined(grade, answer)
    failed = [check.name for check in verdict.checks if not check.passed]
    assert failed == ["catches: the caller's mask is overwritten"]
    assert outcome.outcome == "crashed"
    assert put_again(tries) == again


def test_a_candidate_whose_worker_something_else_kills_is_put_again(
    grade: Grade, tries: list[Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Worker.ask

    def killed(self: Worker, *args: Any) -> Any:
        if len(tries) == 5:
            os.kill(self._pid, signal.SIGKILL)
        return ask(self, *args)

    monkeypatch.setattr(Worker, "ask", killed)
    outcome, verdict = examined(grade, GOOD)
    assert verdict.score == verdict.max_score and outcome.outcome == "graded"
    assert put_again(tries) == 1
