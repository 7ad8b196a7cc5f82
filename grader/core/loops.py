"""Finds loops over the queries in the text of an answer, without running it.

A small abstract interpreter walks the cell. It knows no numbers, only what each axis of a value
stands for: ``m`` queries, ``n`` keys, ``d`` features of a query, ``v`` features of a value.
``scores = queries @ keys.T`` has the axes (m, n), ``scores.T`` has (n, m), ``len(scores)`` is
as long as axis m, and a loop over any of these is judged by the axis that it runs along.

Looping over keys, features or arguments is nobody's concern here; looping along ``m`` is found,
and so is a loop over something that derives from the queries and that cannot be worked out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from grader.core.axes import (
    ELEMENTWISE,
    FIXED,
    LIBRARY,
    MAPPERS,
    QUERY_AXIS,
    UNKNOWN_AXIS,
    Arguments,
    Array,
    Bound,
    Class,
    Const,
    Elementwise,
    External,
    Function,
    Index,
    Instance,
    Items,
    Partial,
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
    matmul,
    runs_over_queries,
    size,
    whole,
)
from grader.core.texts import readable

MAX_STEPS = 100_000
MAX_CALLS = 12
MAX_UNROLLED = 12


@dataclass(frozen=True)
class QueryLoop:
    """A loop over the queries: ``kind`` is ``loop`` (for, while, comprehension) or ``call``.

    ``what`` names the construct (``for``, ``comprehension``, ``map``, ``vectorize`` …).
    """

    kind: str
    what: str
    line: int
    text: str


def find_query_loop(source: str, function: str = "batched_attention") -> QueryLoop | None:
    """The first loop over queries in ``function`` and in whatever it calls in ``source``.

    The function's three arguments are (m, d) queries, (n, d) keys and (n, v) values, whatever
    their names; where ``function`` is not defined, the last function that is stands in for it.
    Source that is no Python, or that cannot be followed, gives None.
    """
    try:
        cell = readable(source)
        if cell is None:
            return None
        tree = cell[1]
        reader = _Reader(source.splitlines())
        module = Scope()
        reader.run(tree.body, module)
        target = module.get(function) or _last_function(module)
        if target is None:
            return None
        reader.depth = 0
        reader.loops.clear()
        arguments: list[Value] = [
            Array((QUERY_AXIS, "d"), True),
            Array(("n", "d"), False),
            Array(("n", "v"), False),
        ]
        reader.call(target, arguments, {}, tree)
    except _FoundError as found:
        return found.loop
    except Exception:  # strange source is no reason to accuse anyone
        return None
    return None


def _last_function(module: Scope) -> Value | None:
    """What stands in for the function where the source knows it by another name."""
    functions = [value for value in module.names.values() if isinstance(value, Function)]
    return functions[-1] if functions else None


class _FoundError(Exception):
    def __init__(self, loop: QueryLoop) -> None:
        super().__init__(loop.what)
        self.loop = loop


@dataclass
class Frame:
    """One call under way: what it returns and what it yields."""

    returned: list[Value] = field(default_factory=list)
    yielded: list[tuple[str, Value]] = field(default_factory=list)


# ------------------------------------------------------------------------------ the reader


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.steps = 0
        self.depth = 0
        self.loops: list[str] = []  # the axes of the loops under way in this call
        self.turning = 0  # and how many there are in all calls
        self.frames: list[Frame] = [Frame()]
        self.active: list[ast.AST] = []

    def found(self, kind: str, what: str, node: ast.AST) -> _FoundError:
        line = getattr(node, "lineno", 0)
        text = self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""
        return _FoundError(QueryLoop(kind, what, line, text))

    # ---- statements

    def run(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        for statement in statements:
            method = getattr(self, f"run_{type(statement).__name__.lower()}", self.run_other)
            method(statement, scope)

    def run_other(self, node: ast.stmt, scope: Scope) -> None:
        """with, try, match, assert, del, raise …: every part of it, in order."""
        for child in ast.iter_child_nodes(node):
            self.visit(child, scope)

    def visit(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.expr):
            self.value(node, scope)
        elif isinstance(node, ast.stmt):
            self.run([node], scope)
        else:
            for child in ast.iter_child_nodes(node):
                self.visit(child, scope)

    def run_with(self, node: ast.With, scope: Scope) -> None:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value, scope)
        self.run(node.body, scope)

    def run_functiondef(self, node: ast.FunctionDef, scope: Scope) -> None:
        value: Value = Function(node, scope)
        for decorator in reversed(node.decorator_list):
            made = self.call(self.value(decorator, scope), [value], {}, decorator)
            value = made if isinstance(made, (Elementwise, Function, Partial)) else value
        scope.names[node.name] = value

    run_asyncfunctiondef = run_functiondef

    def run_classdef(self, node: ast.ClassDef, scope: Scope) -> None:
        body = Scope(scope)
        self.run(node.body, body)
        scope.names[node.name] = Class(body.names)

    def run_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            scope.names[alias.asname or alias.name.partition(".")[0]] = External(alias.name)

    def run_importfrom(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            scope.names[alias.asname or alias.name] = External(f"{node.module}.{alias.name}")

    def run_return(self, node: ast.Return, scope: Scope) -> None:
        value = self.value(node.value, scope) if node.value else Const(None)
        self.frames[-1].returned.append(value)

    def run_assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.assign(target, value, scope)

    def run_annassign(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.assign(node.target, self.value(node.value, scope), scope)

    def run_augassign(self, node: ast.AugAssign, scope: Scope) -> None:
        old = self.value(node.target, scope)
        added = self.value(node.value, scope)
        if isinstance(old, (Items, Stream)) and isinstance(node.op, ast.Add):
            value: Value = self.grown(old, item_of(added), added)
        else:
            value = self.binary(node.op, old, added)
        self.assign(node.target, value, scope)

    def run_if(self, node: ast.If, scope: Scope) -> None:
        test = self.value(node.test, scope)
        if isinstance(test, Const):
            self.run(node.body if test.value else node.orelse, scope)
            return
        before = dict(scope.names)
        self.run(node.body, scope)
        one, scope.names = scope.names, before
        self.run(node.orelse, scope)
        self.merge(scope, one)

    def merge(self, scope: Scope, other: dict[str, Value]) -> None:
        """The names as they stand after either of two ways."""
        for name, value in other.items():
            scope.names[name] = join(scope.names.get(name), value)

    def run_for(self, node: ast.For, scope: Scope) -> None:
        over = self.value(node.iter, scope)
        if runs_over_queries(over):
            raise self.found("loop", "for", node)
        self.turns(over, node.target, node.body, scope)
        self.run(node.orelse, scope)

    run_asyncfor = run_for

    def turns(self, over: Value, target: ast.expr, body: Sequence[ast.stmt], scope: Scope) -> None:
        """The body, once for each item where they are known, else until nothing new is seen."""
        if isinstance(over, Items) and len(over.items) <= MAX_UNROLLED:
            for item in over.items:
                self.assign(target, item, scope)
                with self.looping(FIXED):
                    self.run(body, scope)
            return
        for _ in range(2):
            before = dict(scope.names)
            self.assign(target, item_of(over), scope)
            with self.looping(axis_of(over) or UNKNOWN_AXIS):
                self.run(body, scope)
            self.merge(scope, before)

    def run_while(self, node: ast.While, scope: Scope) -> None:
        for _ in range(2):
            before = dict(scope.names)
            self.condition(node.test, node, scope)
            with self.looping(FIXED):
                self.run(node.body, scope)
            self.merge(scope, before)
        self.condition(node.test, node, scope)
        self.run(node.orelse, scope)

    def condition(self, test: ast.expr, node: ast.AST, scope: Scope) -> None:
        """A while whose condition counts the queries is a loop over them."""
        parts: list[ast.expr] = [test]
        while parts:
            part = parts.pop()
            if isinstance(part, ast.BoolOp):
                parts += part.values
            elif isinstance(part, ast.UnaryOp):
                parts.append(part.operand)
            elif isinstance(part, ast.Compare):
                parts += [part.left, *part.comparators]
            else:
                value = self.value(part, scope)
                counts = isinstance(value, Size) and value.axis == QUERY_AXIS
                bare = not isinstance(value, (Size, Array)) and runs_over_queries(value)
                if counts or bare:
                    raise self.found("loop", "while", node)

    @contextmanager
    def looping(self, axis: str) -> Iterator[None]:
        self.loops.append(axis)
        self.turning += 1
        try:
            yield
        finally:
            self.turning -= 1
            self.loops.pop()

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            self.unpack(target.elts, value, scope)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value, scope)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, scope)
            if isinstance(owner, Instance):
                owner.attributes[target.attr] = value
        elif isinstance(target, ast.Subscript):
            self.value(target, scope)
            base: ast.expr = target.value
            while isinstance(base, (ast.Subscript, ast.Attribute)):
                base = base.value
            if isinstance(base, ast.Name) and derived(value):
                self.taint(base.id, value, scope)

    def taint(self, name: str, value: Value, scope: Scope) -> None:
        """Something made from the queries was written into ``name``."""
        old = scope.get(name)
        if isinstance(old, Array):
            scope.names[name] = replace(old, derived=True)
        elif isinstance(old, (Items, Stream)):
            scope.names[name] = self.grown(old, value)
        elif isinstance(old, Unknown):
            scope.names[name] = Unknown(True)

    def unpack(self, targets: Sequence[ast.expr], value: Value, scope: Scope) -> None:
        starred = [i for i, target in enumerate(targets) if isinstance(target, ast.Starred)]
        items: list[Value]
        if isinstance(value, Items) and not starred and len(value.items) == len(targets):
            items = list(value.items)
        elif isinstance(value, Items) and starred and len(value.items) >= len(targets) - 1:
            first, after = starred[0], len(targets) - 1 - starred[0]
            stop = len(value.items) - after
            middle = Items(value.items[first:stop])
            items = [*value.items[:first], middle, *value.items[stop:]]
        else:
            items = [item_of(value)] * len(targets)
        for target, item in zip(targets, items, strict=True):
            self.assign(target, item, scope)

    def grown(self, old: Value, item: Value, several: Value | None = None) -> Value:
        """A list after append or extend: inside a loop it is as long as the loop."""
        if isinstance(several, Items) and isinstance(old, Items) and not self.loops:
            return Items(old.items + several.items)
        if isinstance(old, Items) and not self.loops and several is None:
            return Items((*old.items, item))
        axis = self.loops[-1] if self.loops else UNKNOWN_AXIS
        if QUERY_AXIS in (axis_of(old), axis_of(several) if several else None):
            axis = QUERY_AXIS
        return Stream(axis, join(item_of(old) if old != Items(()) else None, item))

    # ---- expressions

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

    # ---- subscripts

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

    # ---- calls

    def value_call(self, node: ast.Call, scope: Scope) -> Value:
        function = self.value(node.func, scope)
        args: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                inner = self.value(argument.value, scope)
                args += inner.items if isinstance(inner, Items) else [Unknown(derived(inner))]
            else:
                args.append(self.value(argument, scope))
        keywords: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            keywords[keyword.arg or "**"] = value
        return self.call(function, args, keywords, node, scope)

    def call(
        self,
        function: Value,
        args: list[Value],
        keywords: dict[str, Value],
        node: ast.AST,
        scope: Scope | None = None,
    ) -> Value:
        everything = Items((*args, *keywords.values()))
        if isinstance(function, Partial):
            more = dict(function.keywords) | keywords
            return self.call(function.function, [*function.args, *args], more, node, scope)
        if isinstance(function, Elementwise):
            if derived(everything):
                raise self.found("call", function.maker, node)
            return function if any(isinstance(arg, Function) for arg in args) else Unknown()
        if isinstance(function, Function):
            return self.enter(function, args, keywords)
        if isinstance(function, Class):
            made = Instance(function.methods, {})
            start = function.methods.get("__init__")
            if isinstance(start, Function):
                self.enter(start, [made, *args], keywords)
            return made
        if isinstance(function, Instance):
            method = function.methods.get("__call__")
            if isinstance(method, Function):
                return self.enter(method, [function, *args], keywords)
        if isinstance(function, Bound):
            return self.method(function, args, keywords, node, scope)
        if isinstance(function, External):
            return self.external(function, args, keywords, node)
        return self.foreign(everything, node)

    def enter(self, function: Function, args: Sequence[Value], keywords: dict[str, Value]) -> Value:
        """A call of a function of this cell, its parameters bound to what is passed."""
        node = function.node
        everything = Items((*args, *keywords.values()))
        if self.depth >= MAX_CALLS or self.active.count(node) > 1:
            return Unknown(derived(everything))
        scope = Scope(function.scope)
        self.bind(node.args, [*function.bound, *args], keywords, scope, function.scope)
        self.depth += 1
        self.active.append(node)
        self.frames.append(Frame())
        outer, self.loops = self.loops, []
        try:
            if isinstance(node, ast.Lambda):
                return self.value(node.body, scope)
            self.run(node.body, scope)
            frame = self.frames[-1]
        finally:
            self.loops = outer
            self.frames.pop()
            self.active.pop()
            self.depth -= 1
        if frame.yielded:
            axes = [axis for axis, _ in frame.yielded]
            axis = QUERY_AXIS if QUERY_AXIS in axes else axes[0]
            return Stream(axis, item_of(Items(tuple(value for _, value in frame.yielded))))
        result: Value | None = None
        for value in frame.returned:
            result = join(result, value)
        return result or Const(None)

    def bind(
        self,
        parameters: ast.arguments,
        args: Sequence[Value],
        keywords: dict[str, Value],
        scope: Scope,
        outer: Scope,
    ) -> None:
        places = [*parameters.posonlyargs, *parameters.args]
        defaults = [None] * (len(places) - len(parameters.defaults)) + [*parameters.defaults]
        given = dict(keywords)
        for position, (place, default) in enumerate(zip(places, defaults, strict=True)):
            if position < len(args):
                scope.names[place.arg] = args[position]
            else:
                scope.names[place.arg] = self.default(place.arg, given, default, outer)
        for place, default in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
            scope.names[place.arg] = self.default(place.arg, given, default, outer)
        if parameters.vararg is not None:
            scope.names[parameters.vararg.arg] = Items(tuple(args[len(places) :]))
        if parameters.kwarg is not None:
            scope.names[parameters.kwarg.arg] = Items(tuple(given.values()))

    def default(
        self, name: str, given: dict[str, Value], default: ast.expr | None, outer: Scope
    ) -> Value:
        if name in given:
            return given.pop(name)
        if "**" in given:
            return Unknown(derived(given["**"]))
        return self.value(default, outer) if default is not None else Unknown()

    def foreign(self, everything: Items, node: ast.AST) -> Value:
        """A function that is not known: it may call those that it is given."""
        if derived(everything):
            for arg in everything.items:
                if isinstance(arg, Elementwise):
                    raise self.found("call", arg.maker, node)
                if isinstance(arg, Function):
                    self.enter(arg, [Unknown(True)] * len(arg.node.args.args), {})
        return Unknown(derived(everything))

    def method(
        self,
        function: Bound,
        args: list[Value],
        keywords: dict[str, Value],
        node: ast.AST,
        scope: Scope | None,
    ) -> Value:
        owner, name = function.owner, function.name
        if isinstance(owner, (Items, Stream)):
            if name in ("append", "extend", "insert", "add", "appendleft") and args:
                several = args[-1] if name == "extend" else None
                item = item_of(args[-1]) if name == "extend" else args[-1]
                self.rebind(node, self.grown(owner, item, several), scope)
                return Const(None)
            if name in ("pop", "popleft", "__next__"):
                if self.turning and runs_over_queries(owner):
                    raise self.found("loop", "pop", node)
                return item_of(owner)
            if name in ("items", "values", "keys", "copy"):
                if name == "items":
                    pairs = Items((Const(""), item_of(owner)))
                    if isinstance(owner, Items):
                        return Items(tuple(Items((Const(""), each)) for each in owner.items))
                    return Stream(owner.axis, pairs)
                return owner
        if name in MAPPERS and not isinstance(owner, Array):
            return self.mapped(name, args, node)
        if isinstance(owner, Array) or derived(owner):
            return self.library(name, [owner, *args], keywords, node)
        return self.foreign(Items((owner, *args, *keywords.values())), node)

    def rebind(self, node: ast.AST, value: Value, scope: Scope | None) -> None:
        """After ``name.append(…)``: the name's value has grown."""
        if scope is None or not isinstance(node, ast.Call):
            return
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            name = node.func.value.id
            owner: Scope | None = scope
            while owner is not None and name not in owner.names:
                owner = owner.parent
            (owner or scope).names[name] = value

    def external(
        self, function: External, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        name = function.last
        everything = Items((*args, *keywords.values()))
        if name in ("vectorize", "frompyfunc"):
            return Elementwise(name)
        if name in ("apply_along_axis", "nditer", "ndenumerate"):
            if derived(everything):
                raise self.found("call", name, node)
            return Unknown()
        if name in ("partial", "partialmethod") and args:
            return Partial(args[0], tuple(args[1:]), tuple(keywords.items()))
        if name in MAPPERS:
            return self.mapped(name, args, node)
        if name in ("reduce", "accumulate"):
            if args and isinstance(args[0], (Function, External, Partial, Bound)):
                return self.folded(name, args, node)
            if len(args) == 1 and function.name in (name, f"itertools.{name}"):
                return self.folded(name, [External("add"), *args], node)
        return self.library(name, args, keywords, node)

    def mapped(self, name: str, args: list[Value], node: ast.AST) -> Value:
        function, over = (args[0], args[1:]) if args else (Unknown(), [])
        if any(runs_over_queries(each) for each in over):
            raise self.found("call", name, node)
        if name == "starmap":
            inner = item_of(over[0]) if over else Unknown()
            over = list(inner.items) if isinstance(inner, Items) else [inner]
            over = [Stream(FIXED, each) for each in over]
        items = [each.items for each in over if isinstance(each, Items)]
        with self.looping(FIXED):
            if over and len(items) == len(over):
                rows = list(zip(*items, strict=False))
                return Items(tuple(self.call(function, list(row), {}, node) for row in rows))
            made = self.call(function, [item_of(each) for each in over], {}, node)
        axis = next((axis_of(each) for each in over if not isinstance(each, Items)), None)
        return Stream(axis or UNKNOWN_AXIS, item_of(over[0]) if name == "filter" else made)

    def folded(self, name: str, args: list[Value], node: ast.AST) -> Value:
        over = args[1] if len(args) > 1 else Unknown()
        if runs_over_queries(over):
            raise self.found("call", name, node)
        first = args[2] if len(args) > 2 else item_of(over)
        with self.looping(FIXED):
            made = self.call(args[0], [first, item_of(over)], {}, node)
        if name == "accumulate":
            return Stream(axis_of(over) or UNKNOWN_AXIS, join(first, made))
        return join(first, made)

    def library(
        self, name: str, args: list[Value], keywords: dict[str, Value], node: ast.AST
    ) -> Value:
        """Python's and NumPy's own functions, and arrays' methods, by what they do to axes."""
        everything = Items((*args, *keywords.values()))
        if name == "next" and args and self.turning and runs_over_queries(args[0]):
            raise self.found("loop", "next", node)
        handler = LIBRARY.get(name)
        if handler is not None:
            try:
                made = handler(Arguments(args, keywords))
            except (IndexError, ValueError):  # axes that the array has not
                made = None
            return made if made is not None else Unknown(derived(everything))
        if name in ELEMENTWISE and args:
            return broadcast(args)
        return self.foreign(everything, node)
