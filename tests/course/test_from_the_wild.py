"""The tasks without points in "From the wild" can be solved, and their cells say when they are."""

from __future__ import annotations

import contextlib
import io
import math

import nbformat
import numpy as np
import pytest
import torch

from grader.course.layout import notebook_path
from solutions.positional_encoding import sinusoidal_encoding

# Lesson, the cells that the task needs, the student's own cell, the cell that tries it, answers.
TASKS = (
    (
        "single_query_attention",
        ("cbc1c5e8",),
        "898d4c41",
        "5c0e17a1",
        ("two_scores = [-1000.0, -1001.0]",),
    ),
    (
        "masking",
        ("2c22daa4",),
        "6acdb396",
        "d27be90f",
        (
            "def first_test(f):\n"
            "    s = torch.zeros(1, 1, 3)\n"
            "    f(s, torch.tensor([1]))\n"
            "    return torch.equal(s, torch.zeros(1, 1, 3))\n"
            "def second_test(f):\n"
            "    s = torch.tensor([[[-1e8, 0.0]]])\n"
            "    assert f(s, torch.tensor([1]))[0, 0, 1] == 0\n"
            "    return True",
        ),
    ),
    (
        "positional_encoding",
        (),
        "addecf83",
        "8ef3c6b4",
        (
            "def is_good(table):\n"
            "    return bool((table[1:] - table[0]).norm(dim=1).min() > 0.001)",
            "def is_good(table):\n    return table[1, 0] != table[1, 2]",
        ),
    ),
)


def said(lesson: str, given: tuple[str, ...], own: str, tries: str, answer: str | None) -> str:
    """What the trying cell prints, with this answer or with the student's cell as given out."""
    cells = {c.id: c for c in nbformat.read(notebook_path(lesson), as_version=4).cells}
    assert cells[own].metadata.tags == ["scratch"]
    names = {
        "INF": math.inf,
        "math": math,
        "np": np,
        "torch": torch,
        "ready": lambda *answers: True,
        "sinusoidal_encoding": sinusoidal_encoding,
    }
    for source in (*(cells[name].source for name in given), answer or cells[own].source):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(source, names)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(cells[tries].source, names)
    return printed.getvalue()


@pytest.mark.parametrize(
    ("lesson", "given", "own", "tries", "answers"), TASKS, ids=[task[0] for task in TASKS]
)
def test_a_task_is_open_as_given_out_and_found_with_an_answer(
    lesson: str, given: tuple[str, ...], own: str, tries: str, answers: tuple[str, ...]
) -> None:
    untouched = said(lesson, given, own, tries, None)
    assert "not yet" in untouched and "found" not in untouched
    for answer in answers:
        solved = said(lesson, given, own, tries, answer)
        assert "found" in solved and "not yet" not in solved, solved
