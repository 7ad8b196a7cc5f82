"""The kill matrix: nothing survives, nothing right is refused, and the page tells of it all."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from grader.authoring.composed import Tally, taking_part, together, try_exercise
from grader.authoring.prove import Trial, kill_matrix, prove, prove_exercise
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT
from grader.course.quiz import quiz_id
from grader.course.versions import alternatives, misconceptions

# The short form. `python -m grader prove` tries three draws and all composed mistakes for the page,
# whose digest says that none of them shows a fault with the present sources; the public draw is
# also what tests/student/test_check.py puts to every answer.
DRAWS = {"graded 1": b"prove 1"}
EACH = 2  # composed mistakes of each kind and exercise, where the command tries six


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return list(prove(DRAWS))


def test_every_misconception_is_caught_and_named_and_nothing_right_is_refused(trials) -> None:
    assert [t for t in trials if not t.ok] == []


def test_composed_mistakes_are_named_truly_or_not_at_all() -> None:
    tally = together(try_exercise(name, EACH) for name in taking_part())
    assert tally.false == []
    assert tally.count.total() >= 300


def test_the_published_page_tells_of_every_version_and_of_no_fault() -> None:
    """Without running them again: `tests/authoring/test_derived.py` says when it is out of date."""
    page = (ROOT / "docs" / "kill_matrix.md").read_text(encoding="utf-8")
    wrong = right = options = 0
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            names = [version.name for version in misconceptions(lesson, exercise.id)]
            others = [version.name for version in alternatives(lesson, exercise.id)]
            section = page.split(f"### `{exercise.id}`\n")[1].split("\n#")[0]
            assert f"\nAccepted: {'; '.join(sorted(others))}.\n" in section, exercise.id
            right += len(others)
            if exercise.id == quiz_id(lesson):
                told = f"{len(names)} wrong options: in {3 * len(names)} of {3 * len(names)} trials"
                assert f"\n{told} named, by one question alone.\n" in section
                options += len(names)
            else:
                row = r"^\| `([^`]+)` \| [^|]+ \| (\d+) of \2 \|$"
                assert [name for name, _ in re.findall(row, section, re.M)] == names
                wrong += len(names)
    assert f"\n{wrong} named wrong answers, {options} wrong options of quizzes and\n" in page
    assert f"\n{right} other right answers, " in page and "\n**0 faults** " in page
    assert "**nothing**" not in page
    told = r"several mistakes, \*\*0\*\* are .*\| \*\*all\*\* \| \d+ of (\d+) \| \d+% \|"
    found = re.search(told, page, re.S)
    assert found is not None and int(found[1]) >= 300


def test_the_page_marks_what_fails_in_some_draws_only() -> None:
    def trial(draw: str, *caught_by: str) -> Trial:
        return Trial("masking", "causal_mask", "boolean", "misconception", draw, caught_by,
                     ("boolean",), 0.0, 1.0, "")  # fmt: skip

    trials = [trial("public", "always", "at times"), trial("graded 1", "always")]
    page = kill_matrix(trials, Tally())
    assert "\n| `boolean` | always; *at times* | 2 of 2 |\n" in page


def test_the_page_tells_how_many_composed_mistakes_are_named() -> None:
    tally = Tally(Counter({"two at once": 3, "another": 5}), Counter({"another": 4}), ["one"])
    page = kill_matrix([], tally)
    assert "\n| another | 4 of 5 | 80% |\n| two at once | 0 of 3 | 0% |\n" in page
    assert "\n| **all** | 4 of 8 | 50% |\n" in page and "several mistakes, **1** are" in page


def test_a_weakened_check_is_noticed() -> None:
    """The proof can fail: with half of its checks an exercise lets something through."""
    import dataclasses

    exercise = next(e for e in exercises("masking") if e.id == "masked_attention")
    weak = dataclasses.replace(exercise, checks=lambda draw: exercise.checks(draw)[:1], views=())
    found = list(prove_exercise("masking", weak, {"one": b"one"}))
    assert [t for t in found if t.kind == "misconception" and not t.ok]
    assert not [t for t in found if t.kind != "misconception" and not t.ok]
