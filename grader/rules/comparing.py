"""Compare a reply with the expected one, and describe the first difference."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.protocol.values import BFLOAT16, Failure, Opaque, Reply, Tensor

# Enough for another order of operations in this precision, far below any known mistake.
RTOL = {"float64": 1e-7, "float32": 2e-4, "float16": 2e-2}
ATOL = {"float64": 1e-9, "float32": 2e-5, "float16": 2e-2}


@dataclass(frozen=True)
class Tolerance:
    """How far values may differ; ``rtol``/``atol`` None mean the expected dtype's defaults."""

    rtol: float | None = None
    atol: float | None = None
    dtype: bool = True

    def close(self, got: np.ndarray, want: np.ndarray) -> np.ndarray:
        """Compare elementwise: NaN equals NaN, integers and booleans must be equal exactly."""
        if want.dtype.kind not in "fc":
            return np.asarray(got == want)
        name = want.dtype.name
        rtol = RTOL.get(name, 1e-7) if self.rtol is None else self.rtol
        atol = ATOL.get(name, 1e-9) if self.atol is None else self.atol
        wide = np.complex128 if got.dtype.kind == "c" or want.dtype.kind == "c" else np.float64
        with np.errstate(all="ignore"):
            got, want = got.astype(wide), want.astype(wide)
            near = np.abs(got - want) <= atol + rtol * np.abs(want)
            near &= np.isfinite(want)  # an infinity is near nothing but itself
            return near | (got == want) | ((got != got) & (want != want))


@dataclass(frozen=True)
class Names:
    """The contract's names for the arguments and the parts of the result.

    ``returns`` has one name for a result in one piece, several for a tuple; where a name is itself
    a tuple, so is that part. Gradients are taken with respect to ``wrt``. () means no names.
    """

    takes: tuple = ()
    returns: tuple = ()
    wrt: tuple = ()

    def argument(self, place: int) -> str:
        return self.takes[place] if place < len(self.takes) else f"argument {place + 1}"

    def leaf(self, place: int) -> str:
        """Name what a gradient is taken with respect to: an argument, or a weight of the layer."""
        name = self.wrt[place] if place < len(self.wrt) else str(place)
        return self.argument(int(name)) if name.isdigit() else name


NAMELESS = Names()


@dataclass(frozen=True, eq=False)
class Difference:
    """The first way in which a reply differs from the expected one.

    ``kind``: failure, kind, length, shape, dtype, value, gradient, argument. ``yours`` and
    ``expected`` are set when both are numeric and have the same shape.
    """

    kind: str
    text: str
    yours: np.ndarray | None = None
    expected: np.ndarray | None = None


def describe(value: Any) -> str:
    """Describe a value in the words of NumPy and PyTorch."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {_shape(value.data)}"
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return f"a NumPy {value.dtype.name} scalar"
        return f"an array of shape {_shape(value)}"
    if is_bfloat16(value):
        return "a tensor of dtype bfloat16"
    if isinstance(value, Opaque):
        return f"an object of type {value.type}"
    if value is None:
        return "None (is the return missing?)"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (bool, int, float)):
        return f"the {type(value).__name__} {value}"
    return f"a {type(value).__name__}"


def is_bfloat16(value: Any) -> bool:
    """Tell whether the value was a bfloat16 tensor, whose numbers do not travel."""
    return isinstance(value, Opaque) and value == BFLOAT16


def _shape(array: np.ndarray) -> str:
    return str(tuple(int(n) for n in array.shape))


def difference(
    got: Any, want: Any, tolerance: Tolerance, where: str = "", parts: tuple = ()
) -> Difference | None:
    """Find the first difference between ``got`` and ``want``, shape before values; None if equal.

    ``where`` says what is compared, ``parts`` names the items of a tuple.
    """
    if isinstance(want, (Tensor, np.ndarray)):
        return _array_difference(got, want, tolerance, where)
    if isinstance(want, bool) or want is None or isinstance(want, str):
        same = type(got) is type(want) and got == want
        return None if same else _other_kind(got, want, where)
    if isinstance(want, (int, float)):
        return _number_difference(got, want, tolerance, where)
    if isinstance(want, (list, tuple)):
        return _sequence_difference(got, want, tolerance, where, parts)
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return _other_kind(got, want, where)
        if got.keys() != want.keys():
            text = f"{_it(where)} has the keys {sorted(got)}, expected {sorted(want)}"
            return Difference("kind", text)
        for key in want:
            found = difference(got[key], want[key], tolerance, f"{where}[{key!r}]")
            if found:
                return found
        return None
    same = got == want
    return None if same else _other_kind(got, want, where)


def _it(where: str) -> str:
    return where or "the result"


def _other_kind(got: Any, want: Any, where: str) -> Difference:
    return Difference("kind", f"{_it(where)} is {describe(got)}, expected {describe(want)}")


def _number_difference(got: Any, want: Any, tolerance: Tolerance, where: str) -> Difference | None:
    allowed = (int, float) if isinstance(want, float) else (int,)
    if isinstance(got, bool) or not isinstance(got, allowed):
        return _other_kind(got, want, where)
    yours, expected = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if bool(tolerance.close(yours, expected)) if isinstance(want, float) else got == want:
        return None
    return Difference("value", f"{_it(where)} is {_pair(got, want)}", yours, expected)


def _sequence_difference(
    got: Any, want: Any, tol: Tolerance, where: str, parts: tuple
) -> Difference | None:
    # A list may replace a tuple: unpacking works the same. A tuple may not replace a list.
    if not isinstance(got, (list, tuple) if isinstance(want, tuple) else list):
        return _other_kind(got, want, where)
    if len(got) != len(want):
        return Difference("length", f"{_it(where)} has {len(got)} items, expected {len(want)}")
    numbers = len(want) > 0 and all(isinstance(item, float) for item in want)
    numbers = numbers and all(isinstance(item, (int, float)) for item in got)
    named = isinstance(want, tuple) and len(parts) == len(want)
    for index, (yours, expected) in enumerate(zip(got, want, strict=True)):
        label = parts[index] if named else f"{where or 'result'}[{index}]"
        own = label if isinstance(label, tuple) else ()
        found = difference(yours, expected, tol, "" if own else label, own)
        if found and numbers and found.kind == "value":
            return Difference(
                "value", found.text, np.asarray(got, np.float64), np.asarray(want, np.float64)
            )
        if found:
            return found
    return None


def _array_difference(got: Any, want: Any, tol: Tolerance, where: str) -> Difference | None:
    if is_bfloat16(got) and isinstance(want, Tensor):
        due = want.data.dtype.name
        if not tol.dtype and want.data.dtype.kind == "f":
            due = "float32 (or float64)"
        return Difference("dtype", f"{_it(where)} has dtype bfloat16, expected {due}")
    if type(got) is not type(want):
        return _other_kind(got, want, where)
    yours = got.data if isinstance(got, Tensor) else got
    expected = want.data if isinstance(want, Tensor) else want
    if yours.shape != expected.shape:
        text = f"{_it(where)} has shape {_shape(yours)}, expected {_shape(expected)}"
        return Difference("shape", text)
    if tol.dtype and yours.dtype != expected.dtype:
        text = f"{_it(where)} has dtype {yours.dtype.name}, expected {expected.dtype.name}"
        return Difference("dtype", text)
    if not tol.dtype and yours.dtype.kind == "b" and expected.dtype.kind != "b":
        return Difference("dtype", f"{_it(where)} has dtype bool, expected numbers")
    close = tol.close(yours, expected)
    if close.all():
        return None
    text = _first_difference(where, yours, expected, close)
    return Difference("value", text, yours, expected)


def _first_difference(
    where: str, yours: np.ndarray, expected: np.ndarray, close: np.ndarray
) -> str:
    """Describe the first entry that differs; an unexpected NaN goes first."""
    nan = (
        np.isnan(yours) & ~np.isnan(expected) if yours.dtype.kind in "fc" else np.zeros_like(close)
    )
    place = np.argwhere(nan if nan.any() else ~close)[0]
    index = ", ".join(str(int(i)) for i in place)
    spot = f"{where or 'result'}[{index}]" if index else _it(where)
    return f"{spot} is {_pair(yours[tuple(place)], expected[tuple(place)])}"


def _pair(got: Any, want: Any) -> str:
    """Format both numbers, floats with all digits if six would make them look equal."""
    if show(got) == show(want):
        return f"{float(got):.17g}, expected {float(want):.17g}"
    return f"{show(got)}, expected {show(want)}"


def show(number: Any) -> str:
    """Format a number with at most six digits, a whole number in full."""
    if isinstance(number, (int, np.integer)):
        return str(int(number))
    value = complex(number) if np.iscomplexobj(number) else float(number)
    if isinstance(value, complex):
        return str(value)
    return f"{value:.6g}" if value == value else "nan"


def reply_difference(
    got: Reply, want: Reply, tolerance: Tolerance, names: Names = NAMELESS
) -> Difference | None:
    """Compare the value first, then gradients, then the arguments after the call; None if equal."""
    if want.failure is not None:
        return _failure_difference(got, want)
    if got.failure is not None:
        return Difference("failure", failure_text(got))
    whole = names.returns[0] if len(names.returns) == 1 else ""
    found = difference(got.value, want.value, tolerance, whole, names.returns)
    if found is not None:
        return found
    # A worker's reply has as many gradients and arguments as were asked for: see host/workers.py.
    for index, (yours, expected) in enumerate(zip(got.grads, want.grads, strict=False)):
        found = _gradient_difference(names.leaf(index), yours, expected)
        if found is not None:
            return found
    if want.args is not None:
        for index, (after, before) in enumerate(zip(got.args or (), want.args, strict=False)):
            if difference(after, before, Tolerance(0.0, 0.0)) is not None:
                return Difference("argument", f"{names.argument(index)} was changed by the call")
    return second_call_difference(got, want)


# A changed argument makes a large difference. Rounding in the second call must cost nobody
# anything, since the first call was right.
COARSE = Tolerance(1e-3, 1e-4, dtype=False)


def second_call_difference(got: Reply, want: Reply) -> Difference | None:
    """Compare the results of the second call with the same objects, if one was asked for.

    The first call was right. So either it has changed an argument, or the answer is wrong for these
    other numbers.
    """
    if want.again is None:
        return None
    found = difference(got.again, want.again, COARSE, "the second result")
    if found is None:
        return None
    text = (
        f"called again with the same objects, now with their rows in another order, {found.text}: "
        "the first call changed an argument, or something is kept from it"
    )
    return Difference("argument", text, found.yours, found.expected)


def _gradient_difference(leaf: str, got: Any, want: Any) -> Difference | None:
    if want is None:
        return None
    if got is None:
        return Difference("gradient", f"no gradient flows back to {leaf}: the graph is cut")
    # The reference's gradients are finite differences, so they are less exact than its values.
    loose = Tolerance(
        1e-3 if got.dtype.name == "float32" else 1e-5,
        1e-4 if got.dtype.name == "float32" else 1e-6,
        dtype=False,
    )
    found = _array_difference(got, want, loose, f"the gradient of {leaf}")
    return Difference("gradient", found.text, found.yours, found.expected) if found else None


def _failure_difference(got: Reply, want: Reply) -> Difference | None:
    failure = want.failure
    assert failure is not None
    if got.failure is None:
        return Difference("failure", f"no error was raised, expected a {failure.type}")
    raised = (got.failure.type, got.failure.base)
    if got.failure.kind != failure.kind or failure.type not in raised:
        return Difference("failure", failure_text(got) + f", expected a {failure.type}")
    return None


def failure_text(reply: Reply) -> str:
    """Say in one line why a call gave no value."""
    failure = reply.failure
    assert failure is not None
    if failure.kind == "missing" and failure.type:  # the error of the cell that should define it
        return f"its cell raised {failure.type}: {_first_line(failure.message)}".rstrip(": ")
    if failure.kind == "missing":
        return f"there is {failure.message}: was the cell run?"
    if failure.kind == "timed_out":
        why = failure.message or "the call took longer than it may"
        return f"{why}. Is there a loop that never ends?"
    if failure.kind == "out_of_memory":
        return "the call needed more memory than it may use"
    if failure.kind in ("crashed", "malformed"):
        return f"the process that ran the code ended ({failure.message or failure.kind})"
    first = _first_line(failure.message)
    if not failure.type:  # the code raised nothing, but cannot be used
        return first
    place = f"line {failure.number}:" if failure.number else "the line"
    line = f", in {place} `{failure.line.strip()}`" if failure.line.strip() else ""
    return f"it raised {failure.type}{': ' + first if first else ''}{line}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:300] if text.strip() else ""


def with_cause(replies: Sequence[Reply], error: tuple[str, str] | None) -> list[Reply]:
    """Explain each missing name by the error of the cell that should define it.

    ``error``: that exception's type and message; None if no such cell raised.
    """
    if error is None:
        return list(replies)
    cause = Failure("missing", *error)
    return [
        replace(reply, failure=cause)
        if reply.failure is not None and reply.failure.kind == "missing"
        else reply
        for reply in replies
    ]


# The kind of operation that raised an error, by words of its message. The type tells less: one
# mistake raises several types (with @, einsum or a method), and one type has many causes. The words
# are those of NumPy and PyTorch, so that an error that the student raises is taken for neither.
OPERATIONS = {
    "unpacks": r"values to unpack",
    "asks for the truth": r"truth value|[Bb]oolean value of",
    "takes a view": r"view size is not compatible",
    "mixes dtypes": r"scalar type|dtype|[Cc]annot cast|can't be cast",
    "fits shapes": r"broadcast|core dimension|subscript|number of dimensions|not aligned"
    r"|cannot reshape (array|tensor) of|[Ss]hapes? .*(cannot be|is invalid for input of)"
    r"|[Ss]izes? of (the )?tensors?|(same|equal) (size|shape)|Tensors must match"
    r"|[Dd]imension out of range|axis \d+ is out of bounds|inconsistent tensor size"
    r"|[Ee]xpected size|\dD tensors?|axes don't match",
    "indexes": r"\bindex\b.*out of (range|bounds)|[Ii]nvalid index|indices",
    "asks for an attribute": r"has no attribute",
    "passes arguments": r"argument",
    "differentiates": r"requires? grad|in-?place operation|leaf [Vv]ariable",
    "combines types": r"unsupported operand|can only concatenate|not supported between",
}


def operation(failure: Failure) -> str:
    """Name the kind of operation that raised an error; "" if the message does not tell."""
    found = (name for name, words in OPERATIONS.items() if re.search(words, failure.message))
    return next(found, "")


def same_message(got: Failure, other: Failure) -> bool:
    """Tell whether two errors say the same, apart from numbers and names of one letter."""
    one, two = (re.findall(r"[^\W\d]{2,}", failure.message) for failure in (got, other))
    return bool(one) and one == two


def _same_error(got: Failure, other: Failure) -> bool:
    """Tell whether two errors have the same operation or, if it is unknown, the same type."""
    if got.kind != other.kind or operation(got) != operation(other):
        return False
    return got.type == other.type or bool(operation(got))


def agree(got: Reply, other: Reply, tolerance: Tolerance) -> bool:
    """Tell whether two replies agree, errors included. (For naming a misconception.)"""
    if (got.work is None) != (other.work is None):  # a failed count agrees with no count
        return False
    if (got.failure is None) != (other.failure is None):
        return False
    if got.failure is not None and other.failure is not None:
        return _same_error(got.failure, other.failure)
    return reply_difference(got, other, tolerance) is None and all(
        (a is None) == (b is None) for a, b in zip(got.grads, other.grads, strict=False)
    )
