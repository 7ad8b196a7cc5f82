"""Check two conventions on every call: arguments stay unchanged, and tensors may be views.

Neither needs cases of its own for each way in which an exercise can be called: the calls that the
other checks make are watched, and some of them are made again with tensors laid out in memory as
a slice or a transpose is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from grader.protocol.values import Ask, Case, Check, Ref, Step, Tensor

VIEWS = "slices and transposes"
LAYOUTS = ("@sliced", "@transposed")
EACH = 3  # cases of a check that are asked again


def watch_every_call(checks: Sequence[Check]) -> list[Check]:
    """Let a check by the rule ``untouched`` look at every quick call, not only at its own.

    The calls are made anyway; watching one costs a copy of its arguments.
    """
    if not any(check.rule == "untouched" for check in checks):
        return list(checks)
    # A slow question must not be asked early because it is watched; see ``grader.rules.asking``.
    slow = {id(case.ask) for check in checks if check.slow for case in check.cases}
    watched: dict[int, Ask] = {}
    every: dict[int, Case] = {}

    def watching(case: Case) -> Case:
        if id(case.ask) in slow or not _may_be_watched(case):
            return case
        ask = watched.setdefault(id(case.ask), replace(case.ask, watch=True))
        seen = replace(case, ask=ask)
        every.setdefault(id(ask), seen)
        return seen

    found = [replace(check, cases=tuple(map(watching, check.cases))) for check in checks]
    return [_beside(check, every) if check.rule == "untouched" else check for check in found]


def _beside(check: Check, every: dict[int, Case]) -> Check:
    own = {id(case.ask) for case in check.cases}
    others = (case for key, case in every.items() if key not in own)
    return replace(check, cases=(*check.cases, *others))


def _may_be_watched(case: Case) -> bool:
    ask = case.ask
    raises = case.expected is not None and case.expected.failure is not None
    measured = ask.counted or ask.timed or ask.memory
    return not raises and not measured and any(_is_data(value) for value in _given(ask))


def _given(ask: Ask) -> list[Any]:
    return [*ask.args, *ask.kwargs.values()]


def _is_data(value: Any) -> bool:
    return isinstance(value, (Tensor, np.ndarray, list))


def with_views(checks: Sequence[Check], names: Sequence[str]) -> list[Check]:
    """Return the checks, and one more that asks the named ones' cases with views of other tensors.

    ValueError if there is no check of a name, or if the named ones differ in their rule.
    """
    if not names:
        return list(checks)
    named = [check for check in checks if check.name in names]
    if {check.name for check in named} != set(names) or len({c.rule for c in named}) != 1:
        raise ValueError(f"views of {list(names)}: checks by one rule were expected")
    cases = tuple(case for check in named for case in _views(check))
    look = (
        "whether a tensor may be a part or a transpose of another one: then its numbers do not lie "
        "side by side in memory, and view refuses what reshape and flatten can do"
    )
    return [*checks, Check(VIEWS, look, cases, named[0].rule, dict(named[0].options))]


def _views(check: Check) -> Iterator[Case]:
    """Yield a check's first cases that have tensors of several numbers, in each layout in turn."""
    fit = [case for case in check.cases if any(_is_large(value) for value in _given(case.ask))]
    for place, case in enumerate(fit[:EACH]):
        layout = LAYOUTS[place % len(LAYOUTS)]
        steps: list[Step] = []

        def laid(value: Any, layout: str = layout, steps: list[Step] = steps) -> Any:
            if not _is_large(value):
                return value
            steps.append(Step(f"view {len(steps)}", layout, (value,)))
            return Ref(steps[-1].name)

        args = tuple(laid(value) for value in case.ask.args)
        kwargs = {key: laid(value) for key, value in case.ask.kwargs.items()}
        ask = replace(case.ask, args=args, kwargs=kwargs, watch=False)
        ask = replace(ask, steps=(*steps, *case.ask.steps))
        expected = None if case.expected is None else replace(case.expected, args=None)
        yield Case(f"{case.name}, {layout.removeprefix('@')}", ask, expected)


def _is_large(value: Any) -> bool:
    return isinstance(value, Tensor) and value.data.size > 1
