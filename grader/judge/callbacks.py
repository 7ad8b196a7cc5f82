"""Functions that stay in the judge and are called from the worker: data in, data out.

The worker's request is a submission's word: it is checked like any other, and what is computed
for it is bounded by how many numbers one call may bring.
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
    """A call that is not answered; the message is for the student."""


def answering(functions: Mapping[str, Callable[..., Any]]) -> Callable[[dict], dict]:
    """What answers ``{"remote", "args", "kwargs"}`` with ``{"value", "after", "error"}``.

    ``after`` are the positional arguments as they stand after the call.
    """

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        try:
            function, args, kwargs = _call(functions, request)
            value = to_wire(function(*args, **kwargs))
            return {"value": value, "after": [to_wire(arg) for arg in args], "error": ""}
        except Exception as error:  # of a wrong version, or of odd arguments
            text = f"{type(error).__name__}: {str(error)[:300]}"
            return {"value": None, "after": [], "error": text}

    return answer


def _call(functions: Mapping[str, Any], request: dict[str, Any]) -> tuple[Any, list, dict]:
    key, args, kwargs = (request.get(name) for name in ("remote", "args", "kwargs"))
    if not isinstance(key, str) or key not in functions:
        raise _Refused("there is no such function")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise _Refused("a call is made of arguments")
    room = [MAX_NUMBERS]
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
        room[0] -= math.prod(max(n, 1) for n in array.shape)  # long sides count without numbers
        if array.dtype.kind not in "biuf" or array.ndim > MAX_AXES:
            raise _Refused("an argument has a strange dtype or too many axes")
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise _Refused("arguments are tensors, numbers or None")
    if room[0] < 0:
        raise _Refused(f"small examples are enough: at most {MAX_NUMBERS} numbers in one call")
