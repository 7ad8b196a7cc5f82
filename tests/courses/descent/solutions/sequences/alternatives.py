"""Other right ways in lesson 1."""

from __future__ import annotations

from collections import deque

from grader.course.versions import right


@right("reversed_copy", "the built-in reversed")
def reversed_builtin(items):
    return list(reversed(items))


@right("reversed_copy", "recursion")
def reversed_recursion(items):
    return [] if not items else [*reversed_recursion(items[1:]), items[0]]


@right("reversed_copy", "a deque")
def reversed_deque(items):
    out = deque()
    for item in items:
        out.appendleft(item)
    return list(out)
