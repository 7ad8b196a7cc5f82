"""Count what torch computes and holds: the same on every machine, idle or busy."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

aten = torch.ops.aten


def _tensors(out: Any) -> Iterator[Tensor]:
    """Yield the tensors that an operation returns, alone or in nested lists and tuples."""
    if isinstance(out, Tensor):
        yield out
    elif isinstance(out, (tuple, list)):
        for item in out:
            yield from _tensors(item)


class WorkCounter(TorchDispatchMode):
    """A context that counts what torch computes: ``work`` is the numbers written plus FLOPs.

    FLOPs (a multiplication and an addition are two) are counted for products of matrices,
    including fused attention, as :mod:`torch.utils.flop_counter` counts them. A view writes
    nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.work = 0
        self.lines: dict[str, tuple[int, int, int]] = {}  # no rule asks which line computed what

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.work += sum(tensor.numel() for tensor in _tensors(out))
        packet = func.overloadpacket
        if packet is aten._scaled_dot_product_flash_attention_for_cpu:
            self.work += sdpa_flop_count(*(part.shape for part in args[:3]))
        elif packet in flop_registry:
            self.work += flop_registry[packet](*args, **(kwargs or {}), out_val=out)
        return out


class MemoryBound(TorchDispatchMode):
    """A context that raises MemoryError once tensors made in it hold more than ``most`` bytes.

    What is held at the same time counts: shared memory once, freed memory no longer. What an
    operation needs while it runs is not seen.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.held = most, 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            for tensor in _tensors(out):
                if tensor.layout is torch.strided:  # a sparse one has no storage; its parts count
                    self._hold(tensor.untyped_storage())
        if self.held > self.most:
            raise MemoryError(f"tensors hold {self.held:,} bytes")
        return out

    def _hold(self, storage: torch.UntypedStorage) -> None:
        place, size = storage.data_ptr(), storage.nbytes()
        if size and place not in self._known:
            self._known.add(place)
            self.held += size
            weakref.finalize(storage, self._free, place, size)

    def _free(self, place: int, size: int) -> None:
        self._known.discard(place)
        self.held -= size
