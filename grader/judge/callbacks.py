"""Answer a worker's calls of functions that stay in the judge: data in, data out.

Student code decides what a worker requests. So each request is checked, and the number of numbers
in its arguments is bounded: otherwise a submission could make the judge compute for hours.

An error crosses as the name of one of Python's own error types and a text of this module's. The
text of an exception, or the name of a class or a parameter, could tell one function from another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from grader.protocol.calls import CallRefused
from grader.protocol.marshal import from_wire, to_wire
from grader.protocol.values import Opaque, Tensor

MAX_NUMBERS = 1000
MAX_AXES = 5
MAX_CALLS = 500
# The types that may cross; an error crosses as the first that it is an instance of. The worker
# gives a meaning of its own to MemoryError and NotImplementedError.
TYPES = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError)


def answering(
    functions: Mapping[str, Callable[..., Any]], most: int = MAX_CALLS
) -> Callable[[dict], dict]:
    """A function that answers ``{"remote", "args", "kwargs"}``: a call of one of ``functions``.

    The answer is ``{"value", "after", "type", "error"}``: ``after`` holds all arguments as they are
    after the call; ``type`` and ``error`` are empty, or name an error. Only ``most`` calls are
    answered in any other way than by an error.
    """

    left = [most]

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        left[0] -= 1
        if left[0] < 0:
            return _failed("ValueError", f"{most} calls are enough: no more are answered")
        try:
            function, args, kwargs = _call(functions, request)
            value = to_wire(function(*args, **kwargs))
            after = [to_wire(arg) for arg in (*args, *kwargs.values())]
        except CallRefused as error:
            return _failed("ValueError", str(error))
        except Exception as error:  # a wrong candidate may raise anything, and so may odd arguments
            kind = next((one.__name__ for one in TYPES if isinstance(error, one)), "RuntimeError")
            return _failed(kind, f"the function that was called raised a {kind}")
        if not _travels(value):
            return _failed("ValueError", "the function that was called returned no plain data")
        return {"value": value, "after": after, "type": "", "error": ""}

    return answer


def _failed(kind: str, text: str) -> dict[str, Any]:
    return {"value": None, "after": [], "type": kind, "error": text}


def _travels(value: Any) -> bool:
    """Is there no object in it that only the name of its class would stand for?"""
    if isinstance(value, (list, tuple)):
        return all(map(_travels, value))
    if isinstance(value, dict):
        return all(map(_travels, value.values()))
    return not isinstance(value, Opaque)


def _call(functions: Mapping[str, Any], request: dict[str, Any]) -> tuple[Any, list, dict]:
    key, args, kwargs = (request.get(name) for name in ("remote", "args", "kwargs"))
    if not isinstance(key, str) or key not in functions:
        raise CallRefused("there is no such function")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise CallRefused("a call is made of arguments")
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
            raise CallRefused("an argument has a strange dtype or too many axes")
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise CallRefused("arguments are tensors, numbers or None")
    if room[0] < 0:
        raise CallRefused(f"small examples are enough: at most {MAX_NUMBERS} numbers in one call")
