"""Rules of the subject that need no expected array, because many answers are right."""

from __future__ import annotations

import numpy as np

from grader.core.compare import Tolerance, difference, failure_text, reply_difference
from grader.core.rules import Finding, equal, rule, tolerance_of
from grader.core.values import Check, Reply


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
def untouched(check: Check, replies: list[Reply], source: str) -> Finding | None:
    """The arguments are after the call what they were before, whatever the result is."""
    for index, (probe, reply) in enumerate(zip(check.probes, replies, strict=True)):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        for place, (after, before) in enumerate(
            zip(reply.args or (), probe.ask.args, strict=False), start=1
        ):
            if difference(after, before, Tolerance(0.0, 0.0)) is not None:
                return Finding(f"argument {place} was changed by the call", index)
    return None
