"""Stand-ins for earlier answers: they reply as the course's versions did in recorded calls.

A stand-in knows numbers and no rule. Called with arguments that were recorded, it gives the
recorded result, and the gradients backward through it. Called with anything else, it cannot reply,
and says so in ``Doubt``: a check that depends on such a call must not be judged.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from grader.protocol.marshal import from_wire, to_wire
from grader.protocol.recorded import (
    LayerPart,
    RecordedCall,
    Recording,
    connected,
    is_float_tensor,
    leaves,
    with_leaves,
)
from grader.protocol.values import Failure, Tensor

# How far two computations of one number may differ, relative to the largest number in its array.
NEAR = {"float32": 1e-4, "float64": 1e-8}


class UnknownCall(Exception):
    """A stand-in was called in a way that was not recorded."""


class Doubt:
    """Whether, since the last ``clear``, a stand-in was called, and whether one could not reply."""

    def __init__(self) -> None:
        self.called = False
        self.raised = False

    def clear(self) -> None:
        self.called = self.raised = False

    def unknown(self, name: str) -> UnknownCall:
        self.raised = True
        return UnknownCall(f"{name} was called in a way that was not recorded")


class StandIns:
    """The functions and classes that reply as recorded, by name; each is made once."""

    def __init__(self, recordings: Iterable[Recording], doubt: Doubt) -> None:
        self._recordings = {one.name: one for one in recordings}
        self._doubt = doubt
        self._made: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._recordings

    def __getitem__(self, name: str) -> Any:
        """Return an answer's stand-in; if nothing is recorded of the answer, it knows no reply."""
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Any:
        recording, doubt = self._recordings.get(name), self._doubt
        if recording is not None and recording.is_layer:
            return _layer(recording, doubt, self)

        def function(*args: Any, **kwargs: Any) -> Any:
            if recording is None:
                raise doubt.unknown(name)
            return _reply(recording, doubt, args, kwargs, {}, False)

        function.__name__ = function.__qualname__ = name
        return function


def _reply(
    recording: Recording,
    doubt: Doubt,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    parameters: Mapping[str, Any],
    training: bool,
) -> Any:
    doubt.called = True
    try:
        bound = recording.call.bind(args, kwargs)
    except TypeError:
        raise doubt.unknown(recording.name) from None
    given = {key: to_wire(value) for key, value in bound.items()}
    weights = {key: to_wire(value).data for key, value in parameters.items()}
    call = _nearest(recording, given, weights, training)
    if call is None:
        raise doubt.unknown(recording.name)
    if isinstance(call.value, Failure):
        kind = getattr(builtins, call.value.type, None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            raise doubt.unknown(recording.name)
        raise kind(call.value.message)
    result = from_wire(call.value)
    inputs = {
        key: value
        for key, value in {**bound, **parameters}.items()
        if is_float_tensor(value) and value.requires_grad
    }
    exchange = _Replayed(call, list(leaves(result)), inputs, doubt)
    outputs = iter(connected(exchange, list(inputs.values())))
    return with_leaves(result, lambda: next(outputs))


class _Replayed:
    """A recorded call in the middle of a computation."""

    def __init__(
        self, call: RecordedCall, outputs: list[Any], inputs: Mapping[str, Any], doubt: Doubt
    ) -> None:
        self.call = call
        self.outputs = outputs
        self.inputs = inputs
        self.doubt = doubt

    def backward(self, cotangents: Sequence[Any]) -> list[Any]:
        import torch

        arrived = [to_wire(one).data for one in cotangents]
        found = [
            (sum(distances), left)
            for recorded, left in self.call.gradients
            if (distances := _distances(arrived, recorded)) is not None
        ]
        if not found:
            self.doubt.unknown("")  # an exception would come out of torch with another text
            return [torch.zeros_like(one) for one in self.inputs.values()]
        left = min(found, key=lambda pair: pair[0])[1]
        return [
            torch.from_numpy(left[key].copy()).to(value.dtype) if key in left else None
            for key, value in self.inputs.items()
        ]


def _layer(recording: Recording, doubt: Doubt, others: StandIns) -> type:
    import torch
    from torch import nn

    class Holder(nn.Module):
        """Holds parameters of the layer; alone it computes nothing."""

        def forward(self, *_args: Any, **_kwargs: Any) -> Any:
            raise doubt.unknown(recording.name)

    def part_of(part: LayerPart | None) -> nn.Module:
        if part is None or part.is_recorded and part.name not in others:
            return Holder()
        kind = others[part.name] if part.is_recorded else getattr(nn, part.name)
        return kind(**{key: from_wire(value) for key, value in part.init.items()})

    class StandIn(Holder):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__()
            try:
                bound = recording.init.bind(args, kwargs)
            except TypeError:
                raise doubt.unknown(recording.name) from None
            init = {key: to_wire(value) for key, value in bound.items()}
            form = next((one for one in recording.forms if one.init == init), None)
            if form is None:
                raise doubt.unknown(recording.name)
            for key, value in form.attributes.items():
                setattr(self, key, value)
            for path, shape in form.shapes.items():
                *owners, name = path.split(".")
                home: nn.Module = self
                for owner in owners:
                    if owner not in dict(home.named_children()):
                        part = form.parts.get(owner) if home is self else None
                        home.add_module(owner, part_of(part))
                    home = home.get_submodule(owner)
                if name not in dict(home.named_parameters(recurse=False)):
                    start = torch.empty(shape).uniform_(-0.1, 0.1)
                    home.register_parameter(name, nn.Parameter(start))
            for name, part in form.parts.items():  # such as dropout: without parameters
                if name not in dict(self.named_children()):
                    self.add_module(name, part_of(part))
            self._complete = True

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            named = dict(self.named_parameters())
            return _reply(recording, doubt, args, kwargs, named, self.training)

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)
            except AttributeError:
                # torch and copy look for private names, and torch for each one that it registers.
                if not name.startswith("_") and "_complete" in vars(self):
                    doubt.unknown(recording.name)  # the course's version may have it
                raise

    StandIn.__name__ = StandIn.__qualname__ = recording.name
    return StandIn


def _nearest(
    recording: Recording,
    given: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    training: bool,
) -> RecordedCall | None:
    """Find the recorded call with these arguments, apart from rounding; None if there is none."""
    sets = [_apart(weights, known) for known in recording.weights]
    best, least = None, math.inf
    for call in recording.calls:
        other = sets[call.weights]
        if other is None or call.training != training:
            continue
        own = _apart(given, call.arguments)
        if own is not None and own + other < least:
            best, least = call, own + other
    return best


def _apart(ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> float | None:
    """Return how far two sets of named values differ; None if by more than rounding."""
    if ours.keys() != recorded.keys():
        return None
    parts = _distances([ours[key] for key in recorded], list(recorded.values()))
    return None if parts is None else sum(parts)


def _distances(ours: Sequence[Any], recorded: Sequence[Any]) -> list[float] | None:
    if len(ours) != len(recorded):
        return None
    found = [_distance(one, other) for one, other in zip(ours, recorded, strict=True)]
    kept = [one for one in found if one is not None]
    return kept if len(kept) == len(found) else None


def _distance(one: Any, other: Any) -> float | None:
    """Return how far two plain values differ; None if by more than rounding."""
    if type(one) is not type(other):
        return None
    if isinstance(one, Tensor):
        return _distance(one.data, other.data)
    if isinstance(one, np.ndarray):
        return _arrays_apart(one, other)
    if isinstance(one, float):
        return _arrays_apart(np.array(one), np.array(other))
    if isinstance(one, (list, tuple)):
        parts = _distances(one, other)
        return None if parts is None else sum(parts)
    return 0.0 if one is None or isinstance(one, (bool, int, str)) and one == other else None


def _arrays_apart(one: np.ndarray, other: np.ndarray) -> float | None:
    if one.dtype != other.dtype or one.shape != other.shape:
        return None
    if one.dtype.name not in NEAR:
        return 0.0 if np.array_equal(one, other) else None
    finite = np.isfinite(other)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return None
    if not np.isfinite(one[finite]).all() or not finite.any():
        return None if finite.any() else 0.0
    apart = float(np.abs(one[finite] - other[finite]).max())
    size = float(np.abs(other[finite]).max())
    return apart / (size or 1.0) if apart <= NEAR[one.dtype.name] * (size or 1.0) else None
