"""Which known mistake an answer is: laws of the search, whatever it costs to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grader.protocol.values import (
    NOT_ASKED,
    Ask,
    Case,
    Check,
    CheckSuite,
    Failure,
    Misconception,
    Reply,
    Tensor,
)
from grader.rules.comparing import agree
from grader.rules.diagnosis import Diagnosis
from grader.rules.evaluate import (
    assess,
    evaluate,
    timing_decides,
    verdict_on,
)
from grader.rules.rule import tolerance_of

NOTHING = Reply(failure=Failure("exception", "ValueError"))


def value(number: float) -> Reply:
    return Reply(value=np.float64(number))


def suite(*sizes: int, slow: Sequence[int] = ()) -> CheckSuite:
    """Checks of so many cases each, whose right answers are all 0."""
    checks = tuple(
        Check(
            f"check {number}",
            "",
            tuple(Case(str(i), Ask("f", (number, i)), value(0.0)) for i in range(size)),
            slow=number in slow,
        )
        for number, size in enumerate(sizes)
    )
    return CheckSuite("f", 1.0, checks)


def mistake(name: str) -> Misconception:
    return Misconception(name, name, name)


class Asked(Sequence):
    """Replies that remember which of them were looked at."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.replies, self.seen = list(replies), set()

    def __len__(self) -> int:
        return len(self.replies)

    def __getitem__(self, index: Any) -> Any:
        self.seen.add(index)
        return self.replies[index]


def named(what: CheckSuite, replies: list[Reply], known: dict) -> dict[str, str | None]:
    verdict = evaluate(what, replies, lambda: known)
    return {
        c.name: c.misconception.id if c.misconception else None
        for c in verdict.checks
        if not c.passed
    }


def explains(what: CheckSuite, replies: list[Reply], theirs: Sequence[Reply]) -> list[bool] | None:
    """Whether a mistake agrees in each failing case; None if it is not the mistake.

    It gives what the student gave in all cases that failed, at least one of them with a value, and
    is right where the student is. Where the student's code raised and its own does not, nothing can
    be compared; then it has to agree in more than one value. Slow cases count where they failed.
    """
    slow = [check.slow for check in what.checks for _ in check.cases]
    values, stopped, same = 0, False, []
    for mine, other, late in zip(replies, theirs, slow, strict=True):
        equal = agree(mine, other, tolerance_of(what.checks[0]))
        right = mine.failure is None and mine.value == 0
        if right:
            if not equal and not late:
                return None
            continue
        same.append(equal)
        values += equal and mine.failure is None
        if not equal and (mine.failure is None or other.failure is not None):
            return None
        stopped = stopped or not equal
    return same if values > stopped else None


def by_the_definition(what: CheckSuite, replies: list[Reply], known: dict) -> dict:
    """For each check that failed the name of the only mistake that explains it all, or None."""
    found = {one.id: explains(what, replies, theirs) for one, theirs in known.items()}
    found = {name: same for name, same in found.items() if same is not None}
    if len(found) > 1:
        found = {name: same for name, same in found.items() if all(same)}
    names, places = {}, iter(range(len(replies)))
    chosen, same = next(iter(found.items())) if len(found) == 1 else (None, [])
    agreeing = iter(same)
    for check in what.checks:
        own = [replies[next(places)] for _ in check.cases]
        wrong = [one for one in own if one.failure is not None or one.value != 0]
        if wrong:
            same = [next(agreeing, False) for _ in wrong]
            names[check.name] = chosen if all(same) else None
    return names


@pytest.mark.parametrize("seed", range(200))
def test_the_search_finds_what_trying_everything_finds(seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    sizes = rng.integers(1, 4, rng.integers(2, 5)).tolist()
    slow = [n for n in range(len(sizes)) if rng.random() < 0.4]
    what, total = suite(*sizes, slow=slow), sum(sizes)

    def answers() -> list[Reply]:
        numbers = rng.choice([0.0, 0.0, 1.0, 2.0], total)
        return [NOTHING if rng.random() < 0.15 else value(n) for n in numbers]

    replies = answers()
    known = {mistake(str(n)): answers() for n in range(6)}
    known[mistake("near")] = [r if rng.random() < 0.8 else value(3.0) for r in replies]
    if rng.random() < 0.3:
        known[mistake("the same")] = replies
    if rng.random() < 0.6:
        known[mistake("goes on")] = [value(1.0) if r is NOTHING else r for r in replies]
    assert named(what, replies, known) == by_the_definition(what, replies, known)


def test_a_mistake_has_to_explain_every_check_that_failed() -> None:
    what = suite(1, 1)
    known = {mistake("first"): [value(1.0), value(0.0)], mistake("other"): [value(0.0), value(2.0)]}
    assert set(named(what, [value(1.0), value(2.0)], known).values()) == {None}


def test_a_mistake_that_would_show_where_the_answer_is_right_is_not_the_answers() -> None:
    what = suite(1, 1)
    known = {mistake("more"): [value(1.0), value(2.0)]}
    assert named(what, [value(1.0), value(0.0)], known) == {"check 0": None}


def test_a_float_where_an_int_is_due_is_no_explanation_of_a_wrong_int() -> None:
    """The float agrees with the student's int everywhere, but is wrong where the int is right."""

    def cases(*numbers: int) -> tuple[Case, ...]:
        return tuple(Case(str(n), Ask("f", (n,)), Reply(value=n)) for n in numbers)

    what = CheckSuite("f", 1.0, (Check("small", "", cases(6)), Check("large", "", cases(101))))
    known = {
        mistake("a float"): [Reply(value=6.0), Reply(value=100.0)],
        mistake("rounded"): [Reply(value=6), Reply(value=100)],
    }
    assert named(what, known[mistake("rounded")], known) == {"large": "rounded"}
    floats = known[mistake("a float")]
    assert set(named(what, floats, known).values()) == {"a float"}


def test_a_check_of_inputs_tells_no_rounding_from_a_mistake() -> None:
    """Its values are right whatever they are, and may be compared more finely than elsewhere."""
    coarse = Check("value", "", (Case("0", Ask("f"), value(0.0)),), options={"atol": 1e-3})
    given = Reply(value=np.float64(0.0), args=(np.float64(0.0),))
    case = Case("0", Ask("f", (np.float64(0.0),), watch=True), given)
    inputs = Check("inputs", "", (case,), "untouched")
    what = CheckSuite("f", 1.0, (coarse, inputs))

    def replies(result: float, argument: float = 0.0) -> list[Reply]:
        args = (np.float64(argument),)
        return [value(result), Reply(value=np.float64(result), args=args)]

    known = {mistake("one"): replies(1.0), mistake("it writes, too"): replies(1.0, argument=2.0)}
    assert named(what, replies(1.0001), known) == {"value": "one"}


def test_two_mistakes_that_explain_equally_well_are_both_left_unnamed() -> None:
    what = suite(2)
    replies = [value(1.0), value(2.0)]
    known = {mistake("one"): replies, mistake("other"): replies}
    assert named(what, replies, known) == {"check 0": None}


def test_an_error_elsewhere_hides_no_mistake_that_shows_twice() -> None:
    what, mine = suite(2, 1), [value(1.0), value(2.0), NOTHING]
    known = {mistake("it"): [value(1.0), value(2.0), value(3.0)]}
    assert named(what, mine, known) == {"check 0": "it", "check 1": None}


def test_a_mistake_that_raises_the_same_error_goes_before_one_that_raises_none() -> None:
    what, mine = suite(2, 1), [value(1.0), value(2.0), NOTHING]
    known = {mistake("it"): mine, mistake("less"): [value(1.0), value(2.0), value(3.0)]}
    assert named(what, mine, known) == {"check 0": "it", "check 1": "it"}


def test_a_variant_that_raises_the_same_error_goes_before_its_own_mistake_without_one() -> None:
    what = suite(2, 1)
    replies = [value(1.0), value(2.0), NOTHING]
    guarded, bare = mistake("writes"), replace(mistake("writes"), variant="bare")
    known = {guarded: [value(1.0), value(2.0), value(0.0)], bare: replies}
    assert named(what, replies, known) == {"check 0": "writes", "check 1": "writes"}


def test_one_value_beside_errors_of_another_kind_is_a_coincidence() -> None:
    what, mine = suite(1, 1), [value(1.0), NOTHING]
    known = {mistake("it"): [value(1.0), value(3.0)]}
    assert named(what, mine, known) == {"check 0": None, "check 1": None}


def in_two_cases_of_three(seen: Any) -> dict[str, str | None]:
    """The name where an answer gives ``seen`` twice, as a known mistake does, and then stops."""
    cases = tuple(Case(str(i), Ask("f", (i,)), value(0.0)) for i in range(3))
    what = CheckSuite("f", 1.0, (Check("all", "", cases[:2]), Check("last", "", cases[2:])))
    mine, theirs = ([Reply(value=seen)] * 2 + [last] for last in (NOTHING, value(3.0)))
    return named(what, mine, {mistake("it"): theirs})


EQUAL_KEYS = np.full((2, 3), 1 / 3)  # whatever is done to equal scores, softmax makes this of them


@pytest.mark.parametrize(
    "seen",
    [
        EQUAL_KEYS,
        Tensor(EQUAL_KEYS.astype("float32")),
        [1 / 3, 1 / 3, 1 / 3],
        (np.zeros(2), EQUAL_KEYS),
        np.full(3, np.nan),
        np.array([0.0, -np.inf]),
        np.array([2.0, np.nan, 2.0]),
        [],
    ],
    ids=repr,
)
def test_agreement_where_all_numbers_are_equal_names_nothing(seen: Any) -> None:
    """The answer stops in the only case that could tell it from other mistakes."""
    assert in_two_cases_of_three(seen) == {"all": None, "last": None}


@pytest.mark.parametrize(
    "seen",
    [
        EQUAL_KEYS + np.eye(2, 3),
        Tensor(np.array([1.0, 2.0, np.nan])),
        [1 / 3, 2 / 3],
        (EQUAL_KEYS, np.arange(2.0)),
        np.array([0.25]),
        0.25,
    ],
    ids=repr,
)
def test_agreement_in_numbers_that_differ_names_the_mistake(seen: Any) -> None:
    assert in_two_cases_of_three(seen) == {"all": "it", "last": None}


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        (("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x3)"),
         ("RuntimeError", "The size of tensor a (2) must match the size of tensor b (3)"), True),
        (("ValueError", "matmul: Input operand 1 has a mismatch in its core dimension 0"),
         ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x3)"), True),
        (("RuntimeError", "Boolean value of Tensor with more than one value is ambiguous"),
         ("RuntimeError", "The size of tensor a (2) must match the size of tensor b (3)"), False),
        (("ValueError", "not enough values to unpack (expected 3, got 2)"),
         ("ValueError", "operands could not be broadcast together with shapes (2,) (3,)"), False),
        (("ValueError", "five features, two heads"), ("ValueError", "does not fit"), True),
        (("TypeError", "five features, two heads"), ("ValueError", "does not fit"), False),
    ],
)  # fmt: skip
def test_errors_agree_where_the_same_operation_raised_them(
    mine: tuple[str, str], theirs: tuple[str, str], same: bool
) -> None:
    one, other = (Reply(failure=Failure("exception", *error)) for error in (mine, theirs))
    assert agree(one, other, tolerance_of(suite(1).checks[0])) is same


def test_what_alone_raises_an_error_is_named_where_it_is_the_same_operation() -> None:
    """All values that there are are right, so that they tell nothing."""
    what = suite(1, 1)

    def raised(message: str) -> list[Reply]:
        return [value(0.0), Reply(failure=Failure("exception", "ValueError", message))]

    known = {mistake("three axes"): raised("not enough values to unpack (expected 3, got 2)")}
    unpacks = raised("not enough values to unpack (expected 4, got 2)")
    assert named(what, unpacks, known) == {"check 1": "three axes"}
    assert named(what, raised("no such thing"), known) == {"check 1": None}


def test_a_slow_question_is_put_to_no_mistake_that_is_ruled_out() -> None:
    what = suite(2, 1, slow=[1])
    replies = [value(1.0), value(0.0), value(5.0)]
    out, right, late = (Asked(r) for r in ([2, 0, 5], [1, 0, 5], [1, 3, 5]))
    for one in (out, right, late):
        one.replies = [value(n) for n in one.replies]
    known = {mistake("out"): out, mistake("right"): right, mistake("late"): late}
    assert named(what, replies, known) == {"check 0": "right", "check 1": "right"}
    assert 2 not in out.seen and 2 in right.seen and 2 not in late.seen


def test_a_slow_question_is_put_to_nobody_where_its_own_check_passes() -> None:
    what = suite(2, 1, slow=[1])
    own = Asked([value(1.0), value(0.0), value(0.0)])
    assert named(what, list(own.replies), {mistake("it"): own}) == {"check 0": "it"}
    assert own.seen == {0, 1}


def test_errors_alone_are_no_likeness() -> None:
    what = suite(2, 2)
    replies = [NOTHING] * 4
    assert set(named(what, replies, {mistake("fails, too"): replies}).values()) == {None}


def test_a_verdict_without_known_mistakes_names_none() -> None:
    verdict = verdict_on(assess(suite(1, 2), [value(1.0), value(2.0), value(0.0)]))
    assert verdict.score == 0 and not any(check.misconception for check in verdict.checks)


def test_a_question_that_was_not_asked_speaks_for_nobody_and_against_nobody() -> None:
    what = suite(1, 1)
    theirs = Asked([value(1.0), value(9.0)])
    names = [check.name for check in what.checks]
    diagnosis = Diagnosis(what, [value(1.0), NOT_ASKED], {mistake("it"): theirs}, names, ())
    found = diagnosis.name("check 0")
    assert found is not None and found.id == "it" and theirs.seen == {0}
    silent = Diagnosis(what, [NOT_ASKED, NOT_ASKED], {mistake("it"): theirs}, names, ())
    assert silent.name("check 0") is None


def test_time_is_taken_only_where_it_can_decide() -> None:
    """The judge's clock guards a count; a count that is too high already has decided."""

    def counted(few: int, many: int, output: float = 1.0) -> list[Reply]:
        pair = (np.float64(output), "a cache")
        return [Reply(value=pair, work=work) for work in (few, many)] + [NOT_ASKED, NOT_ASKED]

    asks = (Ask("f", counted=True),) * 2 + (Ask("f", timed=True),) * 2
    options = {"limit": 130.0, "slower": 5.0, "steps": 10, "names": [(np.inf, "slow")]}
    cases = tuple(Case("", ask, Reply(value=(np.float64(1.0),))) for ask in asks)
    what = CheckSuite(
        "f", 1.0, (Check("work", "", cases, "transformer_language_model.cheap_steps", options),)
    )
    assert timing_decides(what, counted(10, 1000))
    assert not timing_decides(what, counted(10, 5000))
    assert not timing_decides(what, counted(10, 1000, output=2.0))  # cheap, and no answer


def test_where_only_slow_checks_failed_the_quick_answers_tell() -> None:
    """Who answers the quick questions otherwise is not trained."""
    what = suite(1, 1, slow=[1])
    replies = [value(1e-9), value(5.0)]
    out = Asked([value(3.0), value(5.0)])
    right = Asked([value(1e-9), value(5.0)])
    known = {mistake("out"): out, mistake("right"): right}
    assert named(what, replies, known) == {"check 1": "right"}
    assert out.seen == {0}
