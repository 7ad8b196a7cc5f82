"""Rules that judge a property of the replies, because many answers are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import (
    Tolerance,
    describe,
    difference,
    failure_text,
    reply_difference,
    second_call_difference,
)
from grader.rules.rule import Finding, rule, tolerance_of


@rule
def repeatable(check: Check, replies: list[Reply]) -> Finding | None:
    """The cases come in pairs that ask the same; both replies of a pair are the same."""
    for index in range(0, len(replies), 2):
        first, second = replies[index], replies[index + 1]
        if first.failure is not None:
            return Finding(failure_text(first), index)
        if reply_difference(second, first, tolerance_of(check)) is not None:
            text = "the same question, asked twice, got two different answers"
            return Finding(text, index + 1, names=check.options.get("names", ""))
    return None


@rule
def same_numbers(check: Check, replies: list[Reply]) -> Finding | None:
    """The result holds the reference's numbers, in a list, a tuple or an array."""
    tolerance = tolerance_of(check)
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        expected = np.asarray(case.expected.value, np.float64)
        value = reply.value.data if isinstance(reply.value, Tensor) else reply.value
        try:
            yours = np.asarray(value)
        except ValueError:  # a ragged list
            yours = np.asarray(None)
        if yours.dtype.kind not in "fiu":
            return Finding(f"the result is {describe(reply.value)}, expected numbers", index)
        found = difference(yours.astype(np.float64), expected, tolerance)
        if found is not None:
            return Finding(found.text, index, found.yours, found.expected)
    return None


@rule
def bounded(check: Check, replies: list[Reply]) -> Finding | None:
    """No entry of a reply is below ``low`` - ``slack`` or above ``high`` + ``slack``."""
    low, high, slack = (check.options[key] for key in ("low", "high", "slack"))
    for index, reply in enumerate(replies):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        if not isinstance(reply.value, np.ndarray) or reply.value.dtype.kind not in "fiu":
            return Finding(f"the result is {describe(reply.value)}, expected an array", index)
        outside = ~((reply.value >= low - slack) & (reply.value <= high + slack))
        if outside.any():
            worst = reply.value[outside].flat[0]
            return Finding(f"an entry is {worst:.15g}, outside [{low:g}, {high:g}]", index)
    return None


@rule
def untouched(check: Check, replies: list[Reply]) -> Finding | None:
    """The call leaves its arguments unchanged, whatever its result is.

    Where the result is right, a second call with the same objects must be right, too.
    """
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        pairs = zip(reply.args or (), case.ask.args, strict=False)
        for place, (after, before) in enumerate(pairs):
            if difference(after, before, Tolerance(0.0, 0.0)) is not None:
                return Finding(f"argument {place + 1} was changed by the call", index)
        want, loose = case.expected, replace(tolerance_of(check), dtype=False)
        if want is not None and difference(reply.value, want.value, loose) is None:
            found = second_call_difference(reply, want, loose)
            if found is not None:
                return Finding(found.text, index, found.yours, found.expected)
    return None


@rule
def unmoved(check: Check, replies: list[Reply]) -> Finding | None:
    """The cases come in pairs; both results of a pair are the same before a position.

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
