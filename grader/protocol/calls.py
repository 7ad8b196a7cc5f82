"""Call student code in a namespace: each :class:`Ask` gets one :class:`Reply`.

This module runs where the student's code is: in the student's kernel or in the sandboxed worker.
So it decides nothing. Whatever the code does (raise, exit, return something odd) becomes a Reply.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import linecache
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from grader.protocol.instructions import InstructionCounter, rows
from grader.protocol.marshal import MAX_TEXT, dense, from_wire, plain_text, to_wire
from grader.protocol.values import Ask, Callback, Failure, Ref, Reply, Step, moved_on

NOT_WRITTEN = "which is not written yet"

Callbacks = Callable[[str], Callable[..., Any]]


class Calls(Protocol):
    """Anything that answers questions: a namespace in this process, or a worker."""

    def ask(self, asks: Iterable[Ask]) -> list[Reply]: ...


class CallRefused(ValueError):
    """A callback's refusal of a call, raised before the function itself is called.

    Its text is written for students. Other exceptions reach student code without their text.
    """


class _NotAsInContract(Exception):
    """A layer is not built as the contract says. The text is written for students.

    Their own code has raised nothing, so that the failure has no type.
    """


class DirectCalls:
    """Calls into a namespace of this process (a notebook's globals, a module's dict).

    ``callbacks`` returns the function for the key of a :class:`Callback`. ``bounds_memory``: limit
    this process's memory where a question says so; False where another process does.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        callbacks: Callbacks | None = None,
        bounds_memory: bool = True,
    ) -> None:
        self.namespace = namespace
        self.callbacks = callbacks
        self.bounds_memory = bounds_memory

    def ask(self, asks: Iterable[Ask]) -> list[Reply]:
        return [answer(self.namespace, ask, self.callbacks, self.bounds_memory) for ask in asks]


class Listener(Protocol):
    """A listener to what else a call does: what it prints, and the exception that it raises."""

    printed: io.TextIOBase

    def raised(self, error: BaseException) -> None: ...


def answer(
    namespace: Mapping[str, Any],
    ask: Ask,
    callbacks: Callbacks | None = None,
    bounds_memory: bool = True,
    listener: Listener | None = None,
) -> Reply:
    """Put one question to the namespace."""
    printed = io.StringIO() if listener is None else listener.printed
    if ask.target not in namespace:
        return Reply(failure=Failure("missing", message=f"no name {ask.target} here"))
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(),
            # NumPy's own defaults, whatever an earlier cell has set.
            np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
            _torch_defaults(),
            _seeded(ask.seed),
        ):
            warnings.simplefilter("ignore")
            return _Program(namespace, ask, callbacks, bounds_memory).run()
    except KeyboardInterrupt:  # somebody at the notebook wants to stop
        raise
    except _NotAsInContract as error:
        return Reply(failure=Failure("exception", message=str(error)))
    except BaseException as error:  # exit() must not end the worker: it is an answer too
        if listener is not None:
            listener.raised(error)
        return _reply_to(error, ask)


def prepared(
    namespace: Mapping[str, Any], ask: Ask, callbacks: Callbacks | None = None
) -> tuple[Any, tuple, dict[str, Any]]:
    """Take a question's steps, and return what it calls with its arguments.

    That is the function or built layer, the positional arguments and the keyword arguments.
    Whatever the student's code raises comes through.
    """
    with _torch_defaults(), _seeded(ask.seed):
        program = _Program(namespace, ask, callbacks)
        program.take_steps()
        return program.prepared()


def _reply_to(error: BaseException, ask: Ask) -> Reply:
    if isinstance(error, NotImplementedError):
        return Reply(failure=_not_implemented(ask.target, error))
    full = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if isinstance(error, MemoryError) or full:
        return Reply(failure=_out_of_memory(ask, error))
    return Reply(failure=_failure("exception", error))


@dataclass
class _Program:
    """One question's steps and call: their results, and the leaves to differentiate by."""

    namespace: Mapping[str, Any]
    ask: Ask
    callbacks: Callbacks | None = None
    bounds_memory: bool = True
    store: dict[str, Any] = field(default_factory=dict)
    leaves: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Reply:
        ask = self.ask
        with _gradients_on(), _memory_limit(ask.memory, self.bounds_memory):
            with _counted(ask.counted) as count:
                self.take_steps()
                target, args, kwargs = self.prepared()
                if ask.counted == "rows":
                    args = tuple(rows(arg) for arg in args)
                for name in ask.wrt:
                    if name.isdigit():
                        self.leaves[name] = args[int(name)].requires_grad_(True)
                result = target(*args, **kwargs)
                grads = () if ask.cotangents is None else _gradients(result, ask, self.leaves)
            self.store["result"] = result
            for step in ask.after:  # not counted: what a check looks at is not the answer's work
                for _ in range(step.times):
                    self._step(step)
        work, lines = (None, {}) if count is None else (count.work, count.lines)
        changed = tuple(map(to_wire, (*args, *kwargs.values()))) if ask.watch else None
        value = to_wire(result)  # now: it may be a view of an argument, which changes below
        if ask.after:
            value = (value, *(to_wire(self.store[step.name]) for step in ask.after))
        again = None
        if ask.twice:
            for arg in args:
                _move_on(arg)
            again = to_wire(target(*args, **kwargs))
        return Reply(value, grads, changed, work=work, lines=lines, again=again)

    def take_steps(self) -> None:
        for step in self.ask.steps:
            for _ in range(step.times):
                self._step(step)

    def prepared(self) -> tuple[Any, tuple, dict[str, Any]]:
        """Return what is called (the layer built, if it is one) and its arguments."""
        ask = self.ask
        target = self.namespace[ask.target]
        if ask.init is not None:
            target = self._build(target, ask.init, ask.weights)
            if ask.mode:
                target.train(ask.mode == "train")
        args, kwargs = self._arguments(ask)
        return target, args, kwargs

    def _step(self, step: Step) -> None:
        if step.target.startswith("@"):
            from grader.protocol.step_library import step_named

            target = step_named(step.target[1:])
        elif step.target in self.namespace:
            target = self.namespace[step.target]
        else:
            raise NameError(f"name {step.target!r} is not defined")
        if step.init is not None:
            self.store[step.name] = self._build(target, step.init, step.weights)
        else:
            args, kwargs = self._arguments(step)
            self.store[step.name] = target(*args, **kwargs)
        if step.every:
            name, *path = step.every
            found = self._resolve(Ref(step.name, tuple(path)))
            self.store.setdefault(name, []).append(found)

    def _arguments(self, call: Ask | Step) -> tuple[tuple, dict[str, Any]]:
        args = tuple(self._resolve(arg) for arg in call.args)
        return args, {key: self._resolve(arg) for key, arg in call.kwargs.items()}

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, Ref):
            found = self.store[value.name]
            for item in value.path:
                found = found[item]
            return found
        if isinstance(value, Callback):
            if self.callbacks is None:
                raise LookupError("callbacks cannot be called here")
            return self.callbacks(value.key)
        return from_wire(value)

    def _build(self, cls: Any, init: tuple, weights: Mapping[str, np.ndarray]) -> Any:
        import torch

        layer = cls(*(self._resolve(arg) for arg in init))
        # What an optimizer would get. A tensor or a list of layers that is a plain attribute is not
        # among it: it gives the right numbers, but would never learn.
        trained = {id(one) for one in layer.parameters() if one.requires_grad} if weights else set()
        places: dict[str, tuple[Any, str]] = {}
        paths: dict[int, str] = {}  # by the parameter's identity
        for path, array in weights.items():
            owner, _, attribute = path.rpartition(".")
            parent = layer
            for part in owner.split(".") if owner else ():
                parent = parent[int(part)] if part.isdigit() else getattr(parent, part)
            old = getattr(parent, attribute)
            other = paths.setdefault(id(old), path)
            if other != path:
                raise _NotAsInContract(
                    f"{other} and {path} are one and the same parameter, where the contract has two"
                )
            if tuple(old.shape) != array.shape:
                raise _NotAsInContract(
                    f"{path} has shape {tuple(old.shape)}, the contract says {array.shape}"
                )
            if id(old) not in trained:
                raise _NotAsInContract(
                    f"{path} is not among the layer's trainable parameters: no optimizer would "
                    "change it (tensors go into nn.Parameter, lists of layers into nn.ModuleList)"
                )
            places[path] = parent, attribute
        for path, (parent, attribute) in places.items():
            self.leaves[path] = torch.nn.Parameter(torch.from_numpy(weights[path].copy()))
            setattr(parent, attribute, self.leaves[path])
        return layer


def _move_on(arg: Any) -> None:
    """Move an array's rows on by one place, in the array itself; see :func:`moved_on`."""
    if isinstance(arg, np.ndarray) and arg.ndim:
        arg[...] = moved_on(arg)
    elif hasattr(arg, "roll") and arg.dim():
        arg.copy_(arg.roll(1, 0))


def _gradients_on() -> contextlib.AbstractContextManager:
    """Record gradients even if an earlier cell switched them off."""
    torch = sys.modules.get("torch")
    return torch.enable_grad() if torch is not None else contextlib.nullcontext()


@contextlib.contextmanager
def _torch_defaults() -> Iterator[None]:
    """Make new tensors float32, whatever default an earlier cell has set."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(dtype)


@contextlib.contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Seed torch's global generator, and restore its state afterwards."""
    if seed is None:
        yield
        return
    import torch

    with torch.random.fork_rng(devices=[]):
        # Seed the CPU's generator alone: torch.manual_seed also queues a call for every other kind
        # of device, each time with the text of the whole stack, which is slow.
        torch.default_generator.manual_seed(seed)
        yield


def _counted(what: str) -> contextlib.AbstractContextManager:
    """Count torch's work or Python's instructions, if the question asks for it."""
    if not what:
        return contextlib.nullcontext()
    if what in ("instructions", "rows"):
        return InstructionCounter()
    from grader.protocol.counters import WorkCounter

    return WorkCounter()


@contextlib.contextmanager
def _memory_limit(extra: int, bound_here: bool) -> Iterator[None]:
    """Allow ``extra`` bytes beyond what is in use: of tensors, and on Linux of address space.

    A limit of address space alone misses what fits into holes of the heap, which a process that has
    asked many questions has. Outside Linux NumPy's arrays have no limit. ``bound_here`` is False
    where somebody else limits the address space of this process.
    """
    with contextlib.ExitStack() as stack:
        if extra:
            stack.enter_context(_large_blocks_mapped())
        if extra and bound_here:
            stack.enter_context(_tensor_bound(extra))
            stack.enter_context(_address_space_limit(extra))
        yield


def _tensor_bound(most: int) -> contextlib.AbstractContextManager:
    if "torch" not in sys.modules:  # nobody makes tensors
        return contextlib.nullcontext()
    from grader.protocol.counters import MemoryBound

    return MemoryBound(most)


@contextlib.contextmanager
def _address_space_limit(extra: int) -> Iterator[None]:
    """Allow ``extra`` bytes of address space beyond what is in use; no limit outside Linux."""
    status = Path("/proc/self/statm")
    if not status.exists():
        yield
        return
    import resource

    gc.collect()  # what an earlier call left would count as in use, and freeing it would give room
    used = int(status.read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [bound for bound in (used + extra, soft, hard) if bound != resource.RLIM_INFINITY]
    # Only the soft limit: a hard limit, once lowered, could not be raised again.
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextlib.contextmanager
def _large_blocks_mapped() -> Iterator[None]:
    """Have glibc map each block of 64 KiB or more by itself, so that freed ones leave no holes.

    In the heap, a small block that is kept may take the start of a large one that was freed; the
    next large one no longer fits there, and an answer that holds little fills the address space.
    """
    linux = sys.platform == "linux"
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if linux else None  # glibc's alone
    if mallopt is None:
        yield
        return
    trim, threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
    mallopt(threshold, 1 << 16)
    try:
        yield
    finally:
        # The largest values that glibc sets by itself, which it no longer does after mallopt.
        mallopt(threshold, 1 << 25)
        mallopt(trim, 1 << 26)


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
    return tuple(None if grad is None else dense(grad.detach()).cpu().numpy() for grad in found)


def _tensors(result: Any) -> list:
    torch = sys.modules.get("torch")
    if torch is None:
        return []
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [tensor for item in result for tensor in _tensors(item)]
    return []


def _not_implemented(target: str, error: NotImplementedError) -> Failure:
    """Tell the exercise's own stub from an answer that calls another exercise's stub."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    owner = code.co_qualname.partition(".")[0] if code is not None else target
    if owner == target:
        return _failure("not_attempted", error)
    # The stub that `mine` returns says in its message why an earlier answer is missing.
    text = ": ".join(filter(None, [f"it uses {owner}, {NOT_WRITTEN}", _said(error).strip()]))
    return Failure("exception", "NotImplementedError", text[:MAX_TEXT])


def _out_of_memory(ask: Ask, error: BaseException) -> Failure:
    """Tell the worker's memory limit from that of this one question."""
    if not ask.memory:
        return _failure("out_of_memory", error)
    text = f"it takes more than {ask.memory / 1e9:g} GB of memory"
    return Failure("exception", "MemoryError", text)


def _failure(kind: str, error: BaseException) -> Failure:
    """Describe an error: type, message, and its traceback's last line from a notebook's cell."""
    line, number = "", 0
    for frame, place in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if is_cell(name):
            line, number = linecache.getline(name, place).strip(), place
    said = _said(error)[:MAX_TEXT]
    own = type(error)
    built_in = next(cls for cls in own.__mro__ if cls.__module__ == "builtins")
    base = "" if built_in is own else built_in.__name__
    return Failure(kind, own.__name__[:100], said, line[:200], number, base)


def is_cell(filename: str) -> bool:
    """Tell whether this is the name that IPython or ipykernel gives to the file of a cell."""
    return (
        "ipython-input" in filename or "ipykernel" in filename and "site-packages" not in filename
    )


def _said(error: BaseException) -> str:
    try:
        return plain_text(str(error))
    except Exception as broken:  # the student's own __str__ may raise
        return f"(its message raised {type(broken).__name__})"
