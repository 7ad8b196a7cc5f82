"""Answer a worker's calls of functions that stay in the judge: data in, data out.

Student code decides what a worker requests. So each request is checked, and the work that it can
cause in the judge is bounded: for one call, the numbers in its arguments and the numbers that arise
when these are broadcast against each other; for all calls together, their count and their work.
Work is estimated from shapes, not measured, so that a verdict does not depend on a clock.

An error crosses as the name of one of Python's own error types and a text from this module. An
exception's own text, or the name of a class or a parameter, could tell one function from another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from grader.protocol.calls import CallRefused
from grader.protocol.marshal import from_wire, to_wire
from grader.protocol.values import Ask, Callback, Opaque, Tensor

MAX_NUMBERS = 1000
MAX_AXES = 5
# 440 numbers, sent as (110, 1, 1, 1), (110, 1, 1) and so on, make 146 million.
MAX_BROADCAST = 1_000_000
# In numbers computed. A number in an argument counts a hundredfold, because a function that loops
# over its arguments in Python takes that much longer for each. An honest test of a hundred small
# examples uses a hundredth of this.
MAX_WORK = 30_000_000
WORK_OF_ARGUMENT = 100
MAX_CALLS = 500
# The error types that may cross; an error crosses as the first one that it is an instance of. Not
# MemoryError and NotImplementedError: the worker gives these a meaning of its own.
TYPES = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, AssertionError)


def numbered(
    ask: Ask, functions: Mapping[str, Callable[..., Any]]
) -> tuple[Ask, dict[str, Callable[..., Any]]]:
    """Return a question that names its callbacks by position only, and the functions by name.

    A key would tell one candidate from another.
    """
    named: dict[str, Callable[..., Any]] = {}
    args: list[Any] = []
    for arg in ask.args:
        if isinstance(arg, Callback):
            name = f"candidate {len(named) + 1}"
            named[name] = functions[arg.key]
            args.append(Callback(name))
        else:
            args.append(arg)
    return replace(ask, args=tuple(args)), named


def answering(
    functions: Mapping[str, Callable[..., Any]], most: int = MAX_CALLS
) -> Callable[[dict], dict]:
    """Return a function that answers ``{"remote", "args", "kwargs"}``: a call of ``functions``.

    The answer is ``{"value", "after", "type", "error"}``: ``after`` holds all arguments as they are
    after the call; ``type`` and ``error`` are empty, or name an error. After ``most`` calls every
    further one is answered by an error, and all calls share one bound on their work.
    """
    work, left = [MAX_WORK], [most]  # lists, so that all calls share them

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        left[0] -= 1
        if left[0] < 0:
            return _failed("ValueError", f"no more than {most} calls are answered: make fewer")
        try:
            function, args, kwargs = _call(functions, request, work)
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
    """Tell whether a value is plain data: no object of which only the class's name would cross."""
    if isinstance(value, (list, tuple)):
        return all(map(_travels, value))
    if isinstance(value, dict):
        return all(map(_travels, value.values()))
    return not isinstance(value, Opaque)


def _call(
    functions: Mapping[str, Any], request: dict[str, Any], work: list[int]
) -> tuple[Any, list, dict]:
    key, args, kwargs = (request.get(name) for name in ("remote", "args", "kwargs"))
    if not isinstance(key, str) or key not in functions:
        raise CallRefused("there is no such function")
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise CallRefused("a call is made of arguments")
    room = [MAX_NUMBERS]  # a list, so that all arguments share one bound
    shapes = [_admit(value, room) for value in [*args, *kwargs.values()]]
    most = _broadcast(shapes)
    if most > MAX_BROADCAST:
        raise CallRefused(
            f"use small examples: broadcasting these arguments against each other may make "
            f"{most:,} numbers, more than {MAX_BROADCAST:,}"
        )
    work[0] -= max(most, WORK_OF_ARGUMENT * (MAX_NUMBERS - room[0]))
    if work[0] < 0:
        raise CallRefused("no more calls are answered: use small examples, and fewer of them")
    return (
        functions[key],
        [from_wire(arg) for arg in args],
        {k: from_wire(v) for k, v in kwargs.items()},
    )


def _admit(value: Any, room: list[int]) -> tuple[int, ...]:
    """Return an argument's shape, and subtract its numbers from ``room``, or refuse the call."""
    array = value.data if isinstance(value, Tensor) else value
    if isinstance(array, np.ndarray):
        room[0] -= math.prod(max(n, 1) for n in array.shape)  # (0, huge) counts too
        if array.dtype.kind not in "biuf" or array.ndim > MAX_AXES:
            raise CallRefused("an argument has a strange dtype or too many axes")
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise CallRefused("arguments are tensors, numbers or None")
    if room[0] < 0:
        raise CallRefused(f"use small examples: at most {MAX_NUMBERS} numbers in one call")
    return array.shape if isinstance(array, np.ndarray) else ()


def _broadcast(shapes: list[tuple[int, ...]]) -> int:
    """Return a bound on how many numbers a tensor function can compute from such arguments.

    It may broadcast them against each other, or multiply them as matrices, which pairs every row of
    one with every column of another.
    """
    axes = max(map(len, shapes), default=0)
    padded = [(1,) * (axes - len(shape)) + shape for shape in shapes]
    longest = [max(1, *sizes) for sizes in zip(*padded, strict=True)]
    return math.prod(longest) * max([1, *longest[-2:]])
