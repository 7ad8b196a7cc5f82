"""The seam: one :class:`Ask` in, one :class:`Reply` out, against names in a namespace.

This runs where the student's code is: in the student's kernel or in the sandboxed worker. It
decides nothing. Whatever the code does (raise, exit, return something odd) becomes a Reply.
"""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from grader.core.values import Ask, Failure, Opaque, Reply, Tensor

MAX_TEXT = 2000
MAX_ITEMS = 20_000


class Seam(Protocol):
    """Anything that answers questions: a namespace here, or a worker far away."""

    def ask(self, asks: Iterable[Ask]) -> list[Reply]: ...


class DirectSeam:
    """Direct calls into a namespace (a notebook's globals, a module's dict)."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = namespace

    def ask(self, asks: Iterable[Ask]) -> list[Reply]:
        return [answer(self.namespace, one) for one in asks]


def answer(namespace: Mapping[str, Any], ask: Ask) -> Reply:
    """Put one question to the namespace."""
    if ask.target not in namespace:
        return Reply(failure=Failure("missing", message=f"no name {ask.target} here"))
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            return _answer(namespace[ask.target], ask)
    except KeyboardInterrupt:
        raise
    except NotImplementedError as error:
        return Reply(failure=_unwritten(ask.target, error))
    except MemoryError as error:
        return Reply(failure=_failure("out_of_memory", error))
    except BaseException as error:  # exit() and the like are answers too
        return Reply(failure=_failure("exception", error))


def _answer(target: Any, ask: Ask) -> Reply:
    leaves: dict[str, Any] = {}
    if ask.init is not None:
        target = _build(target, ask, leaves)
    args = tuple(receive(arg) for arg in ask.args)
    kwargs = {key: receive(arg) for key, arg in ask.kwargs.items()}
    for name in ask.wrt:
        if name.isdigit():
            leaves[name] = args[int(name)].requires_grad_(True)
    with _gradients_on():
        result = target(*args, **kwargs)
        grads = _gradients(result, ask, leaves) if ask.cotangents is not None else ()
    after = tuple(send(arg) for arg in args) if ask.watch else None
    return Reply(value=send(result), grads=grads, args=after)


def _gradients_on() -> contextlib.AbstractContextManager:
    """Whatever an earlier cell switched off. Nothing to do where there is no torch."""
    torch = sys.modules.get("torch")
    return torch.enable_grad() if torch is not None else contextlib.nullcontext()


def _build(cls: Any, ask: Ask, leaves: dict[str, Any]) -> Any:
    import torch

    layer = cls(*(receive(arg) for arg in ask.init or ()))
    for path, array in ask.weights.items():
        owner, _, attribute = path.rpartition(".")
        parent = layer
        for part in owner.split(".") if owner else ():
            parent = parent[int(part)] if part.isdigit() else getattr(parent, part)
        old = getattr(parent, attribute)
        if tuple(old.shape) != array.shape:
            raise ValueError(
                f"{path} has shape {tuple(old.shape)}, the contract says {array.shape}"
            )
        new = torch.nn.Parameter(torch.from_numpy(array.copy()))
        setattr(parent, attribute, new)
        leaves[path] = new
    return layer


def _gradients(result: Any, ask: Ask, leaves: dict[str, Any]) -> tuple:
    import torch

    outputs = [t for t in _tensors(result) if t.dtype.is_floating_point]
    pairs = [
        (out, torch.from_numpy(cot.copy()).to(out.dtype))
        for out, cot in zip(outputs, ask.cotangents or (), strict=False)
        if out.requires_grad and tuple(out.shape) == cot.shape
    ]
    if not pairs:
        return tuple(None for _ in ask.wrt)
    total = sum((out * cot).sum() for out, cot in pairs)
    inputs = [leaves[name] for name in ask.wrt]
    found = torch.autograd.grad(total, inputs, allow_unused=True)
    return tuple(None if grad is None else grad.detach().cpu().numpy() for grad in found)


def _tensors(result: Any) -> list:
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [tensor for item in result for tensor in _tensors(item)]
    return []


def receive(value: Any) -> Any:
    """A value from the wire as student code is to see it: fresh arrays, real tensors."""
    if isinstance(value, Tensor):
        import torch

        return torch.from_numpy(np.array(value.data, copy=True))
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list):
        return [receive(item) for item in value]
    if isinstance(value, tuple):
        return tuple(receive(item) for item in value)
    if isinstance(value, dict):
        return {key: receive(item) for key, item in value.items()}
    return value


def send(value: Any, depth: int = 0) -> Any:
    """A value of student code as plain data; what does not travel becomes its type's name."""
    if value is None or isinstance(value, (bool, str)):
        return value[:MAX_TEXT] if isinstance(value, str) else value
    if isinstance(value, float):  # np.float64 is one
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, np.ndarray):
        return np.array(value) if value.dtype.kind in "biufc" else Opaque(f"array of {value.dtype}")
    if isinstance(value, np.generic):
        return np.asarray(value) if value.dtype.kind in "biufc" else Opaque(type(value).__name__)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        if plain.dtype is torch.bfloat16:
            return Opaque("bfloat16 tensor")
        return Tensor(np.array(plain.resolve_conj().resolve_neg().numpy()))
    if depth < 6 and isinstance(value, (list, tuple)) and len(value) <= MAX_ITEMS:
        items = [send(item, depth + 1) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if depth < 6 and isinstance(value, dict) and len(value) <= MAX_ITEMS:
        if all(isinstance(key, str) for key in value):
            return {str(key): send(item, depth + 1) for key, item in value.items()}
    return Opaque(type(value).__name__[:100])


def _unwritten(target: str, error: NotImplementedError) -> Failure:
    """The stub itself, or an answer that calls another exercise's stub?"""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    owner = code.co_qualname.partition(".")[0] if code is not None else target
    if owner == target:
        return _failure("not_attempted", error)
    return Failure("exception", "NotImplementedError", f"it uses {owner}, which is not written yet")


def _failure(kind: str, error: BaseException) -> Failure:
    """The error's type, message, and the last line of it that the student wrote."""
    line = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.line and "ipython-input" in frame.filename or "ipykernel" in frame.filename:
            line = frame.line or ""
    try:
        message = str(error)
    except Exception as broken:  # the student's own __str__ may raise
        message = f"(its message raised {type(broken).__name__})"
    return Failure(kind, type(error).__name__[:100], message[:MAX_TEXT], line[:200])
