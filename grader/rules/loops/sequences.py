"""What Python's functions on lists and iterators do to axes."""

from __future__ import annotations

from collections.abc import Callable

from grader.rules.loops.arguments import Arguments
from grader.rules.loops.arrays import _label, arange
from grader.rules.loops.products import numbers_of
from grader.rules.loops.values import (
    FIXED,
    QUERY_AXIS,
    Array,
    Const,
    Index,
    Items,
    Size,
    Stream,
    Value,
    axis_of,
    derived,
    item_of,
    runs_over_queries,
    size,
)


def _range(call: Arguments) -> Value | None:
    array = arange(call)
    return Stream(array.axes[0], Index()) if isinstance(array, Array) else None


def _len(call: Arguments) -> Value | None:
    value = call.get(0)
    if isinstance(value, Items):
        return Const(len(value.items))
    axis = axis_of(value) if value is not None else None
    if value is None or axis is None or isinstance(value, Const):
        return None
    return size(axis, derived(value)) if axis != FIXED else Index()


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
    array, number = call.array(), numbers_of(call.get(2, "axis", "dim"))
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


HANDLERS: dict[str, Callable[[Arguments], Value | None]] = {
    "range": _range,
    "len": _len,
    "list": _listed,
    "tuple": _listed,
    "iter": _listed,
    "reversed": _listed,
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
}
