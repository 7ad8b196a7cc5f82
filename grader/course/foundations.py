"""Find the earlier answers that an exercise builds on, and record the course's versions of them.

If an earlier answer is wrong, grading uses the course's version of it. A student's machine has no
such version, only recordings: while the course's own answers to the exercise, right and wrong,
reply to the public cases, each call that they make of an earlier answer is recorded. So a check
there can go on with numbers alone.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np

from grader.course import versions
from grader.course.exercises import exercises, find, home_of
from grader.course.layout import module_of, notebook_path
from grader.protocol import wire
from grader.protocol.calls import DirectCalls
from grader.protocol.marshal import to_wire
from grader.protocol.recorded import (
    LayerForm,
    LayerPart,
    RecordedCall,
    Recording,
    Signature,
    connected,
    is_float_tensor,
    leaves,
    with_leaves,
)
from grader.protocol.values import Ask, CheckSuite, Failure, Opaque
from grader.source.cells import carried_names
from grader.source.slicing import bound_names, statements
from grader.student.notebooks import NotANotebook, read

# Bytes of one exercise's recordings. What needs more, such as a training, is not recorded.
MOST_BYTES = 2_000_000
PLAIN = (bool, int, float, str)


def foundations(lesson: str, exercise: str) -> tuple[str, ...]:
    """Return the exercises that this one may build on: declared ones, and earlier lessons' answers.

    They are those that grading supplies (see :mod:`grader.judge.second_runs`).
    """
    own = {one.id: one for one in exercises(lesson)}
    found: list[str] = []
    pending = list(own[exercise].uses) if exercise in own else []
    while pending:
        name = pending.pop(0)
        if name not in found and name != exercise:
            found.append(name)
            pending += own[name].uses if name in own else ()
    return tuple(dict.fromkeys([*found, *sorted(_carried(lesson))]))


def _carried(lesson: str) -> set[str]:
    """Return the answers of earlier lessons that a lesson's notebook loads."""
    try:
        cells = read(notebook_path(lesson)).cells
    except NotANotebook:  # a lesson that is being written
        return set()
    return carried_names(cell.source for cell in cells if cell.kind == "code")


def recordings(lesson: str, exercise: str, suite: CheckSuite) -> list[Recording]:
    """Record what this exercise builds on; return no recordings if they would be too large.

    The calls are those of the course's answer first, then those of other right answers and of known
    wrong ones, as long as there is room.
    """
    names = foundations(lesson, exercise)
    if not names:
        return []
    recorders = {name: Recorder(name) for name in names}
    own = versions.alternatives(lesson, exercise), versions.misconceptions(lesson, exercise)
    solved = versions.solution(lesson, exercise)
    asked = {call.target for ask in _questions(suite) for call in (ask, *ask.steps, *ask.after)}
    for version in (solved, *own[0], *own[1]):
        if not may_call(version, names, asked):
            continue
        before = {name: recorder.state() for name, recorder in recorders.items()}
        _record(version, recorders, suite)
        if sum(recorder.size for recorder in recorders.values()) > MOST_BYTES:
            if version is solved:
                return []
            for name, recorder in recorders.items():
                recorder.go_back(before[name])
            break
    return [recorder.recording() for recorder in recorders.values() if recorder.calls]


def _record(
    version: versions.Version, recorders: Mapping[str, Recorder], suite: CheckSuite
) -> None:
    """Ask a version the suite's questions, with recorders in place of the earlier answers."""
    callbacks = find(version.exercise).callbacks
    functions = callbacks(suite) if callbacks is not None else {}
    with contextlib.ExitStack() as undo:
        for space in map(vars, _homes_of(version)):
            for name in recorders.keys() & space.keys():
                undo.callback(space.__setitem__, name, space[name])
                space[name] = recorders[name].stand_in()
        DirectCalls(version.namespace, functions.__getitem__).ask(_questions(suite))


def _homes_of(version: versions.Version) -> list[ModuleType]:
    """Return the modules whose names a version sees: its own, and that of the lesson's answers."""
    homes = dict.fromkeys((module_of(home_of(version.exercise)), version.module))
    return [importlib.import_module(home) for home in homes]


def may_call(version: versions.Version, names: Sequence[str], asked: set[str]) -> bool:
    """Tell whether a version, or a question by its targets, may call one of these answers.

    Words decide, so that a version too many is tried rather than one too few.
    """
    if version.text:
        return bool((_words(version.text) | asked) & set(names))
    sources = tuple(inspect.getsource(home) for home in _homes_of(version))
    defined = getattr(version.target, "__name__", "")  # a partial has no name
    return not defined or bool({defined, *asked} & callers(sources, tuple(names)))


@functools.cache
def callers(sources: Sequence[str], names: Sequence[str]) -> frozenset[str]:
    """Return these names, and those whose definition in the sources uses one, directly or not."""
    texts = [text for source in sources for text in statements(source)]
    # An import calls nothing, and one statement may import names that have nothing in common.
    texts = [text for text in texts if not text.startswith(("import ", "from "))]
    found: frozenset[str] = frozenset()
    more = frozenset(names)
    while more - found:
        found |= more
        more = frozenset().union(*(bound_names(text) for text in texts if _words(text) & found))
    return found


@functools.cache
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def _questions(suite: CheckSuite) -> list[Ask]:
    """Return the questions whose calls are recorded: none of slow checks, none with a limit."""
    asks = {
        id(case.ask): case.ask for check in suite.checks if not check.slow for case in check.cases
    }
    return [ask for ask in asks.values() if not (ask.counted or ask.timed or ask.memory)]


@dataclass
class _Call:
    """A recorded call; its gradients come later, or never."""

    call: RecordedCall
    gradients: dict[bytes, tuple] = field(default_factory=dict)


class Recorder:
    """A recorder of all calls of one of the course's functions or layers."""

    depth = 0  # recorded calls in progress, in each other: only the outermost is recorded

    def __init__(self, name: str) -> None:
        self.name = name
        self.target = versions.solution(home_of(name), name).target
        self.is_layer = inspect.isclass(self.target)
        self.calls: dict[bytes, _Call] = {}
        self.forms: dict[bytes, LayerForm] = {}
        self.weights: dict[bytes, dict[str, np.ndarray]] = {}
        self.size = 0
        method = self.target.forward if self.is_layer else self.target
        self.call_signature = _signature(method, self.is_layer)
        self.init_signature = (
            _signature(self.target.__init__, True) if self.is_layer else Signature(())
        )

    def stand_in(self) -> Any:
        if self.is_layer:
            return _recorded_layer(self)

        def function(*args: Any, **kwargs: Any) -> Any:
            return self.run(lambda bound, _: self.target(**bound), args, kwargs)

        return function

    def run(
        self,
        call: Callable[[dict[str, Any], dict[str, Any]], Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        parameters: Mapping[str, Any] = MappingProxyType({}),
        training: bool = False,
    ) -> Any:
        """Call the course's version with these arguments and parameters, and record the call.

        Nothing is recorded inside another recorded call.
        """
        bound = self.call_signature.bind(args, kwargs)
        if Recorder.depth:
            return call(bound, dict(parameters))
        before = {key: to_wire(value) for key, value in bound.items()}
        weights = {key: _array(value) for key, value in parameters.items()}
        sources = {
            key: value
            for key, value in {**bound, **parameters}.items()
            if is_float_tensor(value) and value.requires_grad
        }
        copies = {key: value.detach().requires_grad_() for key, value in sources.items()}
        random = _random_state()
        Recorder.depth += 1
        try:
            result = call(
                {key: copies.get(key, value) for key, value in bound.items()},
                {key: copies.get(key, value) for key, value in parameters.items()},
            )
        except Exception as error:
            failure = Failure("exception", type(error).__name__, str(error))
            self._keep(RecordedCall(before, failure, 0, training), weights)
            raise
        finally:
            Recorder.depth -= 1
        recorded = RecordedCall(before, to_wire(result), 0, training)
        # A call that drew random numbers is not kept: they would not be the same the next time.
        drawn = _random_state() != random
        kept = _Call(recorded) if drawn else self._keep(recorded, weights)
        exchange = _Differentiated(self, kept, list(leaves(result)), copies)
        outputs = iter(connected(exchange, list(sources.values())))
        return with_leaves(result, lambda: next(outputs))

    def _keep(self, call: RecordedCall, weights: dict[str, np.ndarray]) -> _Call:
        if _holds_opaque(call.arguments) or _holds_opaque(call.value):
            return _Call(call)  # cannot be recognized again
        known = wire.dumps(weights)
        if known not in self.weights:
            self.weights[known] = weights
            self.size += len(known)
        place = list(self.weights).index(known)
        key = wire.dumps([call.arguments, place, call.training])
        if key not in self.calls:
            self.calls[key] = _Call(replace(call, weights=place))
            self.size += len(key) + len(wire.dumps(call.value))
        return self.calls[key]

    def state(self) -> tuple[dict, dict, dict, int]:
        gradients = {key: dict(one.gradients) for key, one in self.calls.items()}
        return dict(self.calls), gradients, dict(self.weights), self.size

    def go_back(self, state: tuple[dict, dict, dict, int]) -> None:
        """Forget the calls recorded since ``state``, and gradients that came later to others."""
        self.calls, gradients, self.weights, self.size = state
        for key, one in self.calls.items():
            one.gradients = gradients[key]

    def recording(self) -> Recording:
        calls = [
            replace(one.call, gradients=tuple(one.gradients.values()))
            for one in self.calls.values()
        ]
        forms = tuple(self.forms.values())
        weights = list(self.weights.values())
        return Recording(self.name, self.call_signature, calls, self.init_signature, forms, weights)


class _Differentiated:
    """A call's outputs with their graph; it records the gradients that go backward."""

    def __init__(
        self, recorder: Recorder, call: _Call, results: list[Any], inputs: Mapping[str, Any]
    ) -> None:
        self.recorder = recorder
        self.call = call
        self.results = results
        self.inputs = inputs
        self.outputs = [result.detach() for result in results]

    def backward(self, cotangents: Sequence[Any]) -> list[Any]:
        import torch

        pairs = [
            (result, cotangent)
            for result, cotangent in zip(self.results, cotangents, strict=True)
            if result.requires_grad
        ]
        outputs, given = zip(*pairs, strict=True) if pairs else ((), ())
        with torch.enable_grad():
            found = torch.autograd.grad(
                outputs, list(self.inputs.values()), given, allow_unused=True, retain_graph=True
            )
        arrived = tuple(map(_array, cotangents))
        left = {
            key: _array(grad)
            for key, grad in zip(self.inputs, found, strict=True)
            if grad is not None
        }
        key = wire.dumps(arrived)
        if key not in self.call.gradients:
            self.call.gradients[key] = (arrived, left)
            self.recorder.size += len(key) + len(wire.dumps(left))
        return list(found)


def _recorded_layer(recorder: Recorder) -> type:
    import torch
    from torch import nn

    class RecordedLayer(nn.Module):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__()
            inner = recorder.target(*args, **kwargs)
            for name, child in inner.named_children():
                self.add_module(name, child)
            for name, parameter in inner.named_parameters(recurse=False):
                self.register_parameter(name, parameter)
            self._inner = (inner,)  # in a tuple it is no child: its parameters are ours
            own = {
                key: value
                for key, value in vars(inner).items()
                if not key.startswith("_") and key != "training" and isinstance(value, PLAIN)
            }
            for key, value in own.items():
                setattr(self, key, value)
            bound = recorder.init_signature.bind(args, kwargs)
            init = {key: to_wire(value) for key, value in bound.items()}
            self._part = LayerPart(recorder.name, init, is_recorded=True)
            form = wire.dumps(init)
            if form not in recorder.forms and not _holds_opaque(init):
                shapes = {key: tuple(p.shape) for key, p in inner.named_parameters()}
                recorder.forms[form] = LayerForm(init, shapes, own, _parts(inner))

        def forward(self, *args: Any, **kwargs: Any) -> Any:
            self._inner[0].train(self.training)
            named = dict(self.named_parameters())
            return recorder.run(self._call, args, kwargs, named, self.training)

        def _call(self, bound: dict[str, Any], parameters: dict[str, Any]) -> Any:
            return torch.func.functional_call(self._inner[0], parameters, (), bound)

    RecordedLayer.__name__ = RecordedLayer.__qualname__ = recorder.name
    return RecordedLayer


def _parts(layer: Any) -> dict[str, LayerPart]:
    """Return the layers directly inside one that are recorded, or built from plain values."""
    found = {}
    for name, child in layer.named_children():
        part = getattr(child, "_part", None) or _library_part(child)
        if part is not None:
            found[name] = part
    return found


def _library_part(layer: Any) -> LayerPart | None:
    """Describe a layer of ``torch.nn``, such as LayerNorm, by what builds it; None for others."""
    import torch
    from torch import nn

    kind = type(layer)
    if getattr(nn, kind.__name__, None) is not kind:
        return None
    init: dict[str, Any] = {}
    for name in inspect.signature(kind).parameters:
        value = getattr(layer, name, None)
        if name == "bias":  # the parameter itself is kept, or None
            init[name] = value is not None
        elif isinstance(value, PLAIN) or (
            isinstance(value, tuple) and all(isinstance(one, PLAIN) for one in value)
        ):
            init[name] = value
    try:
        with torch.random.fork_rng(devices=[]):  # this trial must not change what is drawn later
            built = kind(**init)
    except TypeError:  # such as a container of other layers
        return None
    own, other = (
        {key: tuple(p.shape) for key, p in one.named_parameters()} for one in (layer, built)
    )
    return LayerPart(kind.__name__, init, is_recorded=False) if own == other else None


def _array(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy().copy()


def _random_state() -> bytes:
    """Return the state of torch's global generator; empty without torch."""
    torch = sys.modules.get("torch")
    return b"" if torch is None else torch.get_rng_state().numpy().tobytes()


def _signature(function: Callable[..., Any], method: bool) -> Signature:
    parameters = list(inspect.signature(function).parameters.values())[1 if method else 0 :]
    defaults = {
        p.name: to_wire(p.default) for p in parameters if p.default is not inspect.Parameter.empty
    }
    return Signature(tuple(p.name for p in parameters), defaults)


def _holds_opaque(value: Any) -> bool:
    return any(isinstance(one, Opaque) for one in _walk(value))


def _walk(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, (list, tuple)) and not isinstance(value, np.ndarray):
        for item in value:
            yield from _walk(item)
