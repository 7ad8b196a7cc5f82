"""Rules: given a check and the replies to its probes, what is wrong, if anything.

A rule is a pure function ``rule(check, replies) -> Finding | Remark | None``, registered by
name, so that a check can be frozen as data and judged in a notebook or in the judge by the same
code. Only a Finding fails the check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from grader.protocol.values import Check, Misconception, Reply
from grader.rules.comparing import Tolerance, reply_difference


@dataclass(frozen=True, eq=False)
class Finding:
    """What was seen. ``probe`` is the index of the case that showed it.

    ``names`` is the id of a misconception that the rule itself recognised;
    ``known`` is the misconception, where the rule has it at hand.
    """

    text: str
    probe: int = 0
    yours: np.ndarray | None = None
    expected: np.ndarray | None = None
    names: str = ""
    known: Misconception | None = None


@dataclass(frozen=True)
class Remark:
    """The check is passed, and this is worth saying about it."""

    text: str


Rule = Callable[[Check, "list[Reply]"], "Finding | Remark | None"]
RULES: dict[str, Rule] = {}
SomeRule = TypeVar("SomeRule", bound=Rule)


def rule(function: SomeRule) -> SomeRule:
    """Register a rule under its own name."""
    RULES[function.__name__] = function
    return function


def tolerance_of(check: Check) -> Tolerance:
    """The check's own tolerances, or the defaults for the dtype."""
    return Tolerance(
        check.options.get("rtol"), check.options.get("atol"), check.options.get("dtype", True)
    )


@rule
def equal(check: Check, replies: list[Reply]) -> Finding | None:
    """Each reply is the reference's: kind, shape, dtype, values, gradients, arguments."""
    tolerance = tolerance_of(check)
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        assert probe.expected is not None
        found = reply_difference(reply, probe.expected, tolerance)
        if found is not None:
            return Finding(found.text, index, found.yours, found.expected)
    return None
