"""Rules of the subject that need no expected array, because many answers are right."""

from __future__ import annotations

import math

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules import blocks, floats, heads, induction, language, student_tests, twins
from grader.rules.comparing import Tolerance, describe, difference, failure_text, reply_difference
from grader.rules.loops import find_query_loop
from grader.rules.rule import Finding, equal, rule, rule_of_source, tolerance_of
from grader.source.slicing import hides_code


@rule
def repeatable(check: Check, replies: list[Reply], source: str) -> Finding | None:
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
def hides(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """A mask shows and hides the right places: 0, and a number far below every score."""
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        assert probe.expected is not None
        found = reply_difference(reply, probe.expected, Tolerance(0.0, 0.0, dtype=False))
        if found is None:
            continue
        if found.kind != "value":
            return Finding(found.text, index)
        yours, expected = reply.value.data, probe.expected.value.data
        wrong = np.where(expected == 0, yours != 0, ~(yours <= -1e4))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            want = "0 (visible)" if expected[place] == 0 else "-inf (hidden)"
            text = f"the mask at {list(place)} is {yours[place]:g}, expected {want}"
            return Finding(text, index, yours, expected)
    return None


@rule
def leaks_nothing(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """(output, weights) are the reference's, and what gets weight 0 gets 0 to 1e-12."""
    finding = equal(check, replies, source)
    if finding is not None:
        return finding
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        assert probe.expected is not None
        yours, expected = reply.value[1].data, probe.expected.value[1].data
        leaks = np.argwhere((expected == 0) & (np.abs(yours) > 1e-12))
        if len(leaks):
            place = tuple(int(i) for i in leaks[0])
            text = f"weights{list(place)} is {yours[place]:.3g}, expected 0: the hidden key leaks"
            return Finding(text, index, yours, expected)
    return None


@rule
def same_numbers(check: Check, replies: list[Reply], source: str) -> Finding | None:
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
def bounded(check: Check, replies: list[Reply], source: str) -> Finding | None:
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
def splits_attention(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """A query that attends evenly to the ``wanted`` keys, and to little else.

    A probe asks with (keys, wanted, sharpness). Everything is judged by how much more attention
    one key gets than another, which is exp(query · (one - other)). With the option ``mass`` False
    it is enough that every wanted key gets more than any other (for a sharpness where it must).
    """
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        keys, wanted, sharpness = probe.ask.args
        text = _is_vector(reply.value, keys.shape[1])
        text = text or _split_text(keys.tolist(), wanted, sharpness, reply.value.tolist(), check)
        if text:
            return Finding(text, index)
    return None


def _is_vector(value: object, width: int) -> str:
    """What is wrong with a value that should be one vector of finite numbers."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return f"the result is {describe(value)}, expected an array of shape ({width},)"
    if value.shape != (width,):
        return f"the result has shape {tuple(value.shape)}, expected ({width},)"
    if not np.isfinite(value).all():
        return "the query has an entry that is inf or nan"
    return ""


def _split_text(keys: list, wanted: list, sharpness: float, query: list, check: Check) -> str:
    first = keys[wanted[0]]
    try:
        gaps = [
            math.fsum(q * (a - b) for q, a, b in zip(query, key, first, strict=True))
            for key in keys
        ]
    except (OverflowError, ValueError):
        return "the query is so long that its scores overflow"
    odds = [math.exp(min(gap, 700.0)) for gap in gaps]
    total = math.fsum(odds)
    least, most = min(odds[j] for j in wanted), max(odds[j] for j in wanted)
    if most - least > 1e-6 * most:
        low = next(j for j in wanted if odds[j] == least)
        high = next(j for j in wanted if odds[j] == most)
        return (
            f"wanted key {high} gets {most / total:.6g} of the attention and wanted key {low} "
            f"gets {least / total:.6g}: they should get the same"
        )
    others = [j for j in range(len(keys)) if j not in wanted]
    if not others:
        return ""
    if not check.options.get("mass", True):
        greedy = max(others, key=lambda j: odds[j])
        if odds[greedy] < least:
            return ""
        return (
            f"key {greedy}, which is not wanted, gets {odds[greedy] / total:.6g} of the attention "
            f"and wanted key {wanted[0]} gets {least / total:.6g}"
        )
    left = math.fsum(odds[j] for j in others) / total
    allowed = math.exp(-sharpness)
    # Room for the rounding of 1 - exp(-sharpness) in an answer that meets the bound exactly.
    if left > allowed * (1 + 1e-6) + 1e-15:
        return (
            f"the keys that are not wanted get {left:.4g} of the attention together, more than "
            f"exp(-{sharpness:g}) = {allowed:.4g}"
        )
    return ""


@rule_of_source
def no_query_loop(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """The text of the cell has no loop over the queries, in whatever form."""
    if hides_code(source):
        return Finding("exec, eval and their like hide what the answer does: write it plainly", 0)
    found = find_query_loop(source, check.options["function"])
    if found is None:
        return None
    names = check.options["names"][found.kind]
    text = f"this goes through the queries one by one: `{found.text}`"
    return Finding(text, names=names)


@rule
def untouched(check: Check, replies: list[Reply], source: str) -> Finding | None:
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
def carries(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """A matrix takes every row of ``before`` (as a column) to the same row of ``after``.

    The options hold one array of each for every probe, and ``places``: the rows' positions.
    """
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        assert probe.expected is not None
        found = reply_difference(reply, probe.expected, Tolerance(dtype=False))
        if found is not None and found.kind != "value":  # values are judged by what they do
            return Finding(found.text, index)
        before, after = check.options["before"][index], check.options["after"][index]
        matrix = reply.value.data.astype(np.float64)
        with np.errstate(all="ignore"):
            moved = before @ matrix.T
        wrong = ~tolerance_of(check).close(moved, after)
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            start, step = check.options["places"][index][row], probe.ask.args[0]
            text = (
                f"(M PE[{start}])[{column}] is {moved[row, column]:.6g}, "
                f"but PE[{start + step}][{column}] is {after[row, column]:.6g}"
            )
            return Finding(text, index, reply.value.data, probe.expected.value.data)
    return None


@rule
def biases(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """The reference's finite numbers where it has some, far below every score elsewhere."""
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        assert probe.expected is not None
        found = reply_difference(reply, probe.expected, Tolerance(dtype=False))
        if found is None:
            continue
        if found.kind != "value":
            return Finding(found.text, index)
        yours, expected = reply.value.data, probe.expected.value.data
        hidden = np.isneginf(expected)
        wrong = np.where(hidden, ~(yours <= -1e4), ~Tolerance(1e-4, 1e-7).close(yours, expected))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            want = "-inf (hidden)" if hidden[place] else f"{expected[place]:.6g}"
            text = f"the bias at {list(place)} is {yours[place]:.6g}, expected {want}"
            return Finding(text, index, yours, expected)
    return None
