"""What is known about a value: what each of its axes stands for, and no numbers.

``m`` stands for queries, ``n`` for keys, ``d`` and ``v`` for features; "1" is an axis of
length one.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

QUERY_AXIS = "m"
UNKNOWN_AXIS = "?"
FIXED = "fixed"  # a length that the text of the program gives


class Value:
    """What is known about one value."""


@dataclass(frozen=True)
class Unknown(Value):
    """Anything; ``derived`` says that it was made from the queries."""

    derived: bool = False


@dataclass(frozen=True)
class Const(Value):
    """A number, a string or None that the text gives."""

    value: Any


@dataclass(frozen=True)
class Size(Value):
    """A whole number that goes with the length of an axis: ``len(x)``, ``x.shape[0] - 1``."""

    axis: str


@dataclass(frozen=True)
class Index(Value):
    """A whole number that changes from turn to turn of a loop."""


@dataclass(frozen=True)
class Array(Value):
    """An array or tensor, one label for each axis."""

    axes: tuple[str, ...]
    derived: bool


@dataclass(frozen=True)
class Items(Value):
    """A tuple, list or dict's values, each of its own kind, their number known."""

    items: tuple[Value, ...]


@dataclass(frozen=True)
class Stream(Value):
    """A list or an iterator along an axis, all its items alike."""

    axis: str
    item: Value


@dataclass(frozen=True, eq=False)
class Function(Value):
    """A function of this cell, with the names that it sees."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    bound: tuple[Value, ...] = ()


@dataclass(frozen=True, eq=False)
class Class(Value):
    """A class of this cell."""

    methods: dict[str, Value]


@dataclass(frozen=True, eq=False)
class Instance(Value):
    """What a class of this cell makes."""

    methods: dict[str, Value]
    attributes: dict[str, Value]


@dataclass(frozen=True)
class External(Value):
    """A name from elsewhere: ``np.exp``, ``range``, an earlier exercise."""

    name: str

    @property
    def last(self) -> str:
        """The name without the modules in front of it."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Bound(Value):
    """``owner.name``: a method, or an attribute that is not known."""

    owner: Value
    name: str


@dataclass(frozen=True)
class Elementwise(Value):
    """What np.vectorize and np.frompyfunc give: a Python call for each entry."""

    maker: str


@dataclass(frozen=True)
class Partial(Value):
    """What functools.partial gives."""

    function: Value
    args: tuple[Value, ...]
    keywords: tuple[tuple[str, Value], ...]


def derived(value: Value) -> bool:
    """Was it made from the queries?"""
    if isinstance(value, (Unknown, Array)):
        return value.derived
    if isinstance(value, Size):
        return value.axis == QUERY_AXIS
    if isinstance(value, Items):
        return any(derived(item) for item in value.items)
    if isinstance(value, Stream):
        return value.axis == QUERY_AXIS or derived(value.item)
    if isinstance(value, Bound):
        return derived(value.owner)
    if isinstance(value, Partial):
        return any(derived(arg) for arg in value.args)
    if isinstance(value, Instance):
        return any(derived(item) for item in value.attributes.values())
    return False


def is_number(value: Value) -> bool:
    """Is it a single number?"""
    if isinstance(value, Const):
        return isinstance(value.value, (int, float, complex))
    return isinstance(value, (Size, Index)) or (isinstance(value, Array) and not value.axes)


def whole(value: Value | None) -> int | None:
    """The integer that a value is known to be."""
    if isinstance(value, Const) and type(value.value) is int:
        return value.value
    return None


def size_among(values: Sequence[Value]) -> Size | None:
    """The length that values speak of: the queries' if any does."""
    sizes = [value for value in values if isinstance(value, Size)]
    by_queries = [size for size in sizes if size.axis == QUERY_AXIS]
    return (by_queries or sizes or [None])[0]  # type: ignore[list-item]


def join(one: Value | None, other: Value | None) -> Value:
    """What is known of a value that may be either."""
    if one is None or other is None:
        return one or other or Unknown()
    if one == other:
        return one
    if isinstance(one, Array) and isinstance(other, Array) and one.axes == other.axes:
        return Array(one.axes, one.derived or other.derived)
    if isinstance(one, (Const, Index, Size)) and isinstance(other, (Const, Index, Size)):
        return size_among([one, other]) or Index()
    # An accumulator that starts as 0, None or [] is what it becomes.
    for empty, full in ((one, other), (other, one)):
        if isinstance(empty, Const) or empty == Items(()):
            return full
    if isinstance(one, Items) and isinstance(other, Items) and len(one.items) == len(other.items):
        return Items(tuple(join(a, b) for a, b in zip(one.items, other.items, strict=True)))
    if isinstance(one, Stream) and isinstance(other, Stream):
        axis = one.axis if QUERY_AXIS in (one.axis, other.axis) else other.axis
        axis = QUERY_AXIS if QUERY_AXIS in (one.axis, other.axis) else axis
        return Stream(axis, join(one.item, other.item))
    return Unknown(derived(one) or derived(other))


def axis_of(value: Value) -> str | None:
    """The axis along which iterating over the value runs; None where that is not known."""
    if isinstance(value, Array):
        return value.axes[0] if value.axes else FIXED
    if isinstance(value, Stream):
        return value.axis
    if isinstance(value, (Items, Const)):
        return FIXED
    return None


def runs_over_queries(value: Value) -> bool:
    """Does a loop over the value run over the queries, or over what cannot be told from them?"""
    axis = axis_of(value)
    return axis == QUERY_AXIS or (axis in (None, UNKNOWN_AXIS) and derived(value))


def item_of(value: Value) -> Value:
    """What one turn of a loop over the value sees."""
    if isinstance(value, Array):
        return Array(value.axes[1:], value.derived)
    if isinstance(value, Stream):
        return value.item
    if isinstance(value, Items):
        item: Value | None = None
        for each in value.items:
            item = join(item, each)
        return item or Unknown()
    return Unknown(derived(value))


def as_array(value: Value) -> Value:
    """The value as np.asarray sees it."""
    if isinstance(value, Array):
        return value
    if isinstance(value, (Stream, Items)):
        axis = value.axis if isinstance(value, Stream) else FIXED
        item = as_array(item_of(value))
        if is_number(item):
            return Array((axis,), derived(value))
        if isinstance(item, Array):
            return Array((axis, *item.axes), derived(value))
    return Unknown(derived(value))


def broadcast(values: Sequence[Value]) -> Value:
    """The axes of an elementwise operation's result."""
    known = [as_array(value) for value in values if not is_number(value)]
    arrays = [value for value in known if isinstance(value, Array)]
    if any(not isinstance(value, Array) and derived(value) for value in known):
        return Unknown(True)
    if not arrays:
        return Unknown() if known else Index()
    width = max(len(array.axes) for array in arrays)
    axes = []
    for place in range(width):
        labels = {"1"}
        for array in arrays:
            position = place - width + len(array.axes)
            if position >= 0:
                labels.add(array.axes[position])
        labels.discard("1")
        if len(labels) > 1:
            labels -= {UNKNOWN_AXIS, FIXED}
        axes.append(labels.pop() if len(labels) == 1 else UNKNOWN_AXIS if labels else "1")
    return Array(tuple(axes), any(array.derived for array in arrays))


class Scope:
    """Names and what is known of them."""

    def __init__(self, parent: Scope | None = None) -> None:
        self.names: dict[str, Value] = {}
        self.parent = parent

    def get(self, name: str) -> Value | None:
        """What the name stands for, here or further out; None where it is not known."""
        if name in self.names:
            return self.names[name]
        return self.parent.get(name) if self.parent else None


def size(axis: str, from_queries: bool) -> Value:
    """The length of an axis, as ``x.shape`` gives it."""
    if axis == "1":
        return Const(1)
    if axis == UNKNOWN_AXIS:
        return Unknown(from_queries)
    return Size(axis)
