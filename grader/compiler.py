"""PyTorch's compiler, imported only where something needs it.

The first use of any optimizer imports ``torch._dynamo``, which takes a second of processor time and
does nothing where nothing is compiled. Until more of it is asked for than an optimizer does, a
stand-in has its place; ``torch.compile`` and ``import torch._dynamo.config`` find the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from grader.later import Package, StandIn

NAME = "torch._dynamo"
MARK = "__dynamo_disable"  # where torch keeps the disabled form of a function, once it has it


class _Compiler(StandIn):
    """What an optimizer uses of the compiler, doing nothing; anything else loads the real one."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self._left: list[Callable] = []  # functions that the real one will have to see again

    def _stands(self) -> bool:
        return self._package is not None and self._package.pending

    def graph_break(self, *args: Any, **kwargs: Any) -> None:
        if not self._stands():
            self._real().graph_break(*args, **kwargs)

    def disable(self, fn: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not self._stands() or kwargs.get("wrapping") is not False:
            return self._real().disable(fn, *args, **kwargs)
        self._left.append(fn)  # torch's own, which keeps what it is given under MARK
        return fn

    def _forget(self, _: ModuleType) -> None:
        for fn in self._left:
            vars(fn).pop(MARK, None)


def delay() -> None:
    """Put the stand-in there, unless the compiler is loaded already. Imports torch."""
    import torch  # noqa: F401  (in which the stand-in is put)

    stand_in = _Compiler()
    Package(stand_in, loaded=stand_in._forget).delay()
