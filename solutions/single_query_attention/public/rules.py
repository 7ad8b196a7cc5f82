"""Rules about a query that is designed, and about loops over queries."""

from __future__ import annotations

import math

import numpy as np

from grader.protocol.values import Check, Reply
from grader.rules.comparing import describe, failure_text
from grader.rules.rule import Finding, rule


@rule
def splits_attention(check: Check, replies: list[Reply]) -> Finding | None:
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
