"""Counting the values of a JSON text before it is parsed."""

from __future__ import annotations

import json
import random
import tracemalloc
from typing import Any

import pytest

from grader.judge.intake import Rejected, parse
from grader.protocol import wire
from grader.protocol.json_bounds import has_more_values
from grader.source.notebook import MAX_VALUES


def a_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(6 if depth < 4 else 4)
    if kind == 4:
        return [a_value(rng, depth + 1) for _ in range(rng.randrange(5))]
    if kind == 5:
        return {a_text(rng): a_value(rng, depth + 1) for _ in range(rng.randrange(5))}
    return [None, rng.random(), True, a_text(rng)][kind]


def a_text(rng: random.Random) -> str:
    return "".join(rng.choices('{[,"\\]}:é\n😀 a', k=rng.randrange(12)))


def values(tree: Any) -> int:
    """How many values there are, by going through them."""
    if isinstance(tree, list):
        return 1 + sum(map(values, tree))
    return 1 + sum(map(values, tree.values())) if isinstance(tree, dict) else 1


@pytest.mark.parametrize("seed", range(200))
def test_no_text_with_more_values_is_let_through(seed: int) -> None:
    """The bound holds, and what is in strings does not count: twice the values are never too many.

    A list or object without an item counts two, and so does the first item with its container.
    """
    tree = a_value(random.Random(seed))
    for ascii_only in (True, False):
        text = json.dumps(tree, ensure_ascii=ascii_only).encode()
        for most in range(1, 30):
            if values(tree) - 1 > most:
                assert has_more_values(text, most)
            if values(tree) * 2 <= most:
                assert not has_more_values(text, most)


@pytest.mark.parametrize("text", [b'"', b'"\\', b'"a\\"', b'",,,,', b'\\",', b"", b'""",,'])
def test_half_a_text_is_counted_too(text: bytes) -> None:
    assert not has_more_values(text, 4)


@pytest.mark.slow
def test_a_notebook_of_small_objects_takes_little_memory_and_is_rejected() -> None:
    """30 MB that would be a gigabyte in memory."""
    many = b'{"":0},' * (30_000_000 // 7)
    text = b'{"nbformat":4,"nbformat_minor":5,"metadata":{"x":[' + many + b'0]},"cells":[]}'
    tracemalloc.start()
    with pytest.raises(Rejected, match="2,000,000 numbers"):
        parse(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_notebook_with_large_outputs_is_read() -> None:
    """Text of any size, and hundreds of thousands of numbers, as plots bring them along."""
    page = "<script>draw([" + "1,[2],{3:4}," * 1_000_000 + "])</script>"
    plot = {"x": [n / 7 for n in range(200_000)], "y": [[n] for n in range(100_000)]}
    output = {"output_type": "display_data", "metadata": {}, "data": {"text/html": page}}
    output["data"]["application/vnd.plotly.v1+json"] = plot
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "plot()", "outputs": [output]}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (found,) = parse(json.dumps(document, indent=1).encode()).cells
    assert found.source == "plot()"
    assert len(page) > MAX_VALUES


@pytest.mark.slow
def test_a_frame_of_small_objects_takes_little_memory() -> None:
    header = b'{"tree":[' + b'{"":0},' * 8_000_000 + b'0],"arrays":[]}'
    tracemalloc.start()
    with pytest.raises(wire.WireError, match="too many values"):
        wire.loads(header, b"")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_code_has_a_bound_of_its_own() -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "source": "#" * 500_000}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell] * 4}
    assert len(parse(json.dumps(document).encode()).cells) == 4
    document["cells"] = [cell] * 5
    with pytest.raises(Rejected, match="2,500,000 characters"):
        parse(json.dumps(document).encode())
