"""Judge a matrix that shifts an encoding, and a bias on the scores."""

from __future__ import annotations

import numpy as np

from grader.protocol.values import Check, Reply
from grader.rules.comparing import Tolerance, reply_difference
from grader.rules.rule import Finding, rule, tolerance_of


@rule
def carries(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the matrix maps every row of ``before`` (as a column) to that of ``after``.

    The options hold one array of each for every case, and ``places``: the rows' positions.
    """
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        found = reply_difference(reply, case.expected, Tolerance(dtype=False))
        if found is not None and found.kind != "value":  # judge the values by what the matrix does
            return Finding(found.text, index)
        before, after = check.options["before"][index], check.options["after"][index]
        matrix = reply.value.data.astype(np.float64)
        with np.errstate(all="ignore"):
            moved = before @ matrix.T
        wrong = ~tolerance_of(check).close(moved, after)
        if wrong.any():
            row, column = (int(i) for i in np.argwhere(wrong)[0])
            start, step = check.options["places"][index][row], case.ask.args[0]
            text = (
                f"(M PE[{start}])[{column}] is {moved[row, column]:.6g}, "
                f"but PE[{start + step}][{column}] is {after[row, column]:.6g}"
            )
            return Finding(text, index, reply.value.data, case.expected.value.data)
    return None


@rule
def biases(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that the reference's finite numbers are met, and others are far below every score."""
    for index, (case, reply) in enumerate(zip(check.cases, replies, strict=True)):
        assert case.expected is not None
        found = reply_difference(reply, case.expected, Tolerance(dtype=False))
        if found is None:
            continue
        if found.kind != "value":
            return Finding(found.text, index)
        yours, expected = reply.value.data, case.expected.value.data
        hidden = np.isneginf(expected)
        wrong = np.where(hidden, ~(yours <= -1e4), ~Tolerance(1e-4, 1e-7).close(yours, expected))
        if wrong.any():
            place = tuple(int(i) for i in np.argwhere(wrong)[0])
            want = "-inf (hidden)" if hidden[place] else f"{expected[place]:.6g}"
            text = f"the bias at {list(place)} is {yours[place]:.6g}, expected {want}"
            return Finding(text, index, yours, expected)
    return None
