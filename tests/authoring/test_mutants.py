"""Generic mutants: the short form of `python -m grader mutate`, on what runs in seconds."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.authoring.mutants import known_mutants, mutants, run
from grader.commandline import main
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT
from grader.course.sources import answer_source

QUICK = ("self_attention", "positional_encoding")


@pytest.mark.parametrize("lesson", QUICK)
def test_every_mutant_is_caught_or_explained(lesson: str) -> None:
    found = list(run([lesson]))
    assert found
    assert [f"{one.mutant.exercise}: {one.mutant.change}" for one in found if not one.ok] == []


def test_the_command_needs_nothing_that_only_tests_import() -> None:
    command = [sys.executable, "-m", "grader", "mutate", "--lesson", "single_query_attention"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith(" 0 faults\n")


def test_the_page_of_all_lessons_is_not_made_from_one(tmp_path: Path) -> None:
    page = tmp_path / "mutants.md"
    said = CliRunner().invoke(main, ["mutate", "--lesson", "masking", "--markdown", str(page)])
    assert said.exit_code == 2 and "leave out --lesson" in said.output
    assert not page.exists()


def test_a_mutant_changes_one_thing_in_a_body() -> None:
    """Signature and docstring are given: they are never changed."""
    for mutant in mutants("self_attention", "SelfAttention"):
        assert mutant.before != mutant.after
        for text in (mutant.before, mutant.after):
            assert "def " not in text
        tree = ast.parse(mutant.source).body[0]
        whole = ast.parse(answer_source("self_attention", "SelfAttention")).body[0]
        assert isinstance(tree, ast.ClassDef) and isinstance(whole, ast.ClassDef)
        assert ast.get_docstring(tree) == ast.get_docstring(whole)


def test_what_init_hands_on_is_changed_too() -> None:
    """It is given, but students may rewrite it: an argument that it drops has to be missed."""
    changes = {mutant.after for mutant in mutants("self_attention", "SelfAttention")}
    assert "self.W_value = nn.Linear(d_model, d_v)" in changes
    assert "self.W_value = nn.Linear(d_v, d_model, bias=False)" in changes
    assert "self.W_value = nn.Linear(d_model, bias=False)" in changes


def test_explanations_are_for_mutants_that_there_are() -> None:
    lesson_of = {e.id: lesson for lesson in LESSONS for e in exercises(lesson)}
    explained = {}
    for lesson in LESSONS:
        explained |= known_mutants(lesson, "EQUIVALENT")
        assert known_mutants(lesson, "FREE").keys() <= lesson_of.keys()
    for name, reasons in explained.items():
        changes = {mutant.change for mutant in mutants(lesson_of[name], name)}
        assert reasons.keys() <= changes, name
        assert all(why.strip() for why in reasons.values())


def test_the_published_page_counts_every_mutant_and_explains_what_survives() -> None:
    page = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            free = known_mutants(lesson, "FREE")
            if exercise.id not in free and not exercise.id.startswith("quiz_"):
                count = len(list(mutants(lesson, exercise.id)))
                caught = count - len(known_mutants(lesson, "EQUIVALENT").get(exercise.id, ()))
                row = f"| `{exercise.id}` | {count} | {caught} |"
                assert not count or row in page, exercise.id
