"""Recorded calls of a function or layer: what went in, what came out, and the gradients.

The course's version of an answer is recorded while answers that build on it are tried, and is
replayed where only its numbers may be known (see :mod:`grader.student.stand_ins`). All values are
plain data, as on the wire.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Signature:
    """The names of a function's parameters, in order, and the defaults of those that have one."""

    names: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def _binder(self) -> inspect.Signature:
        return inspect.Signature(
            [
                inspect.Parameter(
                    name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=self.defaults.get(name, inspect.Parameter.empty),
                )
                for name in self.names
            ]
        )

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each parameter in a call; TypeError if the call does not fit."""
        bound = self._binder.bind(*args, **kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)


@dataclass(frozen=True)
class LayerPart:
    """A layer inside another: a recorded one by its name, or one of ``torch.nn`` by its class."""

    name: str
    init: Mapping[str, Any]
    is_recorded: bool


@dataclass(frozen=True)
class LayerForm:
    """How a layer is built from ``init``: its parameters' shapes by name, its plain attributes.

    ``parts`` are the layers inside it that can be called by themselves, by their names there.
    """

    init: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    attributes: Mapping[str, Any]
    parts: Mapping[str, LayerPart] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedCall:
    """One call: arguments by name, and what came back; a Failure if it raised.

    For a layer, ``weights`` is the index of its parameters in the recording's ``weights``, and
    ``training`` its mode. ``gradients`` holds pairs: the gradients that came in for each floating
    tensor of the result, and those that went out, by argument or parameter.
    """

    arguments: Mapping[str, Any]
    value: Any
    weights: int = 0
    training: bool = False
    gradients: Sequence[tuple[tuple[np.ndarray, ...], Mapping[str, np.ndarray]]] = ()


@dataclass(frozen=True)
class Recording:
    """All that is known of one function or layer; ``forms`` is empty for a function.

    ``weights`` are the different parameters, by name, that the layer had in these calls.
    """

    name: str
    call: Signature
    calls: Sequence[RecordedCall]
    init: Signature = Signature(())
    forms: Sequence[LayerForm] = ()
    weights: Sequence[Mapping[str, np.ndarray]] = ({},)

    @property
    def is_layer(self) -> bool:
        return bool(self.forms)


class Exchange(Protocol):
    """A call in the middle of a computation: its outputs, and gradients backward through it."""

    @property
    def outputs(self) -> Sequence[Any]: ...

    def backward(self, cotangents: Sequence[Any]) -> Sequence[Any]: ...


def connected(exchange: Exchange, inputs: Sequence[Any]) -> list[Any]:
    """Return the exchange's outputs as tensors that depend on ``inputs``, by its own gradients."""
    if not exchange.outputs or not inputs:  # such as a function on arrays: works without torch
        return list(exchange.outputs)
    import torch

    if not torch.is_grad_enabled():
        return list(exchange.outputs)
    return list(_bridge().apply(exchange, *inputs))


@functools.cache
def _bridge() -> Any:
    """Return the operation that puts an exchange into torch's graph. Defining it takes a while."""
    import torch

    class Bridge(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, exchange: Exchange, *_inputs: Any) -> Any:
            ctx.exchange = exchange
            return tuple(exchange.outputs)

        @staticmethod
        def backward(ctx: Any, *cotangents: Any) -> Any:
            return None, *ctx.exchange.backward(cotangents)

    return Bridge


def is_float_tensor(value: Any) -> bool:
    """Tell whether this is a torch tensor of floating numbers; False without torch."""
    return hasattr(value, "requires_grad") and value.dtype.is_floating_point


def leaves(value: Any) -> Iterator[Any]:
    """Yield the floating tensors in a result, in order, also from nested lists and tuples."""
    if is_float_tensor(value):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)


def with_leaves(value: Any, replace: Callable[[], Any]) -> Any:
    """Return the result with its floating tensors replaced, in order, by ``replace()``."""
    if is_float_tensor(value):
        return replace()
    if isinstance(value, (list, tuple)):
        return type(value)(with_leaves(item, replace) for item in value)
    return value
