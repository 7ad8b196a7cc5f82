"""A package that takes long to import, imported only when something of it is used.

Until then stand-ins have its place, and that of those of its modules that are imported by name.
``importlib.util.LazyLoader`` does this for one module; ``import package.module as name`` would load
the package at once.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """A module that loads the real one when it is asked for anything."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._package: Package | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":  # asked for by a star alone
            real = self._real()
            return getattr(real, name, [one for one in vars(real) if not one.startswith("_")])
        if name.startswith("__") and name != "__version__":  # what looks at all modules asks
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self._real(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            super().__setattr__(name, value)
        else:
            setattr(self._real(), name, value)

    def __dir__(self) -> list[str]:
        return dir(self._real())

    def _real(self) -> ModuleType:
        assert self._package is not None
        self._package.load()
        return sys.modules[self.__name__]


class Functions(StandIn):
    """A module of functions: what is imported from it loads the real one when it is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

        def function(*args: Any, **kwargs: Any) -> Any:
            return getattr(self._real(), name)(*args, **kwargs)

        return function


class Package:
    """A package and its stand-ins: first its own, then of modules in it.

    ``loaded`` is called once, when the real one is there.
    """

    def __init__(
        self, *stand_ins: StandIn, loaded: Callable[[ModuleType], object] = lambda _: None
    ) -> None:
        self.name = stand_ins[0].__name__
        self.stand_ins = stand_ins
        self.loaded = loaded
        self.pending = False

    def delay(self) -> None:
        """Put the stand-ins there, unless the package is loaded already."""
        if self.name in sys.modules:
            return
        self.pending = True
        for one in self.stand_ins:
            one._package = self
            _put(one.__name__, one)
        self.finder = _Finder(self)
        sys.meta_path.insert(0, self.finder)

    def load(self) -> None:
        """Put the package itself in their place."""
        if not self.pending:
            return
        self.pending = False
        sys.meta_path.remove(self.finder)
        for one in self.stand_ins:
            _drop(one.__name__)
        for one in self.stand_ins:
            importlib.import_module(one.__name__)
        self.loaded(sys.modules[self.name])


def _put(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent:
        vars(sys.modules[parent])[last] = module


def _drop(name: str) -> None:
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        vars(sys.modules[parent]).pop(last, None)
    del sys.modules[name]


class _Finder(importlib.abc.MetaPathFinder):
    """Has the package loaded before a part of it is that has no stand-in."""

    def __init__(self, package: Package) -> None:
        self.package = package

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(f"{self.package.name}."):
            return None
        self.package.load()
        loaded = sys.modules.get(name)
        if loaded is not None:  # while the whole was
            loader = _Loaded(loaded)
            vars(loaded)["__spec__"] = None  # or importlib takes that one, and loads it again
            return ModuleSpec(name, loader)
        parent = sys.modules[name.rpartition(".")[0]]
        return PathFinder.find_spec(name, parent.__path__)


class _Loaded(importlib.abc.Loader):
    """Gives out a module that is there already, as it is."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__spec__"] = self.spec
