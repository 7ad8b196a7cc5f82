"""Statements: what they bind, and which of them are loops."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from grader.rules.loops.state import MAX_UNROLLED, State
from grader.rules.loops.values import (
    FIXED,
    QUERY_AXIS,
    UNKNOWN_AXIS,
    Array,
    Class,
    Const,
    Elementwise,
    External,
    Function,
    Instance,
    Items,
    Partial,
    Scope,
    Size,
    Stream,
    Unknown,
    Value,
    axis_of,
    derived,
    item_of,
    join,
    runs_over_queries,
)


class Statements(State):
    """Follows statements."""

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
