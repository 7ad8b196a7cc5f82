"""Nothing that somebody wrote is silently worth nothing: found, or shown to a person (T13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import LESSONS, ROOT, assignment_id, notebook_path
from grader.judge import intake
from grader.judge.outcome import Outcome
from grader.judge.recognize import not_this_lesson
from grader.pages.feedback import feedback_page
from grader.source.assembly import assemble
from tests.conftest import Grade

LESSON = "masking"
QUESTION = "masking_in_words"
WORDS = "Because a masked score is minus infinity, its weight is *exactly* zero."
NOTES = "My own notes. " + "The rows of the matrix of weights sum to one. " * 8
Cells = list[dict[str, Any]]


def document(solve: bool = False) -> dict[str, Any]:
    if solve:
        return json.loads(nbformat.writes(solved(LESSON)))
    return json.loads(notebook_path(LESSON).read_bytes())


def place_of(cells: Cells, name: str) -> int:
    return next(n for n, cell in enumerate(cells) if cell["id"] == name)


def new(kind: str, source: str) -> dict[str, Any]:
    cell = {"cell_type": kind, "id": f"new-{kind}", "metadata": {}, "source": source}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def strip(cells: Cells) -> None:
    """Ids and metadata gone, as several tools leave a notebook."""
    for cell in cells:
        del cell["id"]
        cell["metadata"] = {}


def in_its_cell(cells: Cells) -> None:
    cells[place_of(cells, QUESTION)]["source"] = WORDS


def below_its_cell(cells: Cells) -> None:
    cells.insert(place_of(cells, QUESTION) + 1, new("markdown", WORDS))


def instead_of_its_cell(cells: Cells) -> None:
    cells[place_of(cells, QUESTION)] = new("markdown", WORDS)


def in_a_code_cell_instead(cells: Cells) -> None:
    cells[place_of(cells, QUESTION)] = new("code", WORDS)


def in_comments_instead(cells: Cells) -> None:
    cells[place_of(cells, QUESTION)] = new("code", f"# {WORDS}")


def in_a_raw_cell_instead(cells: Cells) -> None:
    cells[place_of(cells, QUESTION)] = new("raw", WORDS)


def in_a_code_cell_below(cells: Cells) -> None:
    cells.insert(place_of(cells, QUESTION) + 1, new("code", WORDS))


def in_a_raw_cell_below(cells: Cells) -> None:
    cells.insert(place_of(cells, QUESTION) + 1, new("raw", WORDS))


def as_a_raw_cell(cells: Cells) -> None:
    cells[place_of(cells, QUESTION)] |= {"cell_type": "raw", "source": WORDS}


def as_a_code_cell(cells: Cells) -> None:
    code = new("code", WORDS)
    cells[place_of(cells, QUESTION)] |= {k: code[k] for k in ("cell_type", "source", "outputs")}


def in_two_cells(cells: Cells) -> None:
    first, second = WORDS.split(", ")
    place = place_of(cells, QUESTION)
    cells[place]["source"] = f"{first},"
    cells.insert(place + 1, cells[place] | {"id": "half", "source": second})


def under_the_question(cells: Cells) -> None:
    card = cells[place_of(cells, QUESTION) - 1]
    card["source"] = "".join(card["source"]) + f"\n\n{WORDS}"


def merged_with_the_question(cells: Cells) -> None:
    under_the_question(cells)
    del cells[place_of(cells, QUESTION)]


def beside_the_line_given_out(cells: Cells) -> None:
    cell = cells[place_of(cells, QUESTION)]
    cell["source"] = "".join(cell["source"]) + f"\n\n{WORDS}"


WAYS: list[Callable[[Cells], None]] = [
    in_its_cell,
    below_its_cell,
    instead_of_its_cell,
    in_a_code_cell_instead,
    in_comments_instead,
    in_a_raw_cell_instead,
    in_a_code_cell_below,
    in_a_raw_cell_below,
    as_a_raw_cell,
    as_a_code_cell,
    in_two_cells,
    under_the_question,
    merged_with_the_question,
    beside_the_line_given_out,
]


def question(outcome: Outcome) -> str:
    return next(cell.source for cell in outcome.cells if cell.id == QUESTION)


@pytest.mark.parametrize("stripped", [False, True], ids=["with ids", "without"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_written_answer_is_found_wherever_it_was_put(
    grade: Grade, way: Callable[[Cells], None], stripped: bool
) -> None:
    tree = document()
    way(tree["cells"])
    if stripped:
        strip(tree["cells"])
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.humans[QUESTION][1], "it waits for a person's marks"
    words = question(outcome).removeprefix("# ").split()
    assert words == WORDS.split()
    assert outcome.outcome == "graded" and not outcome.unsure
    if way is not in_its_cell and way is not beside_the_line_given_out:
        assert outcome.repairs or stripped


@pytest.mark.parametrize("stripped", [False, True], ids=["with ids", "without"])
def test_what_was_left_as_it_was_given_out_is_not_attempted(grade: Grade, stripped: bool) -> None:
    tree = document()
    if stripped:
        strip(tree["cells"])
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.outcome == "not_attempted" and outcome.score == 0
    assert not outcome.humans[QUESTION][1] and not outcome.unsure and not outcome.notices


def test_a_long_text_far_from_its_place_is_shown_to_a_person(grade: Grade) -> None:
    tree = document()
    tree["cells"].insert(3, new("markdown", NOTES))
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.unsure == {QUESTION} and outcome.humans[QUESTION][1]
    assert QUESTION in outcome.notices[0] and outcome.outcome == "graded"
    page = feedback_page(outcome, assignment(assignment_id(LESSON))).decode()
    assert "A person will look at this" in page and outcome.notices[0] in page


def test_a_remark_elsewhere_is_no_answer(grade: Grade) -> None:
    tree = document()
    tree["cells"].insert(3, new("markdown", "Ask about this in class."))
    assert not grade(LESSON, json.dumps(tree)).humans[QUESTION][1]


def test_if_its_cell_is_gone_any_text_may_be_the_answer(grade: Grade) -> None:
    tree = document()
    del tree["cells"][place_of(tree["cells"], QUESTION)]
    tree["cells"].insert(3, new("markdown", "Ask about this in class."))
    assert grade(LESSON, json.dumps(tree)).unsure == {QUESTION}


# -- code ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["markdown", "raw"])
@pytest.mark.parametrize("fence", ["", "```"], ids=["plain", "fenced"])
def test_an_answer_whose_cell_became_text_is_run_as_code(
    grade: Grade, kind: str, fence: str
) -> None:
    tree = document(solve=True)
    cell = tree["cells"][place_of(tree["cells"], "causal_mask")]
    text = "".join(cell["source"])
    cell |= {"cell_type": kind, "source": f"```python\n{text}\n```" if fence else text}
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.score == outcome.max_score
    assert any("causal_mask" in line and kind in line for line in outcome.repairs)


@pytest.mark.parametrize("kind", ["code", "markdown", "raw"])
def test_an_answer_without_its_id_is_found_by_its_name(grade: Grade, kind: str) -> None:
    tree = document(solve=True)
    strip(tree["cells"])
    for cell in tree["cells"]:
        if "def causal_mask" in "".join(cell["source"]):
            cell["cell_type"] = kind
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.score == outcome.max_score


def test_an_answer_with_a_syntax_error_is_tried_and_wrong_also_without_ids(grade: Grade) -> None:
    tree = document()
    cells = tree["cells"]
    cells[place_of(cells, "causal_mask")]["source"] = "def causal_mask(n):\n    return (n\n"
    strip(cells)
    verdict = next(
        v for v in grade(LESSON, json.dumps(tree)).verdicts if v.exercise == "causal_mask"
    )
    assert verdict.attempted and "SyntaxError" in verdict.checks[0].message


def test_an_answer_written_into_its_check_counts(grade: Grade) -> None:
    tree = document(solve=True)
    cells = tree["cells"]
    answer, check = (cells[place_of(cells, n)] for n in ("causal_mask", "check_causal_mask"))
    stub = document()["cells"][place_of(cells, "causal_mask")]["source"]
    check["source"] = "".join(answer["source"]) + "\n\n" + "".join(check["source"])
    answer["source"] = stub
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.score == outcome.max_score


def test_answers_under_other_names_are_shown_to_a_person(grade: Grade) -> None:
    tree = document()
    tree["cells"].append(new("code", "def my_mask(n):\n    return None"))
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.outcome == "graded" and outcome.score == 0
    assert "causal_mask" in outcome.unsure and "my_mask" in outcome.notices[0]


def test_a_later_answer_that_does_not_count_is_shown_to_a_person(grade: Grade) -> None:
    tree = document()
    right = next(c for c in document(solve=True)["cells"] if c["id"] == "causal_mask")
    tree["cells"].append(right)
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.score == 0 and outcome.unsure == {"causal_mask"}


@pytest.mark.parametrize("first", ["{stub}", "# see below", "def causal_mask(n):\n    return n"])
def test_an_answer_below_its_check_waits_for_a_person(grade: Grade, first: str) -> None:
    tree = document(solve=True)
    cells = tree["cells"]
    place = place_of(cells, "causal_mask")
    stub = "".join(document()["cells"][place_of(document()["cells"], "causal_mask")]["source"])
    late = new("code", "".join(cells[place]["source"]))
    cells[place]["source"] = first.format(stub=stub)
    cells.insert(place_of(cells, "check_causal_mask") + 1, late)
    outcome = grade(LESSON, json.dumps(tree))
    verdict = next(v for v in outcome.verdicts if v.exercise == "causal_mask")
    assert verdict.score == 0 and outcome.unsure == {"causal_mask"}
    assert "another cell" in outcome.notices[0]


def test_a_copy_of_the_answers_cell_used_for_something_else_costs_nothing(grade: Grade) -> None:
    tree = document(solve=True)
    cells = tree["cells"]
    answer = cells[place_of(cells, "causal_mask")]
    cells.insert(1, answer | {"id": "copy", "source": "import matplotlib.pyplot as plt"})
    outcome = grade(LESSON, json.dumps(tree))
    assert outcome.score == outcome.max_score and not outcome.unsure


# -- the cell's own error ------------------------------------------------------------------------

OWN_ERRORS = {
    "import scipy_that_is_not_there\n{answer}": "No module named 'scipy_that_is_not_there'",
    "```python\n{answer}\n```": "SyntaxError",
    "{answer}\nprint(\u201cdone\u201d)": "SyntaxError: invalid character '\u201c' (U+201C)",
    "{answer}\nx =\u00a01": "SyntaxError: invalid non-printable character U+00A0",
}


@pytest.mark.parametrize("text", OWN_ERRORS)
@pytest.mark.parametrize("added", [False, True], ids=["its cell", "an added cell"])
def test_a_cell_that_fails_is_reported_with_its_own_error(
    grade: Grade, text: str, added: bool
) -> None:
    tree = document(solve=True)
    cells = tree["cells"]
    place = place_of(cells, "causal_mask")
    source = text.format(answer="".join(cells[place]["source"]))
    if added:
        cells[place] = new("code", source)
    else:
        cells[place]["source"] = source
    verdicts = grade(LESSON, json.dumps(tree)).verdicts
    verdict = next(v for v in verdicts if v.exercise == "causal_mask")
    assert verdict.attempted and verdict.score == 0
    for check in verdict.checks:
        assert OWN_ERRORS[text] in check.message and "was the cell run" not in check.message
        assert "\n" not in check.message


# -- other notebooks -----------------------------------------------------------------------------


@pytest.mark.parametrize("stripped", [False, True], ids=["with ids", "without"])
@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_is_told_from_every_other(lesson: str, stripped: bool) -> None:
    """Solved and untouched: a lesson is itself, and none of the others."""
    for tree in (json.loads(nbformat.writes(solved(lesson))),
                 json.loads(notebook_path(lesson).read_bytes())):  # fmt: skip
        if stripped:
            strip(tree["cells"])
        notebook = intake.parse(json.dumps(tree).encode())
        for other in LESSONS:
            release = assignment(assignment_id(other))
            problem = not_this_lesson(notebook, release, assemble(release.parts, notebook))
            assert bool(problem) == (other != lesson), (other, problem)
            assert other == lesson or assignment_id(lesson) in problem


OTHER_COURSE = ROOT / "tests/courses/descent/notebooks/02_descent/02_descent.ipynb"
R_NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"language": "R", "name": "ir"}},
    "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "source": "x <- 1"}],
}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (json.dumps(R_NOTEBOOK), "its language is r"),
        (notebook_path("self_attention").read_text(), "belongs to 02_self_attention"),
        ("PK\x03\x04", "not JSON"),
        (json.dumps(R_NOTEBOOK | {"metadata": {}}), "none of that lesson's cells"),
        (OTHER_COURSE.read_text(), "none of that lesson's cells"),
    ],
)
def test_what_is_not_the_lesson_waits_for_a_person(grade: Grade, content: str, word: str) -> None:
    outcome = grade(LESSON, content)
    assert outcome.outcome == "rejected" and word in outcome.reason
    assert outcome.notices == (outcome.reason,)
    assert outcome.unsure == {v.exercise for v in outcome.verdicts} | {QUESTION}


def test_an_empty_file_waits_for_nobody(grade: Grade) -> None:
    outcome = grade(LESSON, "")
    assert outcome.outcome == "rejected" and not outcome.unsure
