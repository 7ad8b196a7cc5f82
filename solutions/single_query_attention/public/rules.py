"""Judge a query that the student designs, and loops over queries."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from grader.protocol.values import NOT_ASKED, TICK, Check, Reply
from grader.rules.comparing import describe
from grader.rules.rule import Finding, equal, for_each_reply, rule


@for_each_reply
def splits_attention(check: Check, index: int, reply: Reply) -> Finding | None:
    """Check that the query attends evenly to the ``wanted`` keys, and to little else.

    A case asks with (keys, wanted, sharpness). Judge by how much more attention one key gets than
    another: exp(query · (one - other)). With the option ``mass`` False it is enough that every
    wanted key gets more than any other.
    """
    case = check.cases[index]
    keys, wanted, sharpness = case.ask.args
    text = _is_vector(reply.value, keys.shape[1])
    text = text or _split_text(keys.tolist(), wanted, sharpness, reply.value.tolist(), check)
    if text:
        return Finding(text)
    return None


def _is_vector(value: object, width: int) -> str:
    """Say what is wrong with a value that should be one vector of finite numbers; else ""."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        return f"the result is {describe(value)}, expected an array of shape ({width},)"
    if value.shape != (width,):
        return f"the result has shape {tuple(value.shape)}, expected ({width},)"
    if not np.isfinite(value).all():
        return "the query has an entry that is inf or nan"
    return ""


def _split_text(keys: list, wanted: list, sharpness: float, query: list, check: Check) -> str:
    first = keys[wanted[0]]
    try:
        gaps = [
            math.fsum(q * (a - b) for q, a, b in zip(query, key, first, strict=True))
            for key in keys
        ]
    except (OverflowError, ValueError):
        return "the query is so long that its scores overflow"
    odds = [math.exp(min(gap, 700.0)) for gap in gaps]
    total = math.fsum(odds)
    least, most = min(odds[j] for j in wanted), max(odds[j] for j in wanted)
    if most - least > 1e-6 * most:
        low = next(j for j in wanted if odds[j] == least)
        high = next(j for j in wanted if odds[j] == most)
        return (
            f"wanted key {high} gets {most / total:.8g} of the attention and wanted key {low} "
            f"gets {least / total:.8g}: they should get the same"
        )
    others = [j for j in range(len(keys)) if j not in wanted]
    if not others:
        return ""
    if not check.options.get("mass", True):
        greedy = max(others, key=lambda j: odds[j])
        if odds[greedy] < least:
            return ""
        return (
            f"key {greedy}, which is not wanted, gets {odds[greedy] / total:.6g} of the attention "
            f"and wanted key {wanted[0]} gets {least / total:.6g}"
        )
    left = math.fsum(odds[j] for j in others) / total
    allowed = math.exp(-sharpness)
    # Room for the rounding of 1 - exp(-sharpness) in an answer that meets the bound exactly.
    if left > allowed * (1 + 1e-6) + 1e-15:
        return (
            f"the keys that are not wanted get {left:.8g} of the attention together, more than "
            f"exp(-{sharpness:g}) = {allowed:.8g}"
        )
    return ""


@rule
def no_query_loop(check: Check, replies: list[Reply]) -> Finding | None:
    """Check that more queries execute no more instructions of the student's own Python.

    Cases: few queries and many, whose instructions are counted; the same with arrays that count
    each row taken out; many keys, and as many queries, timed. A loop executes several instructions
    for each query. More than one instruction for every ``each`` queries fails; fewer may be chance,
    such as a ``while`` that ends a turn later. The worker reports the counts, so student code could
    forge them; the judge measures the time and fails a count that cannot be true: the queries take
    more than ``slower`` times as long as the keys. ``names``: the mistake's id, for a loop of
    Python's own and for calls from C.
    """
    for start in (0, 2):
        pair = replies[start : start + 2]
        if start and any(reply.failure is not None for reply in pair):
            continue  # the answer accepts no subclass of ndarray
        found = equal(dataclasses.replace(check, cases=check.cases[start : start + 2]), pair)
        found = found or _more_instructions(check, pair, start)
        if found is not None:
            return dataclasses.replace(found, case=start + found.case)
    told = [place for place in (4, 5) if replies[place] is not NOT_ASKED]
    timed = dataclasses.replace(check, cases=tuple(check.cases[place] for place in told))
    found = equal(timed, [replies[place] for place in told])
    if found is not None:
        return dataclasses.replace(found, case=told[found.case])
    keys, queries = replies[4:]
    slower = (queries.cpu or 0.0) / max(keys.cpu or 0.0, TICK)
    if slower > check.options["slower"]:
        text = (
            f"many queries and few keys take {slower:.0f} times as long as many keys and few "
            "queries: the queries are processed in turn"
        )
        return Finding(text, 5)
    return None


def _more_instructions(check: Check, pair: list[Reply], start: int) -> Finding | None:
    """Return a finding if many queries executed more than few, by the cases from ``start`` on."""
    few, many = pair
    if few.work is None or many.work is None:
        text = (
            "Python's instructions could not be counted: something in your code sets a trace "
            "function (a debugger does that) or starts a process"
        )
        return Finding(text, 1)
    sizes = [len(case.ask.args[0]) for case in check.cases[start : start + 2]]
    more, added = many.work - few.work, sizes[1] - sizes[0]
    if more * check.options["each"] <= added:
        return None
    line, loops = _busiest(few, many)
    text = (
        f"{sizes[0]} queries take {few.work:,} instructions of Python and {sizes[1]} queries take "
        f"{many.work:,}: the queries are processed in turn"
        + (f", in the line `{line}`" if line else "")
    )
    return Finding(text, 1, names=check.options["names"]["loop" if loops else "call"])


def _busiest(few: Reply, many: Reply) -> tuple[str, bool]:
    """Find the line that loops over the queries, and tell whether it is a loop of Python's own.

    Without such a loop it is the line that makes more calls for more queries and executes few
    instructions itself, as a line with ``map`` does.
    """
    nothing = (0, 0, 0)
    more = {
        line: tuple(b - a for a, b in zip(few.lines.get(line, nothing), counts, strict=True))
        for line, counts in many.lines.items()
    }
    turning = max(more, key=lambda line: more[line][1], default="")
    if more and more[turning][1] > 0:
        return turning, True
    return max(more, key=lambda line: more[line][2] / (1 + abs(more[line][0])), default=""), False
