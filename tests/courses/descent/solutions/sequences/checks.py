"""What lesson 1 is judged by: references that push one item after another."""

from __future__ import annotations

from typing import Any

from grader.course.specification import Draw, Exercise, case
from grader.protocol.values import Check


def reversed_reference(items: list[Any]) -> list[Any]:
    """Each item is put before those that came earlier."""
    out: list[Any] = []
    for item in items:
        out.insert(0, item)
    return out


def reversed_checks(draw: Draw) -> list[Check]:
    """Numbers, text and nested lists; the argument is left alone."""
    numbers = [int(n) for n in draw.permutation(5)]

    def ask(name: str, items: list[Any], **more: Any) -> Any:
        return case(name, "reversed_copy", items, reference=reversed_reference, **more)

    return [
        Check(
            "the order",
            "which item of the argument comes first in the result",
            (
                ask("five numbers", numbers),
                ask("words, None and a float", ["one", None, 2.5]),
                ask("lists in a list", [[1, 2], [3], []]),
                ask("two of a kind", [1, 2, 2, 3]),
            ),
            core=True,
            share=2,
        ),
        Check("an empty list", "what is left when there is nothing to do", (ask("[]", []),)),
        Check(
            "the argument is left alone",
            "`list.reverse` works in place",
            (ask("the list after the call", numbers, watch=True),),
        ),
    ]


EXERCISES = [
    Exercise(
        "reversed_copy",
        2,
        reversed_checks,
        hints=(
            "Which item of the argument comes first in the result?",
            "Walk through the list from its end and collect what you meet in a new list.",
            "result ← an empty list\nfor each item, from ____ to ____:\n    add it to ____",
        ),
    ),
]
