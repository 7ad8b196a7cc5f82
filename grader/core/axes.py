"""What each axis of a value stands for, and what NumPy's and Python's functions do to axes.

This is the arithmetic behind :mod:`grader.core.loops`: no numbers, only labels. ``m`` stands for
queries, ``n`` for keys, ``d`` and ``v`` for features; "1" is an axis of length one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
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


# ----------------------------------------------------------------- what library calls do to axes

MAPPERS = frozenset(("map", "starmap", "filter", "filterfalse", "imap", "imap_unordered"))

_ELEMENTWISE = """
exp exp2 expm1 log log2 log1p sqrt abs absolute fabs square maximum minimum fmax fmin where clip
clamp add subtract multiply divide true_divide power float_power pow negative positive tanh sign
floor ceil round around rint mod remainder reciprocal logaddexp sigmoid erf
isfinite isnan isinf nan_to_num equal less greater not_equal less_equal greater_equal
logical_and logical_or logical_not softmax log_softmax masked_fill cumsum cumprod sort argsort
flip fliplr flipud copy deepcopy clone astype type to float double float64 numpy detach cpu
from_numpy as_tensor tensor contiguous ascontiguousarray asfortranarray
zeros_like ones_like empty_like full_like
"""
ELEMENTWISE = frozenset(_ELEMENTWISE.split())  # what leaves the axes as broadcasting makes them

_REDUCTIONS = """
sum max min amax amin mean prod any all std var median argmax argmin norm nansum nanmax nanmin
logsumexp count_nonzero average ptp fsum reduce
"""


class Arguments:
    """A call's arguments, by place or by any of the names they go by."""

    def __init__(self, args: list[Value], keywords: dict[str, Value]) -> None:
        self.args = args
        self.keywords = keywords

    def get(self, place: int, *names: str) -> Value | None:
        """The argument at this place, or given under one of the names."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.args[place] if place < len(self.args) else None

    def array(self, place: int = 0) -> Array | None:
        """The argument at this place as an array, if it is one."""
        value = self.get(place)
        made = as_array(value) if value is not None else None
        return made if isinstance(made, Array) else None


def matmul(left: Value, right: Value) -> Value:
    """``left @ right``."""
    one, other = as_array(left), as_array(right)
    from_queries = derived(left) or derived(right)
    if not isinstance(one, Array) or not isinstance(other, Array):
        return Unknown(from_queries)
    if not one.axes or not other.axes:
        return Unknown(from_queries)
    rows, columns = one.axes[-2:-1], other.axes[-1:] if len(other.axes) > 1 else ()
    batch = broadcast([Array(one.axes[:-2], False), Array(other.axes[:-2], False)])
    lead = batch.axes if isinstance(batch, Array) else ()
    return Array((*lead, *rows, *columns), from_queries)


def _dot(call: Arguments) -> Value | None:
    left, right = call.array(0), call.array(1)
    if left is None or right is None or not left.axes or not right.axes:
        return None
    if len(left.axes) > 2 or len(right.axes) > 2:
        return None
    return matmul(left, right)


def _matmul(call: Arguments) -> Value | None:
    left, right = call.get(0), call.get(1)
    return None if left is None or right is None else matmul(left, right)


def _inner(call: Arguments) -> Value | None:
    left, right = call.array(0), call.array(1)
    if left is None or right is None:
        return None
    return Array(left.axes[:-1] + right.axes[:-1], left.derived or right.derived)


def _outer(call: Arguments) -> Value | None:
    left, right = call.array(0), call.array(1)
    if left is None or right is None or len(left.axes) != 1 or len(right.axes) != 1:
        return None
    return Array(left.axes + right.axes, left.derived or right.derived)


def _tensordot(call: Arguments) -> Value | None:
    left, right, axes = call.array(0), call.array(1), call.get(2, "axes", "dims")
    if left is None or right is None:
        return None
    count = whole(axes) if axes is not None else 2
    both = left.derived or right.derived
    if count is not None:
        return Array(left.axes[: len(left.axes) - count] + right.axes[count:], both)
    if isinstance(axes, Items) and len(axes.items) == 2:
        kept = []
        for array, summed in zip((left, right), axes.items, strict=True):
            numbers = _numbers(summed)
            if numbers is None:
                return None
            gone = {number % len(array.axes) for number in numbers}
            kept += [axis for i, axis in enumerate(array.axes) if i not in gone]
        return Array(tuple(kept), both)
    return None


def _numbers(value: Value | None) -> list[int] | None:
    single = whole(value)
    if single is not None:
        return [single]
    if isinstance(value, Items):
        found = [whole(item) for item in value.items]
        return [n for n in found if n is not None] if None not in found else None
    return None


def _einsum(call: Arguments) -> Value | None:
    if not call.args or not isinstance(call.args[0], Const):
        return None
    spec = str(call.args[0].value).replace(" ", "")
    operands = [as_array(arg) for arg in call.args[1:]]
    before, arrow, after = spec.partition("->")
    terms = before.split(",")
    if "." in spec or len(terms) != len(operands):
        return None
    names: dict[str, str] = {}
    for term, operand in zip(terms, operands, strict=True):
        if not isinstance(operand, Array) or len(term) != len(operand.axes):
            return None
        for letter, axis in zip(term, operand.axes, strict=True):
            if names.get(letter) in (None, "1", FIXED, UNKNOWN_AXIS):
                names[letter] = axis
    if not arrow:
        letters = before.replace(",", "")
        after = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return Array(tuple(names.get(c, UNKNOWN_AXIS) for c in after), derived(Items(tuple(operands))))


def _reduction(call: Arguments) -> Value | None:
    if len(call.args) > 1 and all(is_number(arg) for arg in call.args):
        return item_of(Items(tuple(call.args)))  # max(m, n)
    value = call.get(0)
    if isinstance(value, (Stream, Items)) and len(call.args) == 1 and not call.keywords:
        return item_of(value)  # the built-in sum of a list
    array = call.array()
    if array is None:
        return None
    axis = call.get(1, "axis", "dim")
    keep = call.get(99, "keepdims", "keepdim")
    kept = isinstance(keep, Const) and bool(keep.value)
    if keep is not None and not isinstance(keep, Const):
        return None
    if axis is None or (isinstance(axis, Const) and axis.value is None):
        return Array(("1",) * len(array.axes) if kept else (), array.derived)
    numbers = _numbers(axis)
    if numbers is None or not array.axes:
        return None
    gone = {number % len(array.axes) for number in numbers}
    axes = ["1" if i in gone else name for i, name in enumerate(array.axes)]
    return Array(tuple(name for i, name in enumerate(axes) if kept or i not in gone), array.derived)


def _label(size: Value) -> str:
    if isinstance(size, Size):
        return size.axis
    if isinstance(size, Const):
        return "1" if size.value == 1 else FIXED
    return UNKNOWN_AXIS


def _filled(call: Arguments) -> Value | None:
    shape = call.get(0, "shape", "size")
    if shape is None:
        return Index()
    sizes = shape.items if isinstance(shape, Items) else (shape,)
    return Array(tuple(_label(size) for size in sizes), derived(shape))


def _arange(call: Arguments) -> Value | None:
    size = size_among(call.args)
    if size is None and any(derived(arg) for arg in call.args):
        return None
    return Array((size.axis if size else FIXED,), derived(size or Const(0)))


def _range(call: Arguments) -> Value | None:
    array = _arange(call)
    return Stream(array.axes[0], Index()) if isinstance(array, Array) else None


def _len(call: Arguments) -> Value | None:
    value = call.get(0)
    if isinstance(value, Items):
        return Const(len(value.items))
    axis = axis_of(value) if value is not None else None
    if value is None or axis is None or isinstance(value, Const):
        return None
    return size(axis, derived(value)) if axis != FIXED else Index()


def _shape(call: Arguments) -> Value | None:
    array = call.array()
    return Items(tuple(size(axis, array.derived) for axis in array.axes)) if array else None


def _ndim(call: Arguments) -> Value | None:
    array = call.array()
    return Const(len(array.axes)) if array else None


def _listed(call: Arguments) -> Value | None:
    value = call.get(0)
    if value is None:
        return Items(())
    if isinstance(value, (Items, Stream)):
        return value
    if isinstance(value, Array) and value.axes:
        return Stream(value.axes[0], item_of(value))
    return None


def _tolist(call: Arguments) -> Value | None:
    array = call.array()
    return _nested(array.axes, array.derived) if array else None


def _nested(axes: tuple[str, ...], from_queries: bool) -> Value:
    if not axes:
        return Array((), from_queries)
    return Stream(axes[0], _nested(axes[1:], from_queries))


def _enumerate(call: Arguments) -> Value | None:
    value = call.get(0, "iterable")
    if value is None:
        return None
    if isinstance(value, Items):
        return Items(tuple(Items((Const(i), item)) for i, item in enumerate(value.items)))
    axis = axis_of(value)
    if axis is None:
        return None
    return Stream(axis, Items((Index(), item_of(value))))


def _zip(call: Arguments) -> Value | None:
    if call.args and all(isinstance(arg, Items) for arg in call.args):
        rows = zip(*(arg.items for arg in call.args if isinstance(arg, Items)), strict=False)
        return Items(tuple(Items(row) for row in rows))
    return _together(call)


def _together(call: Arguments) -> Value | None:
    """zip, product, chain …: along the queries if any part is."""
    item = Items(tuple(item_of(arg) for arg in call.args))
    if any(runs_over_queries(arg) for arg in call.args):
        return Stream(QUERY_AXIS, item)
    known = [axis_of(arg) for arg in call.args if not isinstance(arg, Items)]
    return Stream(next((axis for axis in known if axis), FIXED), item)


def _chain(call: Arguments) -> Value | None:
    together = _together(call)
    return Stream(together.axis, item_of(together.item)) if isinstance(together, Stream) else None


def _repeated(call: Arguments) -> Value | None:
    """itertools.repeat(x) or np.repeat(x, times, axis)."""
    value, times = call.get(0), call.get(1, "repeats", "times")
    array, number = call.array(), _numbers(call.get(2, "axis", "dim"))
    if array is not None and array.axes and number and times is not None:
        axes = list(array.axes)
        place = number[0] % len(axes)
        axes[place] = _label(times) if axes[place] == "1" else axes[place]
        return Array(tuple(axes), derived(array) or derived(times))
    if value is None or (array is not None and array.derived and times is not None):
        return None
    return Stream(_label(times) if isinstance(times, Size) else FIXED, value)


def _ndindex(call: Arguments) -> Value | None:
    sizes = [
        item for arg in call.args for item in (arg.items if isinstance(arg, Items) else (arg,))
    ]
    if any(derived(size) for size in sizes):
        return Stream(QUERY_AXIS, Items(tuple(Index() for _ in sizes)))
    return Stream(FIXED, Items(tuple(Index() for _ in sizes)))


def _count(call: Arguments) -> Value | None:
    return Stream(FIXED, Index())


def _item(call: Arguments) -> Value | None:
    value = call.get(0)
    return item_of(value) if value is not None else None


def _transpose(call: Arguments) -> Value | None:
    array = call.array()
    if array is None:
        return None
    given = call.get(1, "axes", "dims")
    if given is None or (isinstance(given, Const) and given.value is None):
        return Array(array.axes[::-1], array.derived)
    numbers = _numbers(given) if isinstance(given, Items) else _all_whole(call.args[1:])
    if numbers is None:
        return None
    if numbers == [0, 1] and not isinstance(given, Items) and len(array.axes) == 2:
        return Unknown(array.derived)  # torch's x.transpose(0, 1) turns, NumPy's does not
    if len(numbers) != len(array.axes):
        return None
    return Array(tuple(array.axes[n] for n in numbers), array.derived)


def _all_whole(values: Sequence[Value]) -> list[int] | None:
    return _numbers(Items(tuple(values)))


def _swapaxes(call: Arguments) -> Value | None:
    array, numbers = call.array(), _all_whole(call.args[1:3])
    if array is None or numbers is None or len(numbers) != 2:
        return None
    axes = list(array.axes)
    one, other = numbers
    axes[one], axes[other] = axes[other], axes[one]
    return Array(tuple(axes), array.derived)


def _moveaxis(call: Arguments) -> Value | None:
    array = call.array()
    source, target = whole(call.get(1, "source")), whole(call.get(2, "destination"))
    if array is None or source is None or target is None:
        return None
    axes = list(array.axes)
    moved = axes.pop(source)
    axes.insert(target % (len(axes) + 1), moved)
    return Array(tuple(axes), array.derived)


def _expand(call: Arguments) -> Value | None:
    array, place = call.array(), whole(call.get(1, "axis", "dim"))
    if array is None or place is None:
        return None
    axes = list(array.axes)
    axes.insert(place % (len(axes) + 1), "1")
    return Array(tuple(axes), array.derived)


def _squeeze(call: Arguments) -> Value | None:
    array = call.array()
    if array is None:
        return None
    axis = call.get(1, "axis", "dim")
    if axis is None:
        return Array(tuple(a for a in array.axes if a != "1"), array.derived)
    numbers = _numbers(axis)
    if numbers is None or not array.axes:
        return None
    gone = {n % len(array.axes) for n in numbers}
    return Array(tuple(a for i, a in enumerate(array.axes) if i not in gone), array.derived)


def _reshape(call: Arguments) -> Value | None:
    array = call.array()
    shape = call.get(1, "shape", "newshape")
    sizes = shape.items if isinstance(shape, Items) else tuple(call.args[1:])
    if array is None or not sizes:
        return None
    left = [axis for axis in array.axes if axis != "1"]
    axes: list[str | None] = []
    for size in sizes:
        if whole(size) == -1:
            axes.append(None)
            continue
        label = _label(size)
        if label in left:
            left.remove(label)
        axes.append(label)
    if axes.count(None) > 1:
        return None
    rest = left[0] if len(left) == 1 else UNKNOWN_AXIS if left else "1"
    return Array(tuple(rest if axis is None else axis for axis in axes), array.derived)


def _flat(call: Arguments) -> Value | None:
    array = call.array()
    if array is None:
        return None
    long = [axis for axis in array.axes if axis != "1"]
    return Array((long[0] if len(long) == 1 else UNKNOWN_AXIS,), array.derived)


def _at_least(width: int) -> Callable[[Arguments], Value | None]:
    def handler(call: Arguments) -> Value | None:
        array = call.array()
        if array is None or len(array.axes) > width:
            return array
        return Array(("1",) * (width - len(array.axes)) + array.axes, array.derived)

    return handler


def _broadcast_to(call: Arguments) -> Value | None:
    value, shape = call.get(0), call.get(1, "shape")
    if value is None or not isinstance(shape, Items):
        return None
    target = Array(tuple(_label(size) for size in shape.items), derived(shape))
    return broadcast([value, target])


def _asarray(call: Arguments) -> Value | None:
    value = call.get(0)
    if value is None:
        return None
    if is_number(value):
        return Array((), derived(value))
    return as_array(value)


def _stack(call: Arguments) -> Value | None:
    value, place = call.get(0), whole(call.get(1, "axis", "dim") or Const(0))
    item = as_array(item_of(value)) if value is not None else None
    axis = axis_of(value) if value is not None else None
    if not isinstance(item, Array) or axis is None or place is None:
        return None
    axes = list(item.axes)
    axes.insert(place % (len(axes) + 1), axis)
    return Array(tuple(axes), derived(value))  # type: ignore[arg-type]


def _concatenate(call: Arguments) -> Value | None:
    place = whole(call.get(1, "axis", "dim") or Const(0))
    return _joined(call.get(0), place)


def _joined(value: Value | None, place: int | None) -> Value | None:
    if value is None or place is None:
        return None
    item, axis = as_array(item_of(value)), axis_of(value)
    if not isinstance(item, Array) or not item.axes or axis is None:
        return None
    axes = list(item.axes)
    at = place % len(axes)
    axes[at] = axis if axes[at] == "1" else axes[at]
    return Array(tuple(axes), derived(value))


def _beside(vertical: bool, columns: bool) -> Callable[[Arguments], Value | None]:
    """vstack, hstack, column_stack."""

    def handler(call: Arguments) -> Value | None:
        value = call.get(0)
        item = as_array(item_of(value)) if value is not None else None
        if value is None or not isinstance(item, Array):
            return None
        if len(item.axes) == 1 and vertical:
            return _stack(Arguments([value], {}))
        if len(item.axes) == 1 and columns:
            return _stack(Arguments([value, Const(1)], {}))
        return _joined(value, 0 if vertical or len(item.axes) == 1 else 1)

    return handler


def _split(call: Arguments) -> Value | None:
    array, parts = call.array(), call.get(1, "indices_or_sections", "sections")
    place = whole(call.get(2, "axis", "dim") or Const(0))
    if array is None or parts is None or place is None or not array.axes:
        return None
    axis = array.axes[place % len(array.axes)]
    if axis == QUERY_AXIS:
        return Stream(QUERY_AXIS, array)
    axes = list(array.axes)
    axes[place % len(axes)] = "1" if _label(parts) == axis else axis
    return Stream(axis, Array(tuple(axes), array.derived))


def _number(call: Arguments) -> Value | None:
    value = call.get(0)
    return value if value is not None and is_number(value) else None


LIBRARY: dict[str, Callable[[Arguments], Value | None]] = {
    "matmul": _matmul,
    "mm": _matmul,
    "bmm": _matmul,
    "dot": _dot,
    "inner": _inner,
    "outer": _outer,
    "tensordot": _tensordot,
    "einsum": _einsum,
    "range": _range,
    "arange": _arange,
    "len": _len,
    "list": _listed,
    "tuple": _listed,
    "iter": _listed,
    "reversed": _listed,
    "shape": _shape,
    "ndim": _ndim,
    "sorted": _listed,
    "set": _listed,
    "deque": _listed,
    "cycle": _listed,
    "tolist": _tolist,
    "enumerate": _enumerate,
    "zip": _zip,
    "zip_longest": _zip,
    "product": _together,
    "chain": _chain,
    "repeat": _repeated,
    "ndindex": _ndindex,
    "count": _count,
    "next": _item,
    "transpose": _transpose,
    "permute": _transpose,
    "permute_dims": _transpose,
    "swapaxes": _swapaxes,
    "moveaxis": _moveaxis,
    "expand_dims": _expand,
    "unsqueeze": _expand,
    "squeeze": _squeeze,
    "reshape": _reshape,
    "view": _reshape,
    "ravel": _flat,
    "flatten": _flat,
    "atleast_1d": _at_least(1),
    "atleast_2d": _at_least(2),
    "broadcast_to": _broadcast_to,
    "asarray": _asarray,
    "array": _asarray,
    "asanyarray": _asarray,
    "stack": _stack,
    "concatenate": _concatenate,
    "concat": _concatenate,
    "cat": _concatenate,
    "vstack": _beside(True, False),
    "row_stack": _beside(True, False),
    "hstack": _beside(False, False),
    "column_stack": _beside(False, True),
    "split": _split,
    "array_split": _split,
    "vsplit": _split,
    "chunk": _split,
    "zeros": _filled,
    "ones": _filled,
    "empty": _filled,
    "full": _filled,
    "int": _number,
} | dict.fromkeys(_REDUCTIONS.split(), _reduction)
