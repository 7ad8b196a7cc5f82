"""Calls: of functions of the cell, of functions that call others, of a library."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from grader.rules.loops.arguments import Arguments
from grader.rules.loops.library import ELEMENTWISE, LIBRARY, MAPPERS
from grader.rules.loops.state import Frame, State
from grader.rules.loops.values import (
    FIXED,
    QUERY_AXIS,
    UNKNOWN_AXIS,
    Array,
    Bound,
    Class,
    Const,
    Elementwise,
    External,
    Function,
    Instance,
    Items,
    Partial,
    Scope,
    Stream,
    Unknown,
    Value,
    axis_of,
    broadcast,
    derived,
    item_of,
    join,
    runs_over_queries,
)

MAX_CALLS = 12


class Calls(State):
    """Follows calls."""

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
