"""Fair marks: untouched is 0, solved is full, each exercise earns its own points and no others'."""

from __future__ import annotations

import json

import nbformat
import pytest

from grader.authoring.sample import answer_text, replace_answers
from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, assignment_id, notebook_path
from grader.course.sources import answer_source
from grader.course.versions import alternatives, misconceptions
from tests.conftest import Grade, with_answers

EXERCISES = [(lesson, exercise.id) for lesson in LESSONS for exercise in exercises(lesson)]


def scores(outcome) -> dict[str, float]:
    return {verdict.exercise: verdict.score for verdict in outcome.verdicts}


@pytest.mark.parametrize("lesson", LESSONS)
def test_untouched_scores_exactly_zero(grade: Grade, lesson: str) -> None:
    outcome = grade(lesson, notebook_path(lesson).read_bytes())
    assert outcome.outcome == "not_attempted"
    assert outcome.score == 0
    assert not any(verdict.attempted for verdict in outcome.verdicts)


@pytest.mark.parametrize("lesson", LESSONS)
def test_solved_scores_full(grade: Grade, lesson: str) -> None:
    outcome = grade(lesson, nbformat.writes(solved(lesson)))
    assert outcome.outcome == "graded"
    assert outcome.score == outcome.max_score == assignment(assignment_id(lesson)).max_score
    assert all(verdict.passed for verdict in outcome.verdicts)


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_each_exercise_solved_alone_earns_its_own_points(
    grade: Grade, lesson: str, exercise: str
) -> None:
    outcome = grade(lesson, nbformat.writes(solved(lesson, {exercise})))
    points = {e.id: float(e.points) for e in exercises(lesson)}
    assert scores(outcome) == {name: points[name] * (name == exercise) for name in points}


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES)
def test_one_mistake_costs_only_its_own_exercise(grade: Grade, lesson: str, exercise: str) -> None:
    wrong = misconceptions(lesson, exercise)[0]
    outcome = grade(lesson, with_answers(lesson, {exercise: answer_text(wrong)}, solve=True))
    points = {e.id: float(e.points) for e in exercises(lesson)}
    found = scores(outcome)
    assert found.pop(exercise) < points.pop(exercise)
    assert found == points


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_other_right_ways_score_full(grade: Grade, lesson: str, number: int) -> None:
    texts = {
        e.id: answer_text(alternatives(lesson, e.id)[number])
        for e in exercises(lesson)
        if len(alternatives(lesson, e.id)) > number
    }
    outcome = grade(lesson, with_answers(lesson, texts, solve=True))
    assert scores(outcome) == {e.id: float(e.points) for e in exercises(lesson)}, [
        (v.exercise, c.message) for v in outcome.verdicts for c in v.checks if not c.passed
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_misconception_handed_in_is_named(grade: Grade, number: int) -> None:
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            version = misconceptions(lesson, exercise.id)[number % 5]
            text = with_answers(lesson, {exercise.id: answer_text(version)}, solve=True)
            outcome = grade(lesson, text)
            verdict = next(v for v in outcome.verdicts if v.exercise == exercise.id)
            named = {c.misconception.id for c in verdict.checks if c.misconception}
            assert named == {version.name}
        if number:
            break  # one lesson is enough for the further numbers


def test_an_earlier_mistake_is_not_paid_twice(grade: Grade) -> None:
    """attention leans on a wrong softmax: judged again with the course's softmax."""
    texts = {
        "softmax": "def softmax(scores, axis=-1):\n    return np.asarray(scores)\n",
        "attention": (
            "def attention(query, keys, values):\n"
            "    q, k, v = (np.asarray(x, dtype=float) for x in (query, keys, values))\n"
            "    return [float(x) for x in softmax(k @ q) @ v]\n"
        ),
    }
    outcome = grade("single_query_attention", with_answers("single_query_attention", texts))
    found = scores(outcome)
    points = {e.id: float(e.points) for e in exercises("single_query_attention")}
    assert found["softmax"] == 0
    assert found["attention"] == points["attention"]
    assert outcome.carried == {"attention"}


BUILT = [
    (lesson, exercise.id, used)
    for lesson in LESSONS
    for exercise in exercises(lesson)
    for used in exercise.uses
]


@pytest.mark.parametrize(
    ("lesson", "exercise", "used"),
    [*BUILT, ("transformer_block", "repaired_layer_norm", "layer_norm")],
)
def test_another_exercises_name_is_no_answer(
    grade: Grade, lesson: str, exercise: str, used: str
) -> None:
    """What the judge supplies because an answer failed pays for no other answer."""
    outcome = grade(lesson, with_answers(lesson, {exercise: f"{exercise} = {used}"}))
    assert outcome.score == 0


def test_an_earlier_cell_that_kills_its_process_takes_no_other_down(grade: Grade) -> None:
    lesson = "single_query_attention"
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nos._exit(3)"
    outcome = grade(lesson, with_answers(lesson, {"softmax": kill}, solve=True))
    points = {e.id: float(e.points) for e in exercises(lesson)}
    assert scores(outcome) == {name: points[name] * (name != "softmax") for name in points}
    assert outcome.outcome == "crashed"


def test_the_second_run_tells_nothing_of_the_solution_that_it_holds(grade: Grade) -> None:
    """A cell that reads the supplied softmax and shouts it out: nothing of it is shown."""
    lesson = "single_query_attention"
    spy = (
        "def attention(query, keys, values):\n"
        "    import inspect\n"
        "    try:\n        text = inspect.getsource(softmax)\n"
        "    except Exception:\n        text = repr(softmax.__code__.co_consts)\n"
        "    print(text)\n    raise ValueError('stolen: ' + text)\n"
    )
    texts = {"softmax": "def softmax(scores, axis=-1):\n    return scores\n", "attention": spy}
    outcome = grade(lesson, with_answers(lesson, texts))
    shown = json.dumps(outcome.as_json()) + repr(outcome.cells)
    secret = answer_source(lesson, "softmax").splitlines()[-1].strip()
    assert "stolen: def softmax" in shown  # its own, in the first run
    assert secret not in shown


def test_the_same_salt_gives_the_same_verdict_and_another_salt_other_cases(judge) -> None:
    from dataclasses import replace

    from grader.judge.run import Submission

    release = assignment("03_masking")
    submission = Submission("x", release.id, nbformat.writes(solved("masking")).encode())
    first, second = judge.seed(submission, "causal_mask"), judge.seed(submission, "causal_mask")
    other = replace(judge, secret=b"another").seed(submission, "causal_mask")
    assert first == second != other
    assert (
        judge.grade(submission, release).as_json()["exercises"]
        == (judge.grade(submission, release).as_json()["exercises"])
    )


UGLY = {
    "prints": "print('x' * 10000)\nfor i in range(10000): print(i)",
    "stderr": "import sys, warnings\nprint('no', file=sys.stderr)\nwarnings.warn('careful')",
    "magics": "%matplotlib inline\n%timeit -n1 -r1 1+1\n!echo hello\n%%time\n1",
    "exit": "exit()",
    "sys exit": "import sys\nsys.exit(3)",
    "exception": "1/0",
    "syntax error": "def broken(:",
    "seeds": "import random, torch\nrandom.seed(1); np.random.seed(1); torch.manual_seed(1)",
    "float64 default": "import torch\ntorch.set_default_dtype(torch.float64)",
    "open figures": "import matplotlib.pyplot as plt\nfor _ in range(9):\n    plt.plot([1])",
    "progress": "import sys\nfor i in range(50): print('\\r', i, end='', file=sys.stderr)",
    "quits in a thread": "import threading\nthreading.Thread(target=lambda: 1/0).start()",
    "no gradients": "import torch\ntorch.set_grad_enabled(False)",
    "os._exit": "import os\nos._exit(0)",
}


@pytest.mark.parametrize("name", UGLY)
@pytest.mark.parametrize("place", [0, -1])
def test_ugly_but_honest_costs_nothing(grade: Grade, name: str, place: int) -> None:
    lesson = "masking"
    notebook = solved(lesson)
    cell = nbformat.v4.new_code_cell(UGLY[name], id="mine")
    notebook.cells.insert(1 if place == 0 else len(notebook.cells) - 1, cell)
    outcome = grade(lesson, nbformat.writes(notebook))
    assert outcome.score == outcome.max_score, [
        (v.exercise, c.name, c.message) for v in outcome.verdicts for c in v.checks if not c.passed
    ]


def test_answers_in_a_renamed_helper_or_an_added_cell_count(grade: Grade) -> None:
    lesson = "masking"
    notebook = solved(lesson)
    index = next(i for i, c in enumerate(notebook.cells) if c.id == "causal_mask")
    answer = notebook.cells[index].source
    notebook.cells[index].source = "# see below"
    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell(answer, id="mine"))
    outcome = grade(lesson, nbformat.writes(notebook))
    assert outcome.score == outcome.max_score


def test_an_answer_in_an_added_cell_counts_though_its_own_cell_is_gone(grade: Grade) -> None:
    """The stub, put back, must not undo it: nor where a tool has dropped all ids."""
    lesson = "masking"
    document = json.loads(nbformat.writes(solved(lesson)))
    for cell in document["cells"]:
        cell.pop("id")
        cell["metadata"] = {}
    bare = grade(lesson, json.dumps(document))
    assert bare.score == bare.max_score
    notebook = solved(lesson)
    index = next(i for i, c in enumerate(notebook.cells) if c.id == "causal_mask")
    notebook.cells[index] = nbformat.v4.new_code_cell(notebook.cells[index].source, id="mine")
    outcome = grade(lesson, nbformat.writes(notebook))
    assert outcome.score == outcome.max_score


def test_an_answer_split_in_two_cells_counts_whole(grade: Grade) -> None:
    """JupyterLab gives both halves the metadata, so the id stands in both."""
    lesson = "masking"
    document = json.loads(nbformat.writes(solved(lesson)))
    cells = document["cells"]
    index = next(i for i, c in enumerate(cells) if c["id"] == "causal_mask")
    half = json.loads(json.dumps(cells[index])) | {"id": "half"}
    cells[index]["source"] = "import torch\nLOW = float('-inf')"
    half["source"] = (
        "def causal_mask(n):\n    return torch.full((n, n), LOW).triu(1)\n\ncausal_mask(3)"
    )
    cells.insert(index + 1, half)
    outcome = grade(lesson, json.dumps(document))
    assert outcome.score == outcome.max_score
    assert any("several pieces" in repair for repair in outcome.repairs)


LOOP = """
def batched_attention(queries, keys, values):
    rows = []
    for query in queries:
        powers = np.exp(keys @ query - (keys @ query).max())
        rows.append(powers / powers.sum())
    weights = np.array(rows)
    return weights @ values, weights
"""


@pytest.mark.parametrize("place", [0, 1])
def test_how_an_answer_is_written_is_read_in_whatever_cell_defines_it(
    grade: Grade, place: int
) -> None:
    """Neither an empty cell before the added one nor a decent function after the check hides it."""
    lesson, name = "single_query_attention", "batched_attention"
    there = grade(lesson, with_answers(lesson, {name: LOOP}, solve=True))
    notebook = solved(lesson)
    decent = next(c.source for c in notebook.cells if c.id == name)
    replace_answers(notebook, {name: "# see the other cell" if place else "pass"})
    index = next(i for i, c in enumerate(notebook.cells) if c.id == name)
    notebook.cells.insert(index + place, nbformat.v4.new_code_cell(LOOP, id="mine"))
    late = nbformat.v4.new_code_cell(decent, id="late")
    notebook.cells.insert(index + 3, late)
    elsewhere = grade(lesson, nbformat.writes(notebook))
    assert scores(elsewhere) == scores(there)
    assert scores(there)[name] < 4


def test_replace_answers_is_what_it_says() -> None:
    notebook = nbformat.read(notebook_path("masking"), as_version=4)
    replace_answers(notebook, {"causal_mask": "x = 1"})
    assert [c.source for c in notebook.cells if c.id == "causal_mask"] == ["x = 1"]
