"""Rules that judge a property of the replies, because many answers are right."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from grader.protocol.values import Ask, Callback, Check, Ref, Reply, Tensor
from grader.rules.comparing import (
    Names,
    Tolerance,
    describe,
    difference,
    failure_text,
    operation,
    reply_difference,
    second_call_difference,
)
from grader.rules.rule import Finding, for_each_reply, names_for, rule, tolerance_of


@rule
def repeatable(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that both replies of a pair are the same; the cases come in pairs that ask the same."""
    for index in range(0, len(replies), 2):
        first, second = replies[index], replies[index + 1]
        if first.failure is not None:
            return Finding(failure_text(first), index)
        if reply_difference(second, first, tolerance_of(check)) is not None:
            text = "the same question, asked twice, got two different answers"
            return Finding(text, index + 1, names=check.options.get("names", ""))
    return None


@for_each_reply
def same_numbers(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the result holds the reference's numbers, in a list, a tuple or an array."""
    tolerance = tolerance_of(check)
    case = check.cases[index]
    assert case.expected is not None
    expected = np.asarray(case.expected.value, np.float64)
    value = reply.value.data if isinstance(reply.value, Tensor) else reply.value
    try:
        yours = np.asarray(value)
    except ValueError:  # a ragged list
        yours = np.asarray(None)
    if yours.dtype.kind not in "fiu":
        return Finding(f"the result is {describe(reply.value)}, expected numbers")
    found = difference(yours.astype(np.float64), expected, tolerance)
    if found is not None:
        return Finding(found.text, yours=found.yours, expected=found.expected)
    return None


@for_each_reply
def bounded(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that all entries are from ``low`` - ``slack`` to ``high`` + ``slack``."""
    low, high, slack = (check.options[key] for key in ("low", "high", "slack"))
    if not isinstance(reply.value, np.ndarray) or reply.value.dtype.kind not in "fiu":
        return Finding(f"the result is {describe(reply.value)}, expected an array")
    outside = ~((reply.value >= low - slack) & (reply.value <= high + slack))
    if outside.any():
        worst = reply.value[outside].flat[0]
        return Finding(f"an entry is {worst:.15g}, outside [{low:g}, {high:g}]")
    return None


@rule
def untouched(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the calls leave their arguments unchanged, whatever their results are.

    Where a result is right, a second call with the same objects must be right, too. A call that
    raised is another check's business, unless all of them did.
    """
    failures = [reply for reply in replies if reply.failure is not None]
    if failures and len(failures) == len(replies):
        return Finding(failure_text(failures[0]))
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        if reply.failure is not None:
            continue
        given = arguments(case.ask, names_for(check, case))
        for (name, before), after in zip(given, reply.args or (), strict=False):
            if isinstance(before, (Ref, Callback)):  # not data: a step's result, or a function
                continue
            if difference(after, before, Tolerance(0.0, 0.0)) is not None:
                return Finding(f"{name} was changed by the call", index, kind="argument")
        want, loose = case.expected, replace(tolerance_of(check), dtype=False)
        if want is not None and difference(reply.value, want.value, loose) is None:
            found = second_call_difference(reply, want)
            if found is not None:
                return Finding(found.text, index, found.yours, found.expected, kind="argument")
    return None


def arguments(ask: Ask, names: Names) -> list[tuple[str, Any]]:
    """Return each argument of a call with its name: positional ones first, then keywords."""
    places = [(names.argument(place), value) for place, value in enumerate(ask.args)]
    return [*places, *ask.kwargs.items()]


@rule
def error_names(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that each call raises the expected error, with the numbers that explain it.

    The option ``numbers`` holds the numbers for each case, and ``names`` the id of the mistake of
    leaving one out of the message.
    """
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        found = reply_difference(reply, case.expected, tolerance_of(check))
        if found is not None:
            return Finding(found.text, index)
        assert reply.failure is not None
        told = re.findall(r"\d+", reply.failure.message)
        missing = [n for n in check.options["numbers"][index] if str(n) not in told]
        if missing:
            text = f"the message of the {reply.failure.type} does not name the number {missing[0]}"
            by_chance = bool(operation(reply.failure))  # such as an error about shapes
            return Finding(text, index, names="" if by_chance else check.options.get("names", ""))
    return None


@for_each_reply
def made_without(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that no result comes from an operation whose name holds one of the ``operations``.

    A case's program ends in the names of the operations in the result's graph.
    """
    for name in reply.value[-1]:
        for forbidden in check.options["operations"]:
            if forbidden in name:
                return Finding(f"the result comes from PyTorch's own {forbidden}")
    return None


@rule
def unmoved(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that both results of a pair of cases are the same before a position.

    The results are tensors (B, T, d). For each pair the option ``until`` holds the first position
    that may differ, and ``said`` says in words what was changed.
    """
    for index in range(0, len(replies), 2):
        first, second = replies[index], replies[index + 1]
        for place, reply in ((index, first), (index + 1, second)):
            if reply.failure is not None:
                return Finding(failure_text(reply), place)
            if not isinstance(reply.value, Tensor) or reply.value.data.ndim != 3:
                return Finding(f"the result is {describe(reply.value)}, expected (B, T, d)", place)
        until = check.options["until"][index // 2]
        before, after = (reply.value.data[:, :until] for reply in (first, second))
        if not np.isfinite(after).all():
            return Finding("the result has entries that are inf or nan", index + 1)
        tolerance = tolerance_of(check)
        if difference(after, before, Tolerance(tolerance.rtol, tolerance.atol, False)):
            if before.shape != after.shape:
                return Finding("the result of the second call has another shape", index + 1)
            moved = np.abs(after.astype(np.float64) - before).max(axis=(0, 2))
            position = int(np.argmax(moved))
            text = f"the result at position {position} moved by {moved[position]:.3g} when "
            return Finding(text + check.options["said"][index // 2], index + 1)
    return None
