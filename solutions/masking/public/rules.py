"""Judge masks and what they hide."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Check, Reply
from grader.rules.comparing import Tolerance, reply_difference
from grader.rules.rule import Finding, equal, rule


@rule
def hides(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the mask has 0 in the right places, and elsewhere a number below every score."""
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        found = reply_difference(reply, case.expected, Tolerance(0.0, 0.0, dtype=False))
        if found is None:
            continue
        if found.kind != "value":
            return Finding(found.text, index)
        yours, expected = reply.value.data, case.expected.value.data
        wrong = np.where(expected == 0, yours != 0, ~(yours <= -1e4))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            want = "0 (visible)" if expected[place] == 0 else "-inf (hidden)"
            text = f"the mask at {list(place)} is {yours[place]:g}, expected {want}"
            return Finding(text, index, yours, expected)
    return None


@rule
def leaks_nothing(check: Check, replies: list[Reply]) -> Finding | None:
    """Check (output, weights) by the reference; where it has weight 0, allow at most 1e-12."""
    finding = equal(check, replies)
    if finding is not None:
        return finding
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        yours, expected = reply.value[1].data, case.expected.value[1].data
        leaks = np.argwhere((expected == 0) & (np.abs(yours) > 1e-12))
        if len(leaks):
            place = tuple(int(i) for i in leaks[0])
            text = f"weights{list(place)} is {yours[place]:.3g}, expected 0: the hidden key leaks"
            return Finding(text, index, yours, expected)
    return None
