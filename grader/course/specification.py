"""Build a specification from its parts: draws, cases with their references, exercises.

A reference takes float64 arrays (and plain numbers) and returns float64 arrays. It is written
with loops or another library's op and shares no code with the solutions, so that both cannot be
wrong in the same way. Its result is cast to the dtype that the student's answer must have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.course.wild import watch_every_call, with_views
from grader.protocol.values import (
    Ask,
    Case,
    Check,
    CheckSuite,
    Failure,
    Reply,
    Tensor,
    moved_on,
)
from grader.rules.comparing import ATOL, RTOL, Tolerance


class Draw:
    """Random cases from a seed, which is a fixed text for public cases, an HMAC for graded ones."""

    def __init__(self, seed: bytes) -> None:
        digest = hashlib.sha256(seed).digest()
        self.rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        """Draw a float64 array of standard normal numbers, times ``scale``."""
        return self.rng.normal(size=shape) * scale

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        return self.rng.uniform(low, high, size=shape)

    def integer(self, low: int, high: int) -> int:
        """Draw an integer from low … high, both included."""
        return int(self.rng.integers(low, high + 1))

    def sizes(self, count: int, low: int, high: int) -> list[int]:
        """Draw ``count`` different sizes from low … high, so that no two axes can be confused."""
        return [int(n) for n in self.rng.permutation(np.arange(low, high + 1))[:count]]

    def permutation(self, n: int) -> np.ndarray:
        return self.rng.permutation(n)


def tensor(array: Any, dtype: str = "float32") -> Tensor:
    """Make an argument that student code receives as a torch tensor."""
    return Tensor(np.asarray(array).astype(dtype))


def wide(value: Any) -> Any:
    """Convert an argument for a reference: floating arrays to float64, tensors to arrays."""
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype.kind == "f" else value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(wide(item) for item in value)
    return value


def cast(value: Any, dtype: str | None) -> Any:
    """Convert a reference's result to the answer's form: tensors of ``dtype``, NumPy if None."""
    if isinstance(value, np.ndarray) and dtype is not None:
        return Tensor(value.astype(dtype) if value.dtype.kind == "f" else value)
    if isinstance(value, (list, tuple)):
        return type(value)(cast(item, dtype) for item in value)
    return value


def result_dtype(args: Sequence[Any]) -> str | None:
    """Return the dtype of the first floating tensor among the arguments; None without one."""
    for arg in args:
        if isinstance(arg, Tensor) and arg.data.dtype.kind == "f":
            return arg.data.dtype.name
    return None


def case(
    name: str,
    target: str,
    *args: Any,
    reference: Callable[..., Any],
    init: tuple | None = None,
    weights: dict[str, np.ndarray] | None = None,
    dtype: str | None = None,
    grad: Sequence[str] = (),
    draw: Draw | None = None,
    watch: bool = False,
    twice: bool = True,
    how: Mapping[str, Any] | None = None,
    many: Callable[..., np.ndarray] | None = None,
    **kwargs: Any,
) -> Case:
    """Make one case: what to call, and what the reference gives for it.

    For a layer, the first argument of the reference is the dict of float64 weights. ``grad`` names
    the inputs whose gradients are compared with central finite differences of the reference along
    random cotangents, for which ``draw`` is needed. ``watch`` checks that the call leaves its
    arguments unchanged. Without ``grad`` and ``how`` a second call with the same objects confirms
    it; ``twice`` False leaves that out, for arguments whose rows make no sense in another order.
    ``how`` holds further fields of the :class:`Ask`: mode, seed, memory, counted, timed, steps,
    after. The reference gets an argument that refers to a step's result as the Ref itself; with
    ``after`` it returns the whole tuple. ``many`` is the same reference for arrays with a leading
    axis of variants: it computes all finite differences at once, which is much faster, and is first
    compared with the reference on the case itself.
    """
    loaded = {key: np.asarray(array) for key, array in (weights or {}).items()}
    due = dtype or result_dtype(args)
    first = () if init is None else ({key: wide(array) for key, array in loaded.items()},)
    value = reference(*first, *(wide(arg) for arg in args), **kwargs)
    cotangents: tuple | None = None
    grads: tuple = ()
    if grad:
        assert draw is not None, "gradients need a draw for their cotangents"
        cotangents = tuple(np.asarray(draw.normal(*out.shape)) for out in _floats(value))
        if many is None:
            grads = tuple(
                _finite_difference(reference, first, args, kwargs, one, cotangents) for one in grad
            )
        else:
            inputs, layer = [wide(arg) for arg in args], dict(*first)
            grads = _differences_at_once(many, layer, inputs, grad, value, *cotangents)
    twice = twice and watch and not how and not grad
    ask = Ask(
        target, args, kwargs, init, loaded, cotangents, tuple(grad), watch, twice, **(how or {})
    )
    after = (*args, *kwargs.values()) if watch else None
    again = None
    if twice:
        moved = [moved_on(one) if isinstance(one, np.ndarray) else one for one in map(wide, args)]
        again = cast(reference(*first, *moved, **kwargs), due)
    return Case(name, ask, Reply(value=cast(value, due), grads=grads, args=after, again=again))


def steady(draw: Draw, found: Case, quick: Callable[..., Any]) -> bool:
    """Tell whether float32 holds a case's result to well within the usual tolerance.

    Some draws fail this: layer norm magnifies the rounding of a vector whose entries are nearly
    equal, so that right answers differ. A relative error of 1e-6 in every input number, 16 times
    that of float32, may move the result by at most half the usual tolerance, twice in a row (one
    error may happen to move it little). A maker of cases draws again until this is true. ``quick``
    is the reference, or a faster function that gives the same; no expected result comes from it.
    """
    ask, expected = found.ask, found.expected
    assert expected is not None

    def shaken(value: Any) -> Any:
        value = wide(value)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return value * (1 + 1e-6 * draw.normal(*value.shape))
        return value

    near = Tolerance(RTOL["float32"] / 2, ATOL["float32"] / 2)
    for _ in range(2):
        first = () if ask.init is None else ({key: shaken(w) for key, w in ask.weights.items()},)
        moved = quick(*first, *(shaken(arg) for arg in ask.args), **ask.kwargs)
        pairs = zip(_floats(wide(expected.value)), _floats(moved), strict=True)
        if not all(bool(near.close(after, before).all()) for before, after in pairs):
            return False
    return True


def raises(name: str, target: str, *args: Any, error: str = "ValueError", **more: Any) -> Case:
    """Make a case in which the call must raise ``error``; further options as for ``case``."""
    init, how = more.pop("init", None), more.pop("how", None) or {}
    weights = {key: np.asarray(array) for key, array in (more.pop("weights", None) or {}).items()}
    ask = Ask(target, args, more, init, weights, **how)
    return Case(name, ask, Reply(failure=Failure("exception", error)))


def question(name: str, target: str, *args: Any, **kwargs: Any) -> Case:
    """Make a case without one right answer, whose reply a rule judges by a property.

    ``how``, ``init`` and ``weights`` are as for ``case``.
    """
    init, how = kwargs.pop("init", None), kwargs.pop("how", None) or {}
    arrays = kwargs.pop("weights", None) or {}
    weights = {key: np.asarray(array) for key, array in arrays.items()}
    return Case(name, Ask(target, args, kwargs, init, weights, **how))


def _floats(value: Any) -> list[np.ndarray]:
    items = value if isinstance(value, (list, tuple)) else (value,)
    return [item for item in items if isinstance(item, np.ndarray) and item.dtype.kind == "f"]


# Richardson extrapolation: of differences d with steps h and 2h, (4 d(h) - d(2h)) / 3 has an error
# of order h^4. That of a single difference, h^2, is too large where a layer norm of nearly equal
# numbers bends sharply.
STEPS = ((1, 4 / 3), (2, -1 / 3))


def _finite_difference(
    reference: Callable[..., Any],
    first: tuple,
    args: Sequence[Any],
    kwargs: dict,
    name: str,
    cotangents: tuple,
    step: float = 1e-5,
) -> np.ndarray:
    """Differentiate sum(output * cotangent) with respect to one input, float64 throughout."""
    weights = {key: array.copy() for key, array in (first[0] if first else {}).items()}
    inputs = [wide(arg) for arg in args]
    x = inputs[int(name)] if name.isdigit() else weights[name]
    grad = np.zeros_like(x)
    head = (weights,) if first else ()

    def scalar() -> float:
        outputs = _floats(reference(*head, *inputs, **kwargs))
        return float(sum((o * c).sum() for o, c in zip(outputs, cotangents, strict=True)))

    for place in np.ndindex(*x.shape):
        old = x[place]
        for times, weight in STEPS:
            x[place] = old + times * step
            up = scalar()
            x[place] = old - times * step
            down = scalar()
            grad[place] += weight * (up - down) / (2 * times * step)
        x[place] = old
    return grad


def _differences_at_once(
    many: Callable[..., np.ndarray],
    weights: Mapping[str, np.ndarray],
    inputs: Sequence[Any],
    names: Sequence[str],
    value: np.ndarray,
    cotangent: np.ndarray,
    step: float = 1e-5,
) -> tuple[np.ndarray, ...]:
    """Compute the same differences for a layer of one output, with four calls for each input.

    ``many`` computes one variant for each entry that is moved. ValueError if its result for the
    case itself is not ``value``.
    """
    originals = {str(place): array for place, array in enumerate(inputs)} | dict(weights)

    def outputs(changed: Mapping[str, np.ndarray]) -> np.ndarray:
        variants = {
            key: changed.get(key, np.asarray(array)[None]) for key, array in originals.items()
        }
        own = [variants[str(place)] for place in range(len(inputs))]
        return many({key: variants[key] for key in weights}, *own)

    if not np.allclose(outputs({})[0], value, rtol=1e-9, atol=1e-9):
        raise ValueError("the reference for many variants differs from the reference for one")
    grads = []
    for name in names:
        x = originals[name]
        grad = np.zeros(x.size)
        for times, weight in STEPS:
            moved = times * step * np.eye(x.size).reshape(x.size, *x.shape)
            up, down = (outputs({name: x + sign * moved}) for sign in (1, -1))
            slopes = ((up - down) * cotangent).reshape(x.size, -1).sum(axis=1)
            grad += weight * slopes / (2 * times * step)
        grads.append(grad.reshape(x.shape))
    return tuple(grads)


@dataclass(frozen=True)
class Exercise:
    """One exercise: its points, its checks for a draw, its three hints.

    ``uses`` names the exercises whose answers this one builds on. ``hints`` are a nudge, the
    idea, and pseudocode with blanks; never code. With ``broken``, the id of a misconception,
    students get that wrong answer instead of a stub, to find the mistake and fix it. ``callbacks``
    returns the functions behind the suite's :class:`Callback` arguments, by key. ``views`` names
    checks, all by one rule, whose cases are asked again with tensors that are views of others; see
    :mod:`grader.course.wild`. ``returns`` holds the contract's name for the result, or its names
    for the parts of a tuple; ``takes``, read from the solution, its names for the arguments.
    """

    id: str
    points: float
    checks: Callable[[Draw], Sequence[Check]]
    hints: tuple[str, str, str]
    uses: tuple[str, ...] = ()
    broken: str = ""
    callbacks: Callable[[CheckSuite], Mapping[str, Callable[..., Any]]] | None = None
    views: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()

    def suite(self, seed: bytes, where: str = "judge") -> CheckSuite:
        """Draw the checks' cases from ``seed``, for the notebook or the judge."""
        draw = Draw(seed + b"|" + self.id.encode())
        checks = [check for check in self.checks(draw) if check.where in ("both", where)]
        checks = watch_every_call(with_views(checks, self.views))
        names = {"takes": self.takes, "returns": self.returns}
        checks = [replace(check, options=names | check.options) for check in checks]
        return CheckSuite(self.id, float(self.points), tuple(checks))


PUBLIC_SEED = b"public cases, edition 1"
