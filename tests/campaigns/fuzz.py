"""``python -m tests.campaigns.fuzz``: put damaged notebooks through intake and assembly.

Each is a lesson's solved notebook with a few things broken: bytes, JSON, nbformat, metadata. It
must be read, or rejected with a reason, and never end in an exception of ours; what is read must
assemble with every answer cell of the release in it once. A sample goes through the whole judge,
worker included.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import random
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from grader.authoring.solve import solved
from grader.course.assignments import Assignment, assignment
from grader.course.layout import ROOT, assignment_id
from grader.judge import intake
from grader.judge.outcome import OUTCOMES
from grader.judge.run import Judge, Submission
from grader.pages.executed import executed_notebook
from grader.pages.feedback import feedback_page
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox
from grader.source.assembly import ANSWER, assemble

LESSON = "self_attention"
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 4, 1e308, "", "x" * 300, "\ud800", "\x00", [], {}, [[]], {"a": []},
    ["a", 1], "code", "markdown", 10**30, [None] * 5, {"nbgrader": 3},
)  # fmt: skip


@dataclass
class Tally:
    """What became of the notebooks."""

    outcomes: collections.Counter = field(default_factory=collections.Counter)
    reasons: collections.Counter = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)


# --- damage -------------------------------------------------------------------------------------


def _flip(rng: random.Random, raw: bytes) -> bytes:
    out = bytearray(raw)
    for _ in range(rng.choice((1, 3, 30))):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


def _cut(rng: random.Random, raw: bytes) -> bytes:
    first, last = sorted(rng.randrange(len(raw)) for _ in range(2))
    return rng.choice((raw[:first], raw[first:], raw[:first] + raw[last:]))


def _insert(rng: random.Random, raw: bytes) -> bytes:
    place = rng.randrange(len(raw))
    odd = (b"\x00", b"\xff\xfe", b'"', b"{", b"[" * 5000, b"]", b"1e999", b"NaN", b"\\ud800",
           rng.randbytes(40), b"9" * 5000)  # fmt: skip
    return raw[:place] + rng.choice(odd) + raw[place:]


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found, pending = [], [tree]
    while pending:
        node = pending.pop()
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            found.append((node, key))
            if isinstance(value, (dict, list)):
                pending.append(value)
    return found


def _tree(rng: random.Random, raw: bytes) -> bytes:
    """Delete, replace, double or nest a few places of the JSON tree."""
    tree = json.loads(raw)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        places = _places(tree)
        if not places:
            break
        node, key = rng.choice(places)
        way = rng.randrange(4)
        if way == 0:
            del node[key]
        elif way == 1:
            node[key] = copy.deepcopy(rng.choice(ODD))
        elif way == 2 and isinstance(node, list):
            node.insert(rng.randrange(len(node) + 1), copy.deepcopy(node[key]))
        else:
            node[key] = [node[key]] if rng.random() < 0.5 else {"cells": node[key]}
    return json.dumps(tree).encode()


def _cells(rng: random.Random, raw: bytes) -> bytes:
    """Shuffle, double or rename cells, or change their types and metadata."""
    tree = json.loads(raw)
    cells = tree["cells"]
    for _ in range(rng.choice((1, 3, 10))):
        cell = rng.choice(cells)
        way = rng.randrange(7)
        if way == 0:
            rng.shuffle(cells)
        elif way == 1:
            cells.append(copy.deepcopy(cell))
        elif way == 2:
            cell["id"] = rng.choice(cells).get("id")
        elif way == 3:
            cell["cell_type"] = rng.choice(("code", "markdown", "raw", "heading", 3, None))
        elif way == 4:
            cell.setdefault("metadata", {})["nbgrader"] = copy.deepcopy(rng.choice(ODD))
        elif way == 5:
            cell["source"] = copy.deepcopy(rng.choice(ODD))
        else:
            tree["nbformat"] = rng.choice((2, 3, 4, 5, True, "4", None, -4, 4.0))
            if rng.random() < 0.3:
                tree["worksheets"] = rng.choice(([{"cells": cells}], [{"cells": 5}], [3], {}, [{}]))
    return json.dumps(tree).encode()


DAMAGE: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flip, _cut, _insert, _tree, _cells)


# --- judging ------------------------------------------------------------------------------------


def damaged(seed: int, count: int) -> list[bytes]:
    """Make ``count`` damaged notebooks; the same for the same seed."""
    rng = random.Random(seed)
    raw = nbformat.writes(solved(LESSON)).encode()
    return [rng.choice(DAMAGE)(rng, raw) for _ in range(count)]


def read_all(notebooks: list[bytes], release: Assignment) -> Tally:
    """Put the notebooks through intake and assembly."""
    tally = Tally()
    wanted = sorted(part.id for part in release.parts if part.role == ANSWER)
    for content in notebooks:
        try:
            parts = assemble(list(release.parts), intake.parse(content)).parts
        except intake.Rejected as reason:
            tally.outcomes["rejected"] += 1
            tally.reasons[str(reason).partition("(")[0].strip()] += 1
            if not str(reason).strip():
                tally.faults.append("rejected without a reason")
        except BaseException:
            tally.faults.append(traceback.format_exc(limit=-2))
        else:
            tally.outcomes["read"] += 1
            if sorted(part.id for part in parts if part.role == ANSWER) != wanted:
                tally.faults.append("an answer cell is missing or doubled")
    return tally


def grade_all(notebooks: list[bytes], release: Assignment, judge: Judge) -> Tally:
    """Put the notebooks through the whole judge, pages included."""
    tally = Tally()
    for number, content in enumerate(notebooks):
        try:
            outcome = judge.grade(Submission(f"s{number}", release.id, content), release)
            json.loads(executed_notebook(outcome, release))
            feedback_page(outcome, release)
        except BaseException:
            tally.faults.append(traceback.format_exc(limit=-2))
        else:
            tally.outcomes[outcome.outcome] += 1
            if outcome.outcome not in OUTCOMES or not 0 <= outcome.score <= outcome.max_score:
                tally.faults.append(f"{outcome.outcome}, {outcome.score} of {outcome.max_score}")
    return tally


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--graded", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    release = assignment(assignment_id(LESSON))
    first = read_all(damaged(options.seed, options.count), release)
    with start_sandbox([ROOT, Path.home()], 1) as forkserver:
        judge = Judge(
            forkserver, b"fuzz", Limits(cell_cpu=3, checks_cpu=5, notebook_cpu=30, idle=8)
        )
        second = grade_all(damaged(options.seed + 1, options.graded), release, judge)
    print(f"{options.count} damaged notebooks read: {dict(first.outcomes)}")
    for reason, count in first.reasons.most_common(12):
        print(f"  {count:6} {reason}")
    print(f"{options.graded} graded: {dict(second.outcomes)}")
    faults = first.faults + second.faults
    print(f"{len(faults)} faults")
    for fault in list(dict.fromkeys(faults))[:20]:
        print(fault)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
