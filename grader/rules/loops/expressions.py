"""Expressions: what is known of their values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from grader.rules.loops.products import matmul
from grader.rules.loops.state import MAX_UNROLLED, State
from grader.rules.loops.values import (
    FIXED,
    QUERY_AXIS,
    UNKNOWN_AXIS,
    Array,
    Bound,
    Class,
    Const,
    External,
    Function,
    Instance,
    Items,
    Scope,
    Size,
    Stream,
    Unknown,
    Value,
    axis_of,
    broadcast,
    derived,
    is_number,
    item_of,
    join,
    runs_over_queries,
    size,
    whole,
)

MAX_STEPS = 100_000


class Expressions(State):
    """Follows expressions, but for subscripts and calls."""

    def value(self, node: ast.expr, scope: Scope) -> Value:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise RuntimeError("too much to follow")
        method: Callable[[Any, Scope], Value] = getattr(
            self, f"value_{type(node).__name__.lower()}", self.value_other
        )
        return method(node, scope)

    def value_other(self, node: ast.expr, scope: Scope) -> Value:
        parts = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        values = [self.value(part, scope) for part in parts]
        return Unknown(any(derived(value) for value in values))

    def value_constant(self, node: ast.Constant, scope: Scope) -> Value:
        return Const(node.value)

    def value_joinedstr(self, node: ast.JoinedStr, scope: Scope) -> Value:
        return Const("")

    def value_name(self, node: ast.Name, scope: Scope) -> Value:
        return scope.get(node.id) or External(node.id)

    def value_namedexpr(self, node: ast.NamedExpr, scope: Scope) -> Value:
        value = self.value(node.value, scope)
        self.assign(node.target, value, scope)
        return value

    def value_tuple(self, node: ast.Tuple | ast.List | ast.Set, scope: Scope) -> Value:
        items: list[Value] = []
        stream: Value | None = None
        for element in node.elts:
            if isinstance(element, ast.Starred):
                inner = self.value(element.value, scope)
                if isinstance(inner, Items):
                    items += inner.items
                else:
                    axis = QUERY_AXIS if runs_over_queries(inner) else axis_of(inner)
                    stream = join(stream, Stream(axis or UNKNOWN_AXIS, item_of(inner)))
            else:
                items.append(self.value(element, scope))
        if isinstance(stream, Stream):
            return Stream(stream.axis, item_of(Items((stream.item, *items))))
        return Items(tuple(items))

    value_list = value_tuple

    value_set = value_tuple

    def value_dict(self, node: ast.Dict, scope: Scope) -> Value:
        return Items(tuple(self.value(item, scope) for item in node.values))

    def value_lambda(self, node: ast.Lambda, scope: Scope) -> Value:
        return Function(node, scope)

    def value_ifexp(self, node: ast.IfExp, scope: Scope) -> Value:
        test = self.value(node.test, scope)
        if isinstance(test, Const):
            return self.value(node.body if test.value else node.orelse, scope)
        return join(self.value(node.body, scope), self.value(node.orelse, scope))

    def value_boolop(self, node: ast.BoolOp, scope: Scope) -> Value:
        joined: Value | None = None
        for part in node.values:
            joined = join(joined, self.value(part, scope))
        return Unknown(derived(joined)) if joined else Unknown()

    def value_unaryop(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.value(node.operand, scope)
        if isinstance(value, Const):
            if isinstance(node.op, ast.Not):
                return Const(not value.value)
            if isinstance(node.op, ast.USub) and isinstance(value.value, (int, float)):
                return Const(-value.value)
        return Unknown() if isinstance(node.op, ast.Not) else value

    def value_compare(self, node: ast.Compare, scope: Scope) -> Value:
        sides = [self.value(part, scope) for part in (node.left, *node.comparators)]
        whole_sides = [whole(side) for side in sides]
        if len(sides) == 2 and None not in whole_sides:
            left, right = whole_sides
            assert left is not None and right is not None
            folded = {
                ast.Eq: left == right,
                ast.NotEq: left != right,
                ast.Lt: left < right,
                ast.LtE: left <= right,
                ast.Gt: left > right,
                ast.GtE: left >= right,
            }.get(type(node.ops[0]))
            if folded is not None:
                return Const(folded)
        if any(isinstance(side, Array) and side.axes for side in sides):
            return broadcast(sides)
        return Unknown()

    def value_binop(self, node: ast.BinOp, scope: Scope) -> Value:
        return self.binary(node.op, self.value(node.left, scope), self.value(node.right, scope))

    def binary(self, op: ast.operator, left: Value, right: Value) -> Value:
        if isinstance(op, ast.MatMult):
            return matmul(left, right)
        for one, other in ((left, right), (right, left)):
            if isinstance(op, ast.Mult) and isinstance(one, (Items, Stream)):
                if isinstance(other, Size):
                    return Stream(other.axis, item_of(one))
                if is_number(other) or isinstance(other, Unknown):
                    axis = axis_of(one) if isinstance(one, Stream) else FIXED
                    return Stream(axis or UNKNOWN_AXIS, item_of(one))
        lists = (Items, Stream)
        if isinstance(op, ast.Add) and isinstance(left, lists) and isinstance(right, lists):
            if isinstance(left, Items) and isinstance(right, Items):
                return Items(left.items + right.items)
            if QUERY_AXIS in (axis_of(left), axis_of(right)):
                return Stream(QUERY_AXIS, join(item_of(left), item_of(right)))
            return Stream(axis_of(left) or UNKNOWN_AXIS, join(item_of(left), item_of(right)))
        if isinstance(left, Const) and isinstance(left.value, str):
            return Const("")
        if is_number(left) and is_number(right):
            return self.number(op, left, right)
        sizes = [v for v in (left, right) if isinstance(v, Size)]
        if sizes and all(isinstance(v, (Size, Unknown)) for v in (left, right)):
            return join(sizes[0], sizes[-1]) if not derived(Items((left, right))) else Size("m")
        return broadcast([left, right])

    def number(self, op: ast.operator, left: Value, right: Value) -> Value:
        one, other = whole(left), whole(right)
        if one is not None and other is not None:
            if isinstance(op, ast.Add):
                return Const(one + other)
            if isinstance(op, ast.Sub):
                return Const(one - other)
            if isinstance(op, ast.Mult):
                return Const(one * other)
        if isinstance(left, Const) and isinstance(right, Const):
            return Const(1.5)
        return join(left, right)

    def value_attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        owner = self.value(node.value, scope)
        if isinstance(owner, External):
            return External(f"{owner.name}.{node.attr}")
        if isinstance(owner, Instance):
            if node.attr in owner.attributes:
                return owner.attributes[node.attr]
            method = owner.methods.get(node.attr)
            if isinstance(method, Function):
                return replace(method, bound=(owner,))
            return method or Unknown(derived(owner))
        if isinstance(owner, Class):
            return owner.methods.get(node.attr) or Unknown()
        if isinstance(owner, Array):
            axes = owner.axes
            if node.attr in ("T", "mT") and (node.attr == "T" or len(axes) >= 2):
                turned = axes[::-1] if node.attr == "T" else (*axes[:-2], axes[-1], axes[-2])
                return Array(turned, owner.derived)
            if node.attr == "shape":
                return Items(tuple(size(axis, owner.derived) for axis in axes))
            if node.attr == "ndim":
                return Const(len(axes))
            if node.attr in ("real", "data"):
                return owner
            if node.attr == "dtype":
                return Unknown()
        return Bound(owner, node.attr)

    def value_starred(self, node: ast.Starred, scope: Scope) -> Value:
        return Unknown(derived(self.value(node.value, scope)))

    def value_await(self, node: ast.Await, scope: Scope) -> Value:
        return self.value(node.value, scope)

    def value_yield(self, node: ast.Yield, scope: Scope) -> Value:
        value = self.value(node.value, scope) if node.value else Const(None)
        self.frames[-1].yielded.append((self.loops[-1] if self.loops else FIXED, value))
        return Unknown()

    def value_yieldfrom(self, node: ast.YieldFrom, scope: Scope) -> Value:
        over = self.value(node.value, scope)
        axis = QUERY_AXIS if runs_over_queries(over) else axis_of(over) or UNKNOWN_AXIS
        self.frames[-1].yielded.append((axis, item_of(over)))
        return Unknown()

    def value_listcomp(self, node: ast.ListComp, scope: Scope) -> Value:
        return self.comprehension(node.generators, [node.elt], scope)

    value_setcomp = value_generatorexp = value_listcomp

    def value_dictcomp(self, node: ast.DictComp, scope: Scope) -> Value:
        return self.comprehension(node.generators, [node.key, node.value], scope)

    def comprehension(
        self, generators: Sequence[ast.comprehension], made: Sequence[ast.expr], outer: Scope
    ) -> Value:
        scope = Scope(outer)
        axis = FIXED
        with self.looping(FIXED):
            for position, generator in enumerate(generators):
                over = self.value(generator.iter, scope)
                if runs_over_queries(over):
                    raise self.found("loop", "comprehension", generator.iter)
                few = isinstance(over, Items) and len(over.items) <= MAX_UNROLLED
                if isinstance(over, Items) and few and len(generators) == 1 and not generator.ifs:
                    items = []
                    for item in over.items:
                        self.assign(generator.target, item, scope)
                        items.append([self.value(part, scope) for part in made][-1])
                    return Items(tuple(items))
                axis = (axis_of(over) or UNKNOWN_AXIS) if position == 0 else UNKNOWN_AXIS
                self.loops[-1] = axis
                self.assign(generator.target, item_of(over), scope)
                for test in generator.ifs:
                    self.value(test, scope)
            return Stream(axis, [self.value(part, scope) for part in made][-1])
