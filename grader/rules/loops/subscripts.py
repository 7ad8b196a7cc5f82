"""Subscripts: an item at a time is a loop, too, where the index moves with one."""

from __future__ import annotations

import ast

from grader.rules.loops.state import State
from grader.rules.loops.values import (
    FIXED,
    QUERY_AXIS,
    UNKNOWN_AXIS,
    Array,
    Const,
    External,
    Index,
    Items,
    Scope,
    Stream,
    Unknown,
    Value,
    derived,
    is_number,
    item_of,
    whole,
)


class Subscripts(State):
    """Follows subscripts."""

    def value_subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        owner = self.value(node.value, scope)
        index = node.slice
        if isinstance(owner, Array):
            return self.array_item(owner, index, node, scope)
        if isinstance(index, ast.Slice):
            return self.sliced(owner, index, node, scope)
        place = self.value(index, scope)
        if isinstance(owner, Items):
            number = whole(place)
            if number is not None and -len(owner.items) <= number < len(owner.items):
                return owner.items[number]
            return item_of(owner)
        if isinstance(owner, Stream):
            if owner.axis == QUERY_AXIS and self.moving(place):
                raise self.found("loop", "index", node)
            return owner.item
        return Unknown(derived(owner) or derived(place))

    def sliced(self, owner: Value, index: ast.Slice, node: ast.Subscript, scope: Scope) -> Value:
        bounds = [
            self.value(part, scope) if part is not None else None
            for part in (index.lower, index.upper, index.step)
        ]
        if isinstance(owner, Items):
            numbers = [whole(bound) for bound in bounds]
            if all((n is None) == (b is None) for n, b in zip(numbers, bounds, strict=True)):
                return Items(owner.items[slice(*numbers)])
            return Stream(UNKNOWN_AXIS, item_of(owner))
        if isinstance(owner, Stream):
            if owner.axis == QUERY_AXIS and any(self.moving(bound) for bound in bounds):
                raise self.found("loop", "index", node)
            return owner
        return Unknown(derived(owner))

    def moving(self, index: Value | None) -> bool:
        """Inside a loop: an index that changes from turn to turn."""
        if not self.turning:
            return False
        return isinstance(index, Index) or (isinstance(index, Array) and not index.axes)

    def array_item(self, owner: Array, index: ast.expr, node: ast.Subscript, scope: Scope) -> Value:
        parts = list(index.elts) if isinstance(index, ast.Tuple) else [index]
        seen: list[tuple[ast.expr, Value | None]] = []
        for part in parts:
            value = None if isinstance(part, ast.Slice) else self.value(part, scope)
            if isinstance(value, External) and value.last == "newaxis":
                value = Const(None)
            seen.append((part, value))
        if len(seen) == 1 and isinstance(seen[0][1], Items):
            items = seen[0][1].items
            if not all(is_number(item) for item in items):
                return Unknown(owner.derived)
            seen = [(parts[0], Array((FIXED,), False))]
        used = [v for _, v in seen if not (isinstance(v, Const) and v.value in (None, Ellipsis))]
        spare = len(owner.axes) - len(used)
        axes: list[str] = []
        rest = list(owner.axes)
        arrays = 0
        unsure = spare < 0
        for part, value in seen:
            if isinstance(value, Const) and value.value is None:
                axes.append("1")
                continue
            if isinstance(value, Const) and value.value is Ellipsis:
                axes += rest[: max(spare, 0)]
                rest = rest[max(spare, 0) :]
                continue
            if not rest:
                unsure = True
                break
            axis = rest.pop(0)
            if isinstance(part, ast.Slice):
                bounds = [b for b in (part.lower, part.upper, part.step) if b is not None]
                edges = [self.value(bound, scope) for bound in bounds]
                if axis == QUERY_AXIS and any(self.moving(edge) for edge in edges):
                    raise self.found("loop", "index", node)
                axes.append(axis)
            elif value is not None and is_number(value):
                if axis == QUERY_AXIS and self.moving(value):
                    raise self.found("loop", "index", node)
            elif isinstance(value, Array) and len(value.axes) == 1:
                arrays += 1
                axes.append(value.axes[0])
            else:
                unsure = True
        if unsure or arrays > 1:
            return Unknown(owner.derived)
        return Array((*axes, *rest), owner.derived)
