"""Exercises in which students write the test: candidates that stay in the judge, and the checks.

Student code calls a candidate through a callback whose key says nothing, in a shuffled order.
In a notebook, where there is no solution to be had, the candidates are the student's own answer
and versions of it that are bent (the function ``candidate(namespace, key)`` in the
lesson's module ``public.candidates``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grader.course.specification import Draw
from grader.protocol.values import Ask, Callback, Case, Check, CheckSuite


def examining(
    target: str,
    draw: Draw,
    right: Mapping[str, str],
    wrong: Mapping[str, str],
    where: str,
    opaque: bool = True,
) -> list[Check]:
    """A core check that lets right candidates pass, worth nothing, and one for each wrong one.

    ``right`` and ``wrong`` map what is behind a candidate to the words for it. Every check holds
    all cases, so that a mistake is named by all that the test says, and judges its own.
    """
    names = list(right) + list(wrong)
    order = [names[place] for place in draw.permutation(len(names))]
    keys = {name: draw.rng.bytes(8).hex() if opaque else name for name in order}
    words = {**right, **wrong}
    cases = tuple(Case(words[name], Ask(target, (Callback(keys[name]),))) for name in order)
    behind = {key: name for name, key in keys.items()}

    def check(name: str, look: str, of: Sequence[str], rule: str, **more: Any) -> Check:
        options = {"of": [order.index(one) for one in of], "behind": behind}
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


def behind(
    suite: CheckSuite, find: Callable[[str], Callable[..., Any]]
) -> dict[str, Callable[..., Any]]:
    """Key → function, for the candidates of a suite."""
    keys = {k: name for check in suite.checks for k, name in check.options["behind"].items()}
    return {key: find(name) for key, name in keys.items()}
