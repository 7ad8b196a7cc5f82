"""Convert values for student code and back: real tensors there, plain data on the wire."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from grader.protocol.values import BFLOAT16, Opaque, Tensor

MAX_TEXT = 2000
MAX_ITEMS = 20_000
MAX_INT_BITS = 1023  # rules compare numbers as floats, and no float holds a larger int


def from_wire(value: Any) -> Any:
    """Convert a value from the wire for student code: fresh arrays, real tensors."""
    if isinstance(value, Tensor):
        import torch

        return torch.from_numpy(np.array(value.data, copy=True))
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    if isinstance(value, tuple):
        return tuple(from_wire(item) for item in value)
    if isinstance(value, dict):
        return {key: from_wire(item) for key, item in value.items()}
    return value


def dense(tensor: Any) -> Any:
    """Return a sparse tensor's numbers in an ordinary one, which is all that NumPy knows."""
    return tensor if tensor.layout is sys.modules["torch"].strided else tensor.to_dense()


def plain_text(text: str) -> str:
    """Return text of a subclass, such as markupsafe's, as a str: the wire takes nothing else."""
    return str.__str__(text)


def to_wire(value: Any, depth: int = 0) -> Any:
    """Convert a value of student code to plain data; what cannot be sent becomes Opaque."""
    if value is None or isinstance(value, (bool, str)):
        return value[:MAX_TEXT] if isinstance(value, str) else value
    if isinstance(value, float):  # np.float64 is one
        return float(value)
    if isinstance(value, int):
        fits = int(value).bit_length() <= MAX_INT_BITS
        return int(value) if fits else Opaque("whole number that no float can hold")
    if isinstance(value, np.ndarray):
        kind = value.dtype
        # In the native order of bytes: another order, as files from elsewhere have it, is no error.
        own = kind.newbyteorder("=")
        return np.array(value, own) if kind.kind in "biufc" else Opaque(f"array of {kind}")
    if isinstance(value, np.generic):
        return np.asarray(value) if value.dtype.kind in "biufc" else Opaque(type(value).__name__)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = dense(value.detach()).cpu()
        if plain.dtype is torch.bfloat16:
            return BFLOAT16
        return Tensor(np.array(plain.resolve_conj().resolve_neg().numpy()))
    if depth < 6 and isinstance(value, (list, tuple)) and len(value) <= MAX_ITEMS:
        items = [to_wire(item, depth + 1) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if depth < 6 and isinstance(value, dict) and len(value) <= MAX_ITEMS:
        if all(isinstance(key, str) for key in value):
            return {str(key): to_wire(item, depth + 1) for key, item in value.items()}
    return Opaque(type(value).__name__[:100])
