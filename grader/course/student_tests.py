"""Make the checks and the candidates of exercises in which students write a test.

The candidates are right and wrong answers that stay in the judge; the student's test calls each
one as a callback. A test that looks at nothing must earn nothing, so each candidate comes several
times, in a secret order and in secret numbers, and each time to a worker that has seen no other
(:mod:`grader.judge.notebook_run`). A notebook has no solution, so there the candidates are the
student's own answer and distorted copies of it (the function ``candidate(namespace, key)`` in the
lesson's module ``public.candidates``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grader.course.specification import Draw
from grader.protocol.values import Ask, Callback, Case, Check, CheckSuite

# How often candidates are put to a test at grading. A test earns points by refusing a wrong
# candidate every time and a right one never: one that refuses at random, with probability p, earns
# a share of p**WRONG_TIMES * (1 - p)**RIGHT_IN_ALL of the points, 0.7 % at most.
WRONG_TIMES = 2
RIGHT_IN_ALL = 8
MORE = 3  # at most this many more of each kind, so that their numbers are secret


def candidate_checks(
    target: str,
    draw: Draw,
    right: Mapping[str, str],
    wrong: Mapping[str, str],
    where: str,
    opaque: bool = True,
) -> list[Check]:
    """Make the checks of a student's test: that right candidates pass, and one for each wrong one.

    The first is a core check and earns no points: a test that refuses everything is no test.
    ``right`` and ``wrong`` map a candidate's name to its description. Each check holds all cases,
    so that all replies of the test help to name a mistake, and judges only its own. Without
    ``opaque`` each candidate comes once, under its own name.
    """
    names = _repeated(draw, list(right), list(wrong)) if opaque else [*right, *wrong]
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
    look = "an example on which such a candidate gives something else than the contract says"
    return [first, *(check(words[name], look, [name], "catches") for name in wrong)]


def _repeated(draw: Draw, right: list[str], wrong: list[str]) -> list[str]:
    """Repeat the names, some of them at random, so that nobody knows how many are right."""
    rights = max(RIGHT_IN_ALL, len(right)) + draw.integer(0, MORE)
    more_right = [right[draw.integer(0, len(right) - 1)] for _ in range(rights - len(right))]
    more_wrong = [wrong[draw.integer(0, len(wrong) - 1)] for _ in range(draw.integer(0, MORE))]
    return right + more_right + wrong * WRONG_TIMES + more_wrong


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
