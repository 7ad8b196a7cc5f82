"""Exercises in which students write the test: the checks, and the candidates to be tested.

The candidates are right and wrong answers that stay in the judge; the student's test calls each
one as a callback. Random keys in a shuffled order hide which candidate is which. A notebook has no
solution, so there the candidates are the student's own answer and distorted copies of it (the
function ``candidate(namespace, key)`` in the lesson's module ``public.candidates``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grader.course.specification import Draw
from grader.protocol.values import Ask, Callback, Case, Check, CheckSuite


def candidate_checks(
    target: str,
    draw: Draw,
    right: Mapping[str, str],
    wrong: Mapping[str, str],
    where: str,
    opaque: bool = True,
) -> list[Check]:
    """Checks of a student's test: one that right candidates pass, and one for each wrong candidate.

    The first is a core check and earns no points: a test that refuses everything is no test.
    ``right`` and ``wrong`` map a candidate's name to its description. Each check holds all cases,
    so that a mistake is named by all replies of the test, and judges only its own.
    """
    names = list(right) + list(wrong)
    order = [names[place] for place in draw.permutation(len(names))]
    keys = {name: draw.rng.bytes(8).hex() if opaque else name for name in order}
    words = {**right, **wrong}
    cases = tuple(Case(words[name], Ask(target, (Callback(keys[name]),))) for name in order)
    candidates = {key: name for name, key in keys.items()}

    def check(name: str, look: str, of: Sequence[str], rule: str, **more: Any) -> Check:
        options = {"of": [order.index(one) for one in of], "candidates": candidates}
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


def candidates_by_key(
    suite: CheckSuite, find: Callable[[str], Callable[..., Any]]
) -> dict[str, Callable[..., Any]]:
    """Key → function, for the candidates of a suite; ``find`` returns the function of a name."""
    keys = {k: name for check in suite.checks for k, name in check.options["candidates"].items()}
    return {key: find(name) for key, name in keys.items()}
