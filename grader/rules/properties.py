"""Rules of the subject that need no expected array, because many answers are right."""

from __future__ import annotations

import dataclasses

import numpy as np

from grader.protocol.values import TICK, Check, Reply, Tensor
from grader.rules.comparing import Tolerance, describe, difference, failure_text, reply_difference
from grader.rules.rule import Finding, equal, rule, tolerance_of


@rule
def repeatable(check: Check, replies: list[Reply]) -> Finding | None:
    """The probes come in pairs that ask the same; both replies of a pair are the same."""
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
    """The reference's numbers, whatever holds them: a list, a tuple or an array."""
    tolerance = tolerance_of(check)
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        assert probe.expected is not None
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        expected = np.asarray(probe.expected.value, np.float64)
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
    """No entry of a reply is below ``low`` or above ``high``, but for a ``slack``."""
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
def no_query_loop(check: Check, replies: list[Reply]) -> Finding | None:
    """More queries take no more instructions of the student's own Python.

    Probes: few queries and many, whose instructions are counted; the same with arrays that show
    when a row is taken out of them; many keys, and as many queries, timed. A loop takes several
    instructions for a query, and one instruction for ``each`` queries is too many; less may be
    chance, such as a ``while`` that ends a turn later. Time is the judge's own measure and speaks
    only against a count that cannot be true: the queries take more than ``slower`` times as long as
    the keys. ``names``: which mistake it is, by whether Python's own loops turn or not.
    """
    for start in (0, 2):
        pair = replies[start : start + 2]
        if start and any(reply.failure is not None for reply in pair):
            continue  # it takes arrays of the very type ndarray alone
        found = equal(dataclasses.replace(check, probes=check.probes[start : start + 2]), pair)
        found = found or _more_instructions(check, pair, start)
        if found is not None:
            return dataclasses.replace(found, probe=start + found.probe)
    keys, queries = replies[4:]
    for index, reply in ((4, keys), (5, queries)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
    slower = (queries.cpu or 0.0) / max(keys.cpu or 0.0, TICK)
    if slower > check.options["slower"]:
        text = (
            f"many queries and few keys take {slower:.0f} times as long as many keys and few "
            "queries: the queries are gone through one by one"
        )
        return Finding(text, 5)
    return None


def _more_instructions(check: Check, pair: list[Reply], start: int) -> Finding | None:
    """What few and many queries, the probes from ``start`` on, say of a loop."""
    few, many = pair
    if few.work is None or many.work is None:
        text = (
            "Python's instructions could not be counted: something in your code sets a trace "
            "function (a debugger does that) or starts a process"
        )
        return Finding(text, 1)
    sizes = [len(probe.ask.args[0]) for probe in check.probes[start : start + 2]]
    more, added = many.work - few.work, sizes[1] - sizes[0]
    if more * check.options["each"] <= added:
        return None
    line, loops = _busiest(few, many)
    text = (
        f"{sizes[0]} queries take {few.work:,} instructions of Python and {sizes[1]} queries take "
        f"{many.work:,}: the queries are gone through one by one"
        + (f", in the line `{line}`" if line else "")
    )
    return Finding(text, 1, names=check.options["names"]["loop" if loops else "call"])


def _busiest(few: Reply, many: Reply) -> tuple[str, bool]:
    """The line that does more for more queries, and whether a loop of Python's own turns in it.

    Without such a loop it is the line that makes more calls and does little more itself, as one
    with ``map`` does.
    """
    nothing = (0, 0, 0)
    more = {
        line: tuple(b - a for a, b in zip(few.lines.get(line, nothing), counts, strict=True))
        for line, counts in many.lines.items()
    }
    turning = max(more, key=lambda line: more[line][1], default="")
    if more and more[turning][1] > 0:
        return turning, True
    return max(more, key=lambda line: more[line][2] / (1 + abs(more[line][0])), default=""), False


@rule
def untouched(check: Check, replies: list[Reply]) -> Finding | None:
    """The arguments are after the call what they were before, whatever the result is."""
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        pairs = zip(reply.args or (), probe.ask.args, strict=False)
        for place, (after, before) in enumerate(pairs):
            if difference(after, before, Tolerance(0.0, 0.0)) is not None:
                return Finding(f"argument {place + 1} was changed by the call", index)
    return None


@rule
def unmoved(check: Check, replies: list[Reply]) -> Finding | None:
    """The probes come in pairs; of each pair, what comes before a position is the same.

    The results are tensors (B, T, d). For each pair the option ``until`` holds the first position
    that may differ, and ``said`` what was changed, in words.
    """
    for index in range(0, len(replies), 2):
        first, second = replies[index], replies[index + 1]
        for place, reply in ((index, first), (index + 1, second)):
            if reply.failure is not None:
                return Finding(failure_text(reply), place)
            if not isinstance(reply.value, Tensor) or reply.value.data.ndim != 3:
                return Finding(f"the result is {describe(reply.value)}, expected (B, T, d)", place)
        until = check.options["until"][index // 2]
        before, after = (one.value.data[:, :until] for one in (first, second))
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
