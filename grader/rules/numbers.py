"""Rules for answers whose precision or kind of number the student may choose."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Check, Reply, Tensor
from grader.rules.comparing import describe, difference, is_bfloat16
from grader.rules.rule import Finding, for_each_reply, tolerance_of

WIDE_ENOUGH = "expected float32 (or float64)"


@for_each_reply
def floating(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the result is a tensor of float32 or wider; its values are not judged."""
    if is_bfloat16(reply.value):
        return Finding(f"the result has dtype bfloat16, {WIDE_ENOUGH}", kind="dtype")
    if not isinstance(reply.value, Tensor):
        return Finding(f"the result is {describe(reply.value)}, expected a tensor", kind="kind")
    dtype = reply.value.data.dtype
    if dtype.kind != "f" or dtype.itemsize < 4:
        text = f"the result has dtype {dtype.name}, {WIDE_ENOUGH}"
        return Finding(text, kind="dtype")
    return None


@for_each_reply
def one_number(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the result is the reference's number, as a float or a 0-d floating tensor."""
    case = check.cases[index]
    assert case.expected is not None
    value = reply.value
    tensor = isinstance(value, Tensor) and value.data.dtype.kind == "f"
    if tensor and value.data.ndim:
        shape = tuple(int(n) for n in value.data.shape)
        return Finding(f"the result has shape {shape}, expected one number")
    if not tensor and type(value) is not float:
        text = f"the result is {describe(value)}, expected a float or a 0-d tensor"
        return Finding(text)
    number = np.asarray(value.data if tensor else value, np.float64)
    wanted = np.asarray(case.expected.value.data, np.float64)
    found = difference(number, wanted, tolerance_of(check))
    if found is not None:
        return Finding(found.text)
    return None
