"""What a check calls arguments and results is what the contract calls them."""

from __future__ import annotations

import ast

import pytest

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.protocol.values import Case, Check
from grader.source.assembly import ANSWER
from grader.student.lessons import handed_out


def parameters(lesson: str) -> dict[str, tuple[str, ...]]:
    """What the cells that students are given call the arguments of each answer."""
    found = {}
    for part in handed_out(lesson):
        if part.role != ANSWER:
            continue
        node = next(n for n in ast.parse(part.source).body if getattr(n, "name", "") == part.id)
        if isinstance(node, ast.ClassDef):
            methods = (n for n in node.body if isinstance(n, ast.FunctionDef))
            forward = next(n for n in methods if n.name == "forward")
            found[part.id] = tuple(arg.arg for arg in forward.args.args[1:])
        elif isinstance(node, ast.FunctionDef):
            found[part.id] = tuple(arg.arg for arg in (*node.args.posonlyargs, *node.args.args))
    return found


def parts_to_name(check: Check, case: Case) -> int:
    """How many parts of the result have to be called something; 0 if it is one thing.

    Not the steps after the call, which have names. A list of like things has no names for its
    parts, and a rule with an option ``of`` has words of its own.
    """
    if "of" in check.options or case.expected is None:
        return 0
    value = case.expected.value
    if case.ask.after:
        value = value[0] if isinstance(value, tuple) else None
    return len(value) if isinstance(value, tuple) and len(value) > 1 else 0


@pytest.mark.parametrize("lesson", LESSONS)
def test_arguments_are_called_what_the_cell_that_is_given_out_calls_them(lesson: str) -> None:
    for name, called in parameters(lesson).items():
        found = next(one for one in exercises(lesson) if one.id == name)
        assert found.takes == called, name


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_part_of_a_result_has_a_name(lesson: str) -> None:
    for exercise in exercises(lesson):
        for check in exercise.suite(b"words").checks:
            for case in check.cases:
                parts = parts_to_name(check, case)
                returns = check.options.get("returns", ())
                assert parts == 0 or len(returns) == parts, (exercise.id, check.name, returns)
