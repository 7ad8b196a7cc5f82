"""What functions that make, turn, cut and join arrays do to axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grader.rules.loops.arguments import Arguments
from grader.rules.loops.products import numbers_of
from grader.rules.loops.values import (
    FIXED,
    QUERY_AXIS,
    UNKNOWN_AXIS,
    Array,
    Const,
    Index,
    Items,
    Size,
    Stream,
    Unknown,
    Value,
    as_array,
    axis_of,
    broadcast,
    derived,
    is_number,
    item_of,
    size,
    size_among,
    whole,
)

_REDUCTIONS = """
sum max min amax amin mean prod any all std var median argmax argmin norm nansum nanmax nanmin
logsumexp count_nonzero average ptp fsum reduce
"""


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
    numbers = numbers_of(axis)
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


def arange(call: Arguments) -> Value | None:
    """``np.arange`` and, but for what it gives, ``range``."""
    size = size_among(call.args)
    if size is None and any(derived(arg) for arg in call.args):
        return None
    return Array((size.axis if size else FIXED,), derived(size or Const(0)))


def _shape(call: Arguments) -> Value | None:
    array = call.array()
    return Items(tuple(size(axis, array.derived) for axis in array.axes)) if array else None


def _ndim(call: Arguments) -> Value | None:
    array = call.array()
    return Const(len(array.axes)) if array else None


def _transpose(call: Arguments) -> Value | None:
    array = call.array()
    if array is None:
        return None
    given = call.get(1, "axes", "dims")
    if given is None or (isinstance(given, Const) and given.value is None):
        return Array(array.axes[::-1], array.derived)
    numbers = numbers_of(given) if isinstance(given, Items) else _all_whole(call.args[1:])
    if numbers is None:
        return None
    if numbers == [0, 1] and not isinstance(given, Items) and len(array.axes) == 2:
        return Unknown(array.derived)  # torch's x.transpose(0, 1) turns, NumPy's does not
    if len(numbers) != len(array.axes):
        return None
    return Array(tuple(array.axes[n] for n in numbers), array.derived)


def _all_whole(values: Sequence[Value]) -> list[int] | None:
    return numbers_of(Items(tuple(values)))


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
    numbers = numbers_of(axis)
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
    for part in sizes:
        if whole(part) == -1:
            axes.append(None)
            continue
        label = _label(part)
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


HANDLERS: dict[str, Callable[[Arguments], Value | None]] = {
    "arange": arange,
    "shape": _shape,
    "ndim": _ndim,
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
