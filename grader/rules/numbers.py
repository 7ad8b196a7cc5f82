"""Rules for answers whose precision or kind of number the student may choose."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import describe, difference, failure_text
from grader.rules.rule import Finding, rule, tolerance_of


@rule
def floating(check: Check, replies: list[Reply]) -> Finding | None:
    """The result is a tensor of float32 or wider; its values are not judged."""
    for index, reply in enumerate(replies):
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        if not isinstance(reply.value, Tensor):
            return Finding(f"the result is {describe(reply.value)}, expected a tensor", index)
        dtype = reply.value.data.dtype
        if dtype.kind != "f" or dtype.itemsize < 4:
            text = f"the result has dtype {dtype.name}, expected float32 (or float64)"
            return Finding(text, index)
    return None


@rule
def one_number(check: Check, replies: list[Reply]) -> Finding | None:
    """The result is the reference's number, as a float or a 0-d tensor of any floating dtype."""
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        if reply.failure is not None:
            return Finding(failure_text(reply), index)
        value = reply.value
        tensor = isinstance(value, Tensor) and value.data.dtype.kind == "f"
        if tensor and value.data.ndim:
            shape = tuple(int(n) for n in value.data.shape)
            return Finding(f"the result has shape {shape}, expected one number", index)
        if not tensor and type(value) is not float:
            text = f"the result is {describe(value)}, expected a float or a 0-d tensor"
            return Finding(text, index)
        number = np.asarray(value.data if tensor else value, np.float64)
        wanted = np.asarray(case.expected.value.data, np.float64)
        found = difference(number, wanted, tolerance_of(check))
        if found is not None:
            return Finding(found.text, index)
    return None
