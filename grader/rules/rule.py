"""Register rules and find them by name. A rule says what is wrong with a check's replies.

A rule is a pure function ``rule(check, replies) -> Finding | Remark | None``. A check names its
rule, so that checks can be frozen as data, and notebook and judge run the same code. Only a
Finding fails the check.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from grader import rules
from grader.coursefile import CourseError, current
from grader.protocol.values import Case, Check, Misconception, Reply, Tensor
from grader.rules.comparing import Names, Tolerance, failure_text, reply_difference


@dataclass(frozen=True, eq=False)
class Finding:
    """What is wrong; ``case`` is the index of the case that showed it.

    ``names`` is the id of a misconception that the rule itself recognized;
    ``known`` is the misconception itself, if the rule holds it. ``kind`` is that of a
    :class:`Difference`, "" where the rule has none.
    """

    text: str
    case: int = 0
    yours: np.ndarray | None = None
    expected: np.ndarray | None = None
    names: str = ""
    known: Misconception | None = None
    kind: str = ""


@dataclass(frozen=True)
class Remark:
    """A remark for the student about a check that passed."""

    text: str


Rule = Callable[[Check, "list[Reply]"], "Finding | Remark | None"]
RULES: dict[str, Rule] = {}
SomeRule = TypeVar("SomeRule", bound=Rule)


def rule(function: SomeRule) -> SomeRule:
    """Register a rule under its own name."""
    RULES[function.__name__] = function
    return function


def for_each_reply(judge: Callable[[Check, int, Reply], Finding | None]) -> Rule:
    """Register a rule that judges each reply by itself, and stops at the first finding.

    A call that gave no value is a finding already; ``judge(check, index, reply)`` sees only the
    others. ``index`` is the case's; it is written into the finding.
    """

    @functools.wraps(judge)
    def judge_all(check: Check, replies: list[Reply]) -> Finding | None:
        for index, reply in enumerate(replies):
            if reply.failure is not None:
                return Finding(failure_text(reply), index)
            finding = judge(check, index, reply)
            if finding is not None:
                return dataclasses.replace(finding, case=index)
        return None

    return rule(judge_all)


@functools.cache
def rule_named(name: str) -> Rule:
    """Find the rule that a check names: ``name`` is the engine's, ``lesson.name`` a lesson's own.

    Raises:
        CourseError: there is no such rule; the message offers the nearest names.
    """
    lesson, _, function = name.rpartition(".")
    if not lesson:
        known = _engine_rules()
        if name in known:
            return known[name]
        near = difflib.get_close_matches(name, known, 3) or sorted(known)
        raise CourseError(f"a check names the rule {name!r}; there are {', '.join(near)}")
    home = current().root / current().solutions / lesson
    for part in ("public", ""):  # public rules go to students, the others stay in the judge
        if (home / part / "rules.py").is_file():
            module = ".".join(filter(None, (current().solutions, lesson, part, "rules")))
            found = getattr(importlib.import_module(module), function, None)
            if found is not None:
                return found
    raise CourseError(
        f"a check names the rule {name!r}, and {home} has no such rule in its rules.py"
    )


@functools.cache
def _engine_rules() -> dict[str, Rule]:
    """Return the engine's rules by name. Importing the modules of this folder registers them."""
    for module in pkgutil.iter_modules(rules.__path__, f"{rules.__name__}."):
        importlib.import_module(module.name)
    return RULES


def tolerance_of(check: Check) -> Tolerance:
    """Return the check's own tolerances, or the defaults for the dtype."""
    return Tolerance(
        check.options.get("rtol"), check.options.get("atol"), check.options.get("dtype", True)
    )


def names_for(check: Check, case: Case) -> Names:
    """Return the names of a case's parts: the contract's, and those of steps after the call."""
    takes, returns = (tuple(check.options.get(key, ())) for key in ("takes", "returns"))
    if case.ask.after:
        own = returns if len(returns) > 1 else returns[0] if returns else "result"
        returns = (own, *(step.name for step in case.ask.after))
    return Names(takes, returns, case.ask.wrt)


def size_of(case: Case) -> int:
    """Count the numbers in the arguments of a case."""
    arrays = [one.data if isinstance(one, Tensor) else one for one in case.ask.args]
    return sum(array.size for array in arrays if isinstance(array, np.ndarray))


@rule
def equal(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that replies equal the reference's: kind, shape, dtype, values, gradients, arguments.

    The finding is that of the smallest case that differs.
    """
    tolerance = tolerance_of(check)
    smallest: tuple[int, Finding] | None = None
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        size = size_of(case)
        if smallest is not None and smallest[0] <= size:
            continue
        found = reply_difference(reply, case.expected, tolerance, names_for(check, case))
        if found is not None:
            finding = Finding(found.text, index, found.yours, found.expected, kind=found.kind)
            smallest = size, finding
    return smallest[1] if smallest is not None else None
