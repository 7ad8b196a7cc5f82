"""Where the reading of a cell stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from grader.rules.loops.values import Scope, Value

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


class FoundError(Exception):
    """A loop over the queries was found: nothing more is to be read."""

    def __init__(self, loop: QueryLoop) -> None:
        super().__init__(loop.what)
        self.loop = loop


@dataclass
class Frame:
    """One call under way: what it returns and what it yields."""

    returned: list[Value] = field(default_factory=list)
    yielded: list[tuple[str, Value]] = field(default_factory=list)


class State:
    """What the parts of the reader share, and what each asks of the others."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.steps = 0
        self.depth = 0
        self.loops: list[str] = []  # the axes of the loops under way in this call
        self.turning = 0  # and how many there are in all calls
        self.frames: list[Frame] = [Frame()]
        self.active: list[ast.AST] = []

    def found(self, kind: str, what: str, node: ast.AST) -> FoundError:
        line = getattr(node, "lineno", 0)
        text = self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""
        return FoundError(QueryLoop(kind, what, line, text))

    @contextmanager
    def looping(self, axis: str) -> Iterator[None]:
        self.loops.append(axis)
        self.turning += 1
        try:
            yield
        finally:
            self.turning -= 1
            self.loops.pop()

    def run(self, statements: Sequence[ast.stmt], scope: Scope) -> None:
        """Follow statements in order."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Give a value to a name, to several, to an attribute or to a part."""
        raise NotImplementedError

    def grown(self, old: Value, item: Value, several: Value | None = None) -> Value:
        """A list after append or extend."""
        raise NotImplementedError

    def value(self, node: ast.expr, scope: Scope) -> Value:
        """What is known of an expression's value."""
        raise NotImplementedError

    def moving(self, index: Value | None) -> bool:
        """Inside a loop: an index that changes from turn to turn."""
        raise NotImplementedError

    def call(
        self,
        function: Value,
        args: list[Value],
        keywords: dict[str, Value],
        node: ast.AST,
        scope: Scope | None = None,
    ) -> Value:
        """What a call gives."""
        raise NotImplementedError

    def binary(self, op: ast.operator, left: Value, right: Value) -> Value:
        """What an operator gives."""
        raise NotImplementedError
