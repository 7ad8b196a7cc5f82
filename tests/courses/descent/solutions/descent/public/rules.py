"""The rule that lesson 2 adds to the engine's."""

from __future__ import annotations

import math

from grader.protocol.values import Check, Reply
from grader.rules.comparing import describe, failure_text
from grader.rules.rule import Finding, rule


@rule
def approaches(check: Check, replies: list[Reply]) -> Finding | None:
    """Each reply is a float nearer to the option ``best`` than the one before."""
    distance = math.inf
    for index, reply in enumerate(replies):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        if not isinstance(reply.value, float):
            return Finding(f"the result is {describe(reply.value)}, expected a float", index)
        now = abs(reply.value - check.options["best"])
        if not now < distance:
            return Finding(f"the slope is {now:.3g} from the best one, not nearer", index)
        distance = now
    return None
