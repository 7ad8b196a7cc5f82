"""Functions that stay in the judge: bounded, and told nothing but data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grader.judge.callbacks import MAX_CALLS, MAX_NUMBERS, _broadcast, answering
from grader.protocol.values import Opaque, Tensor
from tests.conftest import Grade, with_answers


class Hidden(Exception):
    """A type of the judge's own."""


def secretive(of_the_judge: int = 0) -> object:
    """Raises or returns what would tell of its code."""
    if of_the_judge == 1:
        raise Hidden("in secretive")
    if of_the_judge == 2:
        return {"secretive": [secretive]}
    return 1 / 0 if of_the_judge == 3 else [0][of_the_judge]


ANSWER = answering(
    {"add": lambda x, y=0: x + y, "write": lambda x, y=0: x.mul_(2), "hidden": secretive}
)


def call(key: object, *args: object, **kwargs: object) -> dict:
    return ANSWER({"remote": key, "args": list(args), "kwargs": kwargs})


def test_tensors_go_in_and_come_out() -> None:
    answer = call("add", Tensor(np.ones(3, np.float32)), y=2)
    assert answer["error"] == answer["type"] == "" and np.array_equal(
        answer["value"].data, [3, 3, 3]
    )


def test_what_was_written_into_an_argument_is_told() -> None:
    """By whichever way it was handed over."""
    by_place = call("write", Tensor(np.ones(2)))["after"]
    by_name = call("write", y=3, x=Tensor(np.ones(2)))["after"]
    assert np.array_equal(by_place[0].data, [2, 2])
    assert by_name[0] == 3 and np.array_equal(by_name[1].data, [2, 2])


@pytest.mark.parametrize(
    "request_",
    [
        {"remote": "no such key", "args": [], "kwargs": {}},
        {"remote": 3, "args": [], "kwargs": {}},
        {"remote": "add"},
        {"remote": "add", "args": {}, "kwargs": []},
        {"remote": "add", "args": [Opaque("Spy")], "kwargs": {}},
        {"remote": "add", "args": ["text"], "kwargs": {}},
        {"remote": "add", "args": [Tensor(np.zeros(MAX_NUMBERS + 1))], "kwargs": {}},
        {"remote": "add", "args": [Tensor(np.zeros((1,) * 9))], "kwargs": {}},
        {"remote": "add", "args": [1, 2, 3], "kwargs": {"x": 1}},
    ],
)
def test_an_odd_call_is_an_error_and_no_more(request_: dict) -> None:
    answer = ANSWER(request_)
    assert answer["value"] is None and answer["error"]


@pytest.mark.parametrize(
    ("args", "kwargs", "kind"),
    [
        ((), {"zzz": 1}, "TypeError"),
        ((1, 2), {}, "TypeError"),
        ((1,), {}, "RuntimeError"),
        ((2,), {}, "ValueError"),
        ((3,), {}, "ArithmeticError"),
        ((4,), {}, "LookupError"),
    ],
)
def test_an_error_says_nothing_of_the_function_that_raised_it(
    args: tuple, kwargs: dict, kind: str
) -> None:
    answer = call("hidden", *args, **kwargs)
    assert answer["type"] == kind and answer["value"] is None and answer["after"] == []
    for name in ("secretive", "of_the_judge", "zzz", "Hidden", "list", __name__):
        assert name not in repr(answer)


SPY = """
def examine_attention(candidate):
    import gc, inspect
    found = [repr(candidate), repr(candidate.__closure__), repr(vars(candidate))]
    try:
        found.append(inspect.getsource(candidate))
    except (OSError, TypeError) as error:
        found.append(repr(error))
    found += [f.__code__.co_filename for f in gc.get_objects() if callable(f) and
              hasattr(f, "__code__") and "masking" in f.__code__.co_filename]
    raise AssertionError(" ".join(found))
"""


def test_a_candidate_cannot_be_read_only_called(grade: Grade) -> None:
    outcome = grade("masking", with_answers("masking", {"examine_attention": SPY}))
    verdict = next(v for v in outcome.verdicts if v.exercise == "examine_attention")
    assert verdict.score == 0 and not verdict.checks[0].passed
    assert "masking.py" not in verdict.checks[0].message


ENDLESS = """
def examine_attention(candidate):
    while True:
        candidate(torch.ones(1, 1), torch.ones(1, 1), torch.ones(1, 1))
"""


def test_a_test_that_never_stops_calling_is_stopped(grade: Grade) -> None:
    outcome = grade("masking", with_answers("masking", {"examine_attention": ENDLESS}, solve=True))
    scores = {v.exercise: v.score for v in outcome.verdicts}
    assert scores.pop("examine_attention") == 0 and all(scores.values())
    (verdict,) = (v for v in outcome.verdicts if v.exercise == "examine_attention")
    said = verdict.checks[0].message  # a slow machine comes to the bound of time first
    assert f"no more than {MAX_CALLS} calls are answered" in said or "longer than it may" in said


def test_only_so_many_calls_are_answered() -> None:
    answer = answering({"add": lambda x: x}, most=3)
    said = [answer({"remote": "add", "args": [1], "kwargs": {}})["error"] for _ in range(5)]
    assert said[:3] == ["", "", ""] and all("calls are answered" in text for text in said[3:])


def test_the_judge_s_own_random_state_and_threads_are_left_alone() -> None:
    before = torch.random.get_rng_state()
    call("add", Tensor(np.ones(2)))
    assert torch.equal(torch.random.get_rng_state(), before)


def zeros(*shape: int) -> Tensor:
    return Tensor(np.zeros(shape, np.float32))


def test_few_numbers_that_broadcasting_makes_many_of_are_refused() -> None:
    computed = []
    answer = answering({"add": lambda *args: computed.append(sum(args))})
    shapes = [(110, 1, 1, 1), (110, 1, 1), (110, 1), (110,)]
    found = answer({"remote": "add", "args": [zeros(*s) for s in shapes], "kwargs": {}})
    assert "may make" in found["error"] and computed == []


@pytest.mark.parametrize("seed", range(50))
def test_no_sum_and_no_product_of_matrices_is_larger_than_the_bound(seed: int) -> None:
    """Against the sizes that PyTorch itself makes."""
    rng = np.random.default_rng(seed)
    n, m, d, e = rng.integers(1, 8, 4)
    batch = [tuple(rng.choice([1, size]) for size in (3, 5)) for _ in range(2)]
    left, right = torch.zeros(*batch[0], n, d), torch.zeros(*batch[1], m, d)
    scores = left @ right.mT
    made = [scores, scores @ torch.zeros(*batch[1], m, e)]
    made += [left + torch.zeros(n, d), scores + torch.zeros(n, 1)]
    shapes = [tuple(left.shape), tuple(right.shape), (*batch[1], m, e), (n, d), (n, 1)]
    assert max(one.numel() for one in made) <= _broadcast(shapes)


def test_all_calls_together_have_a_bound() -> None:
    answer = answering({"count": lambda *args: 0}, most=10_000)
    large = {"remote": "count", "args": [zeros(330, 1, 1)] * 3, "kwargs": {}}
    answered = next(n for n in range(5000) if answer(large)["error"])
    assert 100 < answered < 1000
    assert "no more calls" in answer(large)["error"]


def test_honest_tests_have_room() -> None:
    """Hundreds of random examples, and some that are as large as they may be."""
    answer = answering({"count": lambda *args: 0})
    for _ in range(400):
        args = [zeros(2, 4, 3), zeros(2, 5, 3), zeros(2, 5, 6), zeros(4, 5)]
        assert answer({"remote": "count", "args": args, "kwargs": {}})["error"] == ""
    for _ in range(50):
        args = [zeros(2, 3, 8, 6), zeros(2, 3, 8, 6), zeros(2, 3, 8, 6), zeros(8, 8)]
        assert answer({"remote": "count", "args": args, "kwargs": {}})["error"] == ""
