"""What products of arrays do to axes."""

from __future__ import annotations

from collections.abc import Callable

from grader.rules.loops.arguments import Arguments
from grader.rules.loops.values import (
    FIXED,
    UNKNOWN_AXIS,
    Array,
    Const,
    Items,
    Unknown,
    Value,
    as_array,
    broadcast,
    derived,
    whole,
)


def matmul(left: Value, right: Value) -> Value:
    """``left @ right``."""
    one, other = as_array(left), as_array(right)
    from_queries = derived(left) or derived(right)
    if not isinstance(one, Array) or not isinstance(other, Array):
        return Unknown(from_queries)
    if not one.axes or not other.axes:
        return Unknown(from_queries)
    rows, columns = one.axes[-2:-1], other.axes[-1:] if len(other.axes) > 1 else ()
    batch = broadcast([Array(one.axes[:-2], False), Array(other.axes[:-2], False)])
    lead = batch.axes if isinstance(batch, Array) else ()
    return Array((*lead, *rows, *columns), from_queries)


def _dot(call: Arguments) -> Value | None:
    left, right = call.array(0), call.array(1)
    if left is None or right is None or not left.axes or not right.axes:
        return None
    if len(left.axes) > 2 or len(right.axes) > 2:
        return None
    return matmul(left, right)


def _matmul(call: Arguments) -> Value | None:
    left, right = call.get(0), call.get(1)
    return None if left is None or right is None else matmul(left, right)


def _inner(call: Arguments) -> Value | None:
    left, right = call.array(0), call.array(1)
    if left is None or right is None:
        return None
    return Array(left.axes[:-1] + right.axes[:-1], left.derived or right.derived)


def _outer(call: Arguments) -> Value | None:
    left, right = call.array(0), call.array(1)
    if left is None or right is None or len(left.axes) != 1 or len(right.axes) != 1:
        return None
    return Array(left.axes + right.axes, left.derived or right.derived)


def _tensordot(call: Arguments) -> Value | None:
    left, right, axes = call.array(0), call.array(1), call.get(2, "axes", "dims")
    if left is None or right is None:
        return None
    count = whole(axes) if axes is not None else 2
    both = left.derived or right.derived
    if count is not None:
        return Array(left.axes[: len(left.axes) - count] + right.axes[count:], both)
    if isinstance(axes, Items) and len(axes.items) == 2:
        kept = []
        for array, summed in zip((left, right), axes.items, strict=True):
            numbers = numbers_of(summed)
            if numbers is None:
                return None
            gone = {number % len(array.axes) for number in numbers}
            kept += [axis for i, axis in enumerate(array.axes) if i not in gone]
        return Array(tuple(kept), both)
    return None


def numbers_of(value: Value | None) -> list[int] | None:
    """The integers that a value is known to hold; None where it is not known."""
    single = whole(value)
    if single is not None:
        return [single]
    if isinstance(value, Items):
        found = [whole(item) for item in value.items]
        return [n for n in found if n is not None] if None not in found else None
    return None


def _einsum(call: Arguments) -> Value | None:
    if not call.args or not isinstance(call.args[0], Const):
        return None
    spec = str(call.args[0].value).replace(" ", "")
    operands = [as_array(arg) for arg in call.args[1:]]
    before, arrow, after = spec.partition("->")
    terms = before.split(",")
    if "." in spec or len(terms) != len(operands):
        return None
    names: dict[str, str] = {}
    for term, operand in zip(terms, operands, strict=True):
        if not isinstance(operand, Array) or len(term) != len(operand.axes):
            return None
        for letter, axis in zip(term, operand.axes, strict=True):
            if names.get(letter) in (None, "1", FIXED, UNKNOWN_AXIS):
                names[letter] = axis
    if not arrow:
        letters = before.replace(",", "")
        after = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return Array(tuple(names.get(c, UNKNOWN_AXIS) for c in after), derived(Items(tuple(operands))))


HANDLERS: dict[str, Callable[[Arguments], Value | None]] = {
    "matmul": _matmul,
    "mm": _matmul,
    "bmm": _matmul,
    "dot": _dot,
    "inner": _inner,
    "outer": _outer,
    "tensordot": _tensordot,
    "einsum": _einsum,
}
