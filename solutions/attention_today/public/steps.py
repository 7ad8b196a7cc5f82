"""Steps around a question of this lesson. They run in the student's process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def sums(one: torch.Tensor, other: torch.Tensor, seed: int) -> torch.Tensor:
    """Each row of one added to each row of the other, (n · m, d), in an order that seed gives."""
    found = (one[:, None] + other).flatten(0, 1)
    return found[torch.randperm(len(found), generator=torch.Generator().manual_seed(seed))]


class _Products(TorchDispatchMode):
    """A context that remembers how many numbers the largest product of matrices had."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry and isinstance(out, torch.Tensor):
            self.largest = max(self.largest, out.numel())
        return out


class _Watched(torch.Tensor):
    """A tensor that, like all that is computed from it, notes the products it has a part in."""

    seen: _Products

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        with cls.seen:
            return super().__torch_function__(func, types, args, kwargs or {})


def watched(tensor: torch.Tensor) -> torch.Tensor:
    """Return the same numbers in a tensor that notes the products it has a part in."""
    own = type("Watched", (_Watched,), {"seen": _Products()})
    return tensor.as_subclass(own)


def largest_product(tensor: _Watched, least: int) -> int:
    """How many numbers the largest product had in which the tensor had a part; at least ``least``.

    A smaller one is as good, and many right answers make smaller ones.
    """
    return max(tensor.seen.largest, least)
