"""Answer a worker's calls of functions that stay in the judge: data in, data out.

Student code decides what a worker requests. So each request is checked, and the number of numbers
in its arguments is bounded: otherwise a submission could make the judge compute for hours.
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


class _Refused(ValueError):
    """A call that the judge does not answer; the message is for the student."""


def answering(functions: Mapping[str, Callable[..., Any]]) -> Callable[[dict], dict]:
    """A function that answers ``{"remote", "args", "kwargs"}`` by ``{"value", "after", "error"}``.

    ``after`` holds the positional arguments as they are after the call.
    """

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        try:
            function, args, kwargs = _call(functions, request)
            value = to_wire(function(*args, **kwargs))
            return {"value": value, "after": [to_wire(arg) for arg in args], "error": ""}
        except Exception as error:  # a wrong candidate may raise anything, and so may odd arguments
            text = f"{type(error).__name__}: {str(error)[:300]}"
            return {"value": None, "after": [], "error": text}

    return answer


def _call(functions: Mapping[str, Any], request: dict[str, Any]) -> tuple[Any, list, dict]:
    key, args, kwargs = (request.get(name) for name in ("remote", "args", "kwargs"))
    if not isinstance(key, str) or key not in functions:
        raise _Refused("there is no such function")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise _Refused("a call is made of arguments")
    room = [MAX_NUMBERS]  # a list, so that all arguments share one bound
    for value in [*args, *kwargs.values()]:
        _admit(value, room)
    return (
        functions[key],
        [from_wire(arg) for arg in args],
        {k: from_wire(v) for k, v in kwargs.items()},
    )


def _admit(value: Any, room: list[int]) -> None:
    array = value.data if isinstance(value, Tensor) else value
    if isinstance(array, np.ndarray):
        room[0] -= math.prod(max(n, 1) for n in array.shape)  # (0, huge) counts too
        if array.dtype.kind not in "biuf" or array.ndim > MAX_AXES:
            raise _Refused("an argument has a strange dtype or too many axes")
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise _Refused("arguments are tensors, numbers or None")
    if room[0] < 0:
        raise _Refused(f"small examples are enough: at most {MAX_NUMBERS} numbers in one call")
