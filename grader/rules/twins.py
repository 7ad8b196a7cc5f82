"""The rule about what a change elsewhere must not move."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import Tolerance, describe, difference, failure_text
from grader.rules.rule import Finding, rule, tolerance_of


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
