"""Finds loops over the queries in the text of an answer, without running it.

A small abstract interpreter walks the cell. It knows no numbers, only what each axis of a value
stands for: ``m`` queries, ``n`` keys, ``d`` features of a query, ``v`` features of a value.
``scores = queries @ keys.T`` has the axes (m, n), ``scores.T`` has (n, m), ``len(scores)`` is
as long as axis m, and a loop over any of these is judged by the axis that it runs along.

Looping over keys, features or arguments is nobody's concern here; looping along ``m`` is found,
and so is a loop over something that derives from the queries and that cannot be worked out.
"""

from __future__ import annotations

from grader.rules.loops.calls import Calls
from grader.rules.loops.expressions import Expressions
from grader.rules.loops.state import FoundError, QueryLoop
from grader.rules.loops.statements import Statements
from grader.rules.loops.subscripts import Subscripts
from grader.rules.loops.values import QUERY_AXIS, Array, Function, Scope, Value
from grader.source.cells import readable


class _Reader(Statements, Expressions, Subscripts, Calls):
    """All of it together."""


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
    except FoundError as found:
        return found.loop
    except Exception:  # strange source is no reason to accuse anyone
        return None
    return None


def _last_function(module: Scope) -> Value | None:
    """What stands in for the function where the source knows it by another name."""
    functions = [value for value in module.names.values() if isinstance(value, Function)]
    return functions[-1] if functions else None
