"""Recognize side checks: they look at something beside the value, and cannot judge a wrong one."""

from __future__ import annotations

from collections.abc import Iterator

from grader.protocol.values import Case, Check, Failure, Tensor
from grader.rules.rule import Finding

INPUTS, GRADIENTS, DTYPE = "argument", "gradient", "dtype"  # as in Difference.kind
VALUE = ("kind", "length", "shape", "dtype", "value")


def subject(check: Check) -> str:
    """Tell what a check looks at beside the value: INPUTS, GRADIENTS or DTYPE; "" for the value.

    Its cases show it: they compare the arguments afterwards, ask for gradients, or ask in two
    precisions.
    """
    asks = [case.ask for case in check.cases]
    if check.core or not asks:
        return ""
    after = [case.expected is not None and case.expected.args is not None for case in check.cases]
    if check.rule == "untouched" or all(after):
        return INPUTS
    if all(ask.wrt for ask in asks):
        return GRADIENTS
    plain = not any(ask.wrt for ask in asks)
    precisions = {name for case in check.cases for name in _precisions(case)}
    compares = check.rule == "equal" and check.options.get("dtype", True) and plain
    if check.rule == "floating" or (compares and {"float32", "float64"} <= precisions):
        return DTYPE
    return ""


def _precisions(case: Case) -> Iterator[str]:
    """Yield the floating dtypes that are expected in a case."""
    value = case.expected.value if case.expected is not None else None
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, Tensor) and item.data.dtype.kind == "f":
            yield item.data.dtype.name


def fails_by_the_value(check: Check, finding: Finding, failure: Failure | None) -> bool:
    """Tell whether a side check failed because the value is wrong or missing.

    ``failure`` is why the call gave no value. A limit that the call exceeded is always reported.
    """
    own = subject(check)
    if failure is not None:
        return bool(own) and failure.kind in ("exception", "missing")
    return bool(own) and finding.kind in VALUE and finding.kind != own


def shows_a_wrong_value(check: Check, failure: Failure | None) -> bool:
    """Tell whether a failed check judges the value itself, not how much was computed for it."""
    counted = any(case.ask.counted for case in check.cases)
    return not subject(check) and (failure is not None or not counted)
