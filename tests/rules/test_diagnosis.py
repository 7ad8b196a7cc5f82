"""Which known mistake an answer is: laws of the search, whatever it costs to ask."""

from __future__ import annotations

from collections.abc import Sequence
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


def by_the_definition(
    what: CheckSuite, replies: list[Reply], known: dict, place: int
) -> str | None:
    """The first of those that agree in most of the evidence: everything quick, and the check's own
    cases, in all of which it has to agree, and somewhere in more than an error."""
    owner = [number for number, check in enumerate(what.checks) for _ in check.cases]
    best, chosen = 0, None
    for misconception, theirs in known.items():
        agrees, speaks = 0, False
        evidence = [i for i, o in enumerate(owner) if o == place or not what.checks[o].slow]
        same = [agree(replies[i], theirs[i], tolerance_of(what.checks[owner[i]])) for i in evidence]
        agrees = sum(same)
        speaks = any(s and replies[i].failure is None for s, i in zip(same, evidence, strict=True))
        own = all(s for s, i in zip(same, evidence, strict=True) if owner[i] == place)
        if own and speaks and 2 * agrees >= len(evidence) and agrees > best:
            best, chosen = agrees, misconception.id
    return chosen


@pytest.mark.parametrize("seed", range(60))
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
    near = [r if rng.random() < 0.8 else value(3.0) for r in replies]
    known[mistake("near")] = near
    known[mistake("the same")] = replies if rng.random() < 0.4 else near
    found = named(what, replies, known)
    failed = {f"check {n}": n for n in range(len(sizes)) if f"check {n}" in found}
    assert found == {
        name: by_the_definition(what, replies, known, place) for name, place in failed.items()
    }


def test_a_slow_question_is_put_to_no_mistake_that_is_ruled_out() -> None:
    what = suite(2, 1, slow=[1])
    replies = [value(1.0), value(0.0), value(5.0)]
    out, right, late = (Asked(r) for r in ([2, 0, 5], [1, 0, 5], [1, 0, 5]))
    for one in (out, right, late):
        one.replies = [value(n) for n in one.replies]
    known = {mistake("out"): out, mistake("right"): right, mistake("late"): late}
    assert named(what, replies, known) == {"check 0": "right", "check 1": "right"}
    assert 2 not in out.seen and 2 in right.seen and not late.seen


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
    diagnosis = Diagnosis(what, [value(1.0), NOT_ASKED], {mistake("it"): theirs})
    found = diagnosis.name(0, 1)
    assert found is not None and found.id == "it" and theirs.seen == {0}
    silent = Diagnosis(what, [NOT_ASKED, NOT_ASKED], {mistake("it"): theirs})
    assert silent.name(0, 1) is None


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
