"""Make the checks and the candidates of exercises in which students write a test.

The candidates are right and wrong answers that stay in the judge; the student's test calls each
one as a callback. A test that looks at nothing must earn next to nothing, so each candidate comes
several times, in a secret order, and each time to a worker that has seen no other
(:mod:`grader.judge.notebook_run`). Workers can still pass numbers on (SECURITY.md says how), so
what a test might know of earlier candidates must not help it either: right ones and each kind of
wrong ones come equally often, and a test must be right about a kind the first time that it comes.

A notebook has no solution, so there the candidates are the student's own answer and distorted
copies of it (the function ``candidate(namespace, key)`` in the lesson's module
``public.candidates``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from grader.course.specification import Draw
from grader.protocol.values import Ask, Callback, Case, Check, CheckSuite

# How often right candidates are put to a test at grading, and how often each kind of wrong ones. A
# test must refuse a wrong kind every time and a right candidate never: one that refuses at random,
# with probability p, earns at most a share of (p * (1 - p))**TIMES of the points, 1.6 %.
TIMES = 3


def candidate_checks(
    target: str,
    draw: Draw,
    right: Mapping[str, str],
    wrong: Mapping[str, str],
    where: str,
    opaque: bool = True,
    basic: Collection[str] = (),
) -> list[Check]:
    """Make the checks of a student's test: that right candidates pass, and one for each wrong one.

    The first is a core check and earns no points: a test that refuses everything is no test. The
    checks of the wrong candidates in ``basic`` are core checks, too. Without them, a test that
    sorts candidates blindly by what they return, say by a digest of it, would earn a quarter of
    the points on average: it accepts the right ones in half of all cases, and then refuses half
    of the wrong ones.

    ``right`` and ``wrong`` map a candidate's name to its description. Each check holds all cases,
    so that all replies of the test help to name a mistake, and judges only its own. Without
    ``opaque`` each candidate comes once, under its own name.
    """
    names = _repeated(list(right), list(wrong)) if opaque else [*right, *wrong]
    order = [names[place] for place in draw.permutation(len(names))]
    keys = [draw.rng.bytes(8).hex() if opaque else name for name in order]
    words = {**right, **wrong}
    cases = tuple(
        Case(words[name], Ask(target, (Callback(key),)))
        for name, key in zip(order, keys, strict=True)
    )
    candidates = dict(zip(keys, order, strict=True))

    def check(name: str, look: str, of: Sequence[str], rule: str, **more: Any) -> Check:
        places = [place for place, one in enumerate(order) if one in of]
        options = {"of": places, "candidates": candidates}
        return Check(name, look, cases, rule, options, where=where, **more)

    first = check(
        "right candidates pass",
        "what the contract leaves open: the last digits, how a hidden score is filled, the way a "
        "sum is formed",
        list(right),
        "lets_pass",
        core=True,
        share=0,
    )
    look = "an example on which such a candidate does not give what the contract says"
    others = (check(words[name], look, [name], "catches", core=name in basic) for name in wrong)
    return [first, *others]


def _repeated(right: list[str], wrong: list[str]) -> list[str]:
    """Repeat the names: each wrong one as often as all right ones together.

    To a test, which may round, all right ones look alike. If they came more often than a wrong
    one, or less often, a count would tell them.
    """
    times = max(TIMES, len(right))
    return list(islice(cycle(right), times)) + wrong * times


def candidates_by_key(
    suite: CheckSuite,
    find: Callable[[str], Callable[..., Any]],
    contract: Callable[..., Any],
) -> dict[str, Callable[..., Any]]:
    """Return the functions behind a suite's candidates, by key; ``find`` has them by name.

    All are called as ``contract`` is, whatever their own parameters' names. A call that does not
    fit raises the same TypeError for all of them, before any is called.
    """
    keys = {k: name for check in suite.checks for k, name in check.options["candidates"].items()}
    signature = inspect.signature(contract)
    return {key: _called_as(signature, find(name)) for key, name in keys.items()}


def _called_as(signature: inspect.Signature, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        return function(*bound.args, **bound.kwargs)

    return call
