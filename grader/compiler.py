"""PyTorch's compiler, imported only where something needs it.

The first use of any optimizer imports ``torch._dynamo``, which takes a second of processor time and
does nothing where nothing is compiled. Until more of it is asked for than an optimizer does, a
stand-in has its place; ``torch.compile`` and ``import torch._dynamo.config`` find the real one.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"
MARK = "__dynamo_disable"  # where torch keeps the disabled form of a function, once it has it


class _StandIn(ModuleType):
    """What an optimizer uses of the compiler, doing nothing; anything else loads the real one."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.__path__: list[str] = []
        self._left: list[Callable] = []  # functions that the real one will have to see again
        self._real: ModuleType | None = None

    def graph_break(self, *args: Any, **kwargs: Any) -> None:
        if self._real is not None:
            self._real.graph_break(*args, **kwargs)

    def disable(self, fn: Any = None, *args: Any, **kwargs: Any) -> Any:
        if self._real is not None or kwargs.get("wrapping") is not False:
            return self._load().disable(fn, *args, **kwargs)
        self._left.append(fn)  # torch's own, which keeps what it is given under MARK
        return fn

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what looks at all modules asks for these
            raise AttributeError(f"module {NAME!r} has no attribute {name!r}")
        return getattr(self._load(), name)

    def _load(self) -> ModuleType:
        if self._real is None:
            import torch

            sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, _Finder)]
            del sys.modules[NAME], torch._dynamo
            self._real = importlib.import_module(NAME)
            for fn in self._left:
                vars(fn).pop(MARK, None)
        return self._real


class _Finder(importlib.abc.MetaPathFinder):
    """Has the real compiler loaded before one of its parts is."""

    def __init__(self, stands_in: _StandIn) -> None:
        self.stands_in = stands_in

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f"{NAME}."):
            return None
        self.stands_in._load()
        loaded = sys.modules.get(name)
        if loaded is not None:  # while the whole was
            return ModuleSpec(name, _Loaded(loaded))
        parent = sys.modules[name.rpartition(".")[0]]
        return importlib.machinery.PathFinder.find_spec(name, parent.__path__)


class _Loaded(importlib.abc.Loader):
    """Gives out a module that is there already, as it is."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec


def delay() -> None:
    """Put the stand-in there, unless the compiler is loaded already. Imports torch."""
    import torch

    if NAME not in sys.modules:
        stands_in = _StandIn()
        sys.modules[NAME] = torch._dynamo = stands_in
        sys.meta_path.insert(0, _Finder(stands_in))
