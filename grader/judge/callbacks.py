"""Answer a worker's calls of functions that stay in the judge: data in, data out.

Student code decides what a worker requests. So each request is checked, and what it can make the
judge compute is bounded: for one call the numbers in its arguments, and the numbers that they make
when they are broadcast against each other; for all calls together the work that these stand for.
Work is estimated from shapes, not measured, so that a verdict does not depend on a clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from grader.protocol.marshal import from_wire, to_wire
from grader.protocol.values import Tensor

MAX_NUMBERS = 1000
MAX_AXES = 5
# 440 numbers, sent as (110, 1, 1, 1), (110, 1, 1) and so on, make 146 million.
MAX_BROADCAST = 1_000_000
# In numbers computed. A number that is handed over counts a hundredfold: a function that goes
# through its arguments in a loop of Python's takes that much longer for each. An honest test of a
# hundred small examples uses a hundredth of it.
MAX_WORK = 30_000_000
WORK_OF_ARGUMENT = 100


class _Refused(ValueError):
    """A call that the judge does not answer; the message is for the student."""


def answering(functions: Mapping[str, Callable[..., Any]]) -> Callable[[dict], dict]:
    """A function that answers ``{"remote", "args", "kwargs"}`` by ``{"value", "after", "error"}``.

    ``after`` holds the positional arguments as they are after the call. All calls of the function
    that this returns share one bound on their work.
    """
    work = [MAX_WORK]  # a list, so that all calls share it

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        try:
            function, args, kwargs = _call(functions, request, work)
            value = to_wire(function(*args, **kwargs))
            return {"value": value, "after": [to_wire(arg) for arg in args], "error": ""}
        except Exception as error:  # a wrong candidate may raise anything, and so may odd arguments
            text = f"{type(error).__name__}: {str(error)[:300]}"
            return {"value": None, "after": [], "error": text}

    return answer


def _call(
    functions: Mapping[str, Any], request: dict[str, Any], work: list[int]
) -> tuple[Any, list, dict]:
    key, args, kwargs = (request.get(name) for name in ("remote", "args", "kwargs"))
    if not isinstance(key, str) or key not in functions:
        raise _Refused("there is no such function")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise _Refused("a call is made of arguments")
    room = [MAX_NUMBERS]  # a list, so that all arguments share one bound
    shapes = [_admit(value, room) for value in [*args, *kwargs.values()]]
    most = _broadcast(shapes)
    if most > MAX_BROADCAST:
        raise _Refused(
            f"small examples are enough: broadcast against each other, these arguments may make "
            f"{most:,} numbers, more than {MAX_BROADCAST:,}"
        )
    work[0] -= max(most, WORK_OF_ARGUMENT * (MAX_NUMBERS - room[0]))
    if work[0] < 0:
        raise _Refused("small examples are enough, and not as many: no more calls are answered")
    return (
        functions[key],
        [from_wire(arg) for arg in args],
        {k: from_wire(v) for k, v in kwargs.items()},
    )


def _admit(value: Any, room: list[int]) -> tuple[int, ...]:
    """The shape of an argument that may be handed over; takes its numbers from ``room``."""
    array = value.data if isinstance(value, Tensor) else value
    if isinstance(array, np.ndarray):
        room[0] -= math.prod(max(n, 1) for n in array.shape)  # (0, huge) counts too
        if array.dtype.kind not in "biuf" or array.ndim > MAX_AXES:
            raise _Refused("an argument has a strange dtype or too many axes")
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise _Refused("arguments are tensors, numbers or None")
    if room[0] < 0:
        raise _Refused(f"small examples are enough: at most {MAX_NUMBERS} numbers in one call")
    return array.shape if isinstance(array, np.ndarray) else ()


def _broadcast(shapes: list[tuple[int, ...]]) -> int:
    """A bound on the numbers in what functions of tensors make of such arguments.

    The arguments broadcast against each other, or multiplied as matrices, which pairs every row of
    one with every row of another.
    """
    axes = max(map(len, shapes), default=0)
    padded = [(1,) * (axes - len(shape)) + shape for shape in shapes]
    longest = [max(1, *sizes) for sizes in zip(*padded, strict=True)]
    return math.prod(longest) * max([1, *longest[-2:]])
