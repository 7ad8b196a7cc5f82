"""Fair marks: untouched is 0, solved is full, each exercise earns its own points and no others'."""

from __future__ import annotations

import itertools
import json

import nbformat
import pytest

from grader.authoring.sample import answer_text, replace_answers
from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.exercises import exercises, find
from grader.course.layout import LESSONS, assignment_id, notebook_path
from grader.course.sources import answer_source
from grader.course.specification import PUBLIC_SEED
from grader.course.versions import alternatives, misconceptions
from grader.judge.carry_forward import NEITHER
from grader.sandbox.host import workers
from grader.source.slicing import read_names
from tests.conftest import Grade, with_answers


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


def below(lesson: str, exercise: str) -> set[str]:
    """What an exercise builds on in its own lesson, directly or not, as the lesson declares."""
    uses = {e.id: e.uses for e in exercises(lesson)}
    own = {other for other in uses[exercise] if other in uses}
    return own.union(*(below(lesson, other) for other in own))


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_a_solution_calls_of_its_lesson_is_declared(lesson: str) -> None:
    """Only what is declared is supplied where a student has not solved it."""
    names = {e.id for e in exercises(lesson)}
    for name in names:
        called = read_names(answer_source(lesson, name))
        assert called is not None
        assert called & names - {name} <= below(lesson, name), name


@pytest.fixture(params=["what builds on others", "the rest"])
def half(request: pytest.FixtureRequest, lesson: str) -> set[str]:
    """One of two halves of a lesson's exercises."""
    built = {e.id for e in exercises(lesson) if e.uses}
    return built if request.param != "the rest" else {e.id for e in exercises(lesson)} - built


@pytest.mark.parametrize("lesson", LESSONS)
def test_what_is_solved_earns_its_own_points_beside_stubs(
    grade: Grade, lesson: str, half: set[str]
) -> None:
    outcome = grade(lesson, nbformat.writes(solved(lesson, half)))
    assert scores(outcome) == {e.id: e.points * (e.id in half) for e in exercises(lesson)}


def given_to(exercise: str) -> set[str]:
    """The names that make what an exercise's answer is given in its checks."""
    suite = find(exercise).suite(PUBLIC_SEED)
    return {step.target for case in suite.cases for step in case.ask.steps}


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_mistake_is_named_and_costs_its_own_exercise_alone(
    grade: Grade, lesson: str, half: set[str]
) -> None:
    """Whether it is what others build on, or builds on what is right.

    One that calls another wrong answer, or is given what another makes, shows two mistakes at once,
    so its own may stay unnamed: a second run, in which the other is right, tells points alone.
    """
    wrong = {name: misconceptions(lesson, name)[0] for name in half}
    texts = {name: answer_text(version) for name, version in wrong.items()}
    outcome = grade(lesson, with_answers(lesson, texts, solve=True), earlier=True)
    for verdict in outcome.verdicts:
        named = [c.misconception.id for c in verdict.checks if c.misconception]
        if verdict.exercise in wrong:
            called = (read_names(texts[verdict.exercise]) or set()) | given_to(verdict.exercise)
            called -= {verdict.exercise}
            due = {wrong[verdict.exercise].name}
            assert set(named) == due or (set(named) < due and called & texts.keys())
            assert verdict.score < verdict.max_score
        else:
            assert not named and verdict.score == verdict.max_score, verdict.exercise


@pytest.mark.parametrize("lesson", LESSONS)
def test_other_right_ways_score_full(grade: Grade, lesson: str) -> None:
    """One of each exercise, through the sandbox; `prove` tries all of them without it."""
    texts = {e.id: answer_text(alternatives(lesson, e.id)[0]) for e in exercises(lesson)}
    outcome = grade(lesson, with_answers(lesson, texts, solve=True))
    assert scores(outcome) == {e.id: float(e.points) for e in exercises(lesson)}, [
        (v.exercise, c.message) for v in outcome.verdicts for c in v.checks if not c.passed
    ]


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


def test_a_cause_of_its_own_stands_where_an_earlier_answer_is_wrong(grade: Grade) -> None:
    """The second run takes nothing from what the first one has seen for itself."""
    lesson = "single_query_attention"
    texts = {
        "softmax": "def softmax(scores, axis=-1):\n    return np.asarray(scores)\n",
        "attention": (
            "def attention(query, keys, values):\n"
            "    if isinstance(keys, list):\n        raise ValueError('no lists, please')\n"
            "    return [float(x) for x in softmax(keys @ query) @ values]\n"
        ),
    }
    outcome = grade(lesson, with_answers(lesson, texts))
    verdict = next(v for v in outcome.verdicts if v.exercise == "attention")
    assert 0 < verdict.score < verdict.max_score
    failed = [check.message for check in verdict.checks if not check.passed]
    assert any("no lists, please" in message for message in failed)
    assert not any("with the course's version" in message for message in failed)
    assert outcome.first == {"attention": ("softmax",)}


def test_a_missing_earlier_answer_is_not_blamed_where_the_courses_does_not_help(
    grade: Grade,
) -> None:
    lesson = "single_query_attention"
    text = (
        "def attention(query, keys, values):\n    softmax(np.asarray(keys) @ np.asarray(query))\n"
        "    return [0.25 + 7 * float(n) for n in range(len(values[0]))]\n"
    )
    outcome = grade(lesson, with_answers(lesson, {"attention": text}))
    verdict = next(v for v in outcome.verdicts if v.exercise == "attention")
    assert verdict.score == 0
    blaming = [check.message for check in verdict.checks if "not written yet" in check.message]
    assert blaming and all(NEITHER in message for message in blaming)


BORROWED = [
    (lesson, {e.id: e.uses[number] for e in exercises(lesson) if len(e.uses) > number})
    for lesson in LESSONS
    for number in range(max(len(e.uses) for e in exercises(lesson)))
]


@pytest.mark.parametrize(
    ("lesson", "borrowed"),
    [*BORROWED, ("transformer_block", {"repaired_layer_norm": "layer_norm"})],
)
def test_another_exercises_name_is_no_answer(
    grade: Grade, lesson: str, borrowed: dict[str, str]
) -> None:
    """What the judge supplies because an answer failed pays for no other answer."""
    texts = {name: f"{name} = {other}" for name, other in borrowed.items()}
    outcome = grade(lesson, with_answers(lesson, texts))
    assert outcome.score == 0


def test_an_earlier_cell_that_kills_its_process_takes_no_other_down(grade: Grade) -> None:
    lesson = "single_query_attention"
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\nos._exit(3)"
    outcome = grade(lesson, with_answers(lesson, {"softmax": kill}, solve=True))
    points = {e.id: float(e.points) for e in exercises(lesson)}
    assert scores(outcome) == {name: points[name] * (name != "softmax") for name in points}
    assert (outcome.outcome, outcome.reason) == ("crashed", "the process was killed by signal 9")


def test_a_kernel_without_memory_is_told_from_a_submission_that_kills_itself(
    grade: Grade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel counts what it kills for want of memory, in the control group of the grader."""
    counts = itertools.count()
    monkeypatch.setattr(workers, "oom_kills", lambda: next(counts))
    kill = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    outcome = grade("masking", with_answers("masking", {"causal_mask": kill}))
    assert outcome.outcome == "out_of_memory"
    assert outcome.reason == "the kernel had no memory left, and killed it"


def test_words_about_memory_are_no_lack_of_memory(grade: Grade) -> None:
    fail = "def causal_mask(n):\n    raise ValueError('it needed more memory than it may use')"
    outcome = grade("masking", with_answers("masking", {"causal_mask": fail}))
    assert outcome.outcome == "graded"


def test_an_answer_that_kills_its_process_is_told_so(grade: Grade) -> None:
    kill = "def causal_mask(n):\n    import os\n    os.kill(os.getpid(), 9)\n"
    outcome = grade("masking", with_answers("masking", {"causal_mask": kill}))
    (verdict,) = (one for one in outcome.verdicts if one.exercise == "causal_mask")
    assert (outcome.outcome, verdict.score) == ("crashed", 0)
    assert "ended (the process was killed by signal 9)" in verdict.checks[0].message


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


SPELLS = """
def attention(query, keys, values):
    weights = softmax(np.asarray(keys, float) @ np.asarray(query, float))
    if abs(weights.sum() - 1) > 1e-9:
        return None
    found = [float(number) for number in weights @ np.asarray(values, float)]
    if BIT:
        return np.array(found)
    if isinstance(keys, np.ndarray):
        keys[:] = 0
    return found
"""


def test_a_second_run_tells_the_points_and_nothing_else(grade: Grade) -> None:
    """An answer could spell the solution that it is given by the checks that it lets fail."""
    lesson = "single_query_attention"
    told = set()
    for bit in "01":
        wrong = "def softmax(scores, axis=-1):\n    return np.exp(scores)\n"
        texts = {"softmax": wrong, "attention": SPELLS.replace("BIT", bit)}
        outcome = grade(lesson, with_answers(lesson, texts))
        (verdict,) = (v for v in outcome.verdicts if v.exercise == "attention")
        assert 0 < verdict.score < verdict.max_score and outcome.carried == {"attention"}
        assert not any(check.passed for check in verdict.checks if check.name != UNTOUCHED)
        told.add((verdict.score, *((c.name, c.passed, c.misconception) for c in verdict.checks)))
    assert len(told) == 1


UNTOUCHED = "the inputs are left alone"  # also by an answer that gives nothing


def test_the_same_salt_gives_the_same_verdict_and_another_salt_other_cases(judge) -> None:
    from grader.judge.judging import case_seed
    from grader.judge.run import Submission

    release = assignment("03_masking")
    submission = Submission("x", release.id, nbformat.writes(solved("masking")).encode())
    of = (release.id, "causal_mask", submission.student, submission.digest)
    assert case_seed(judge.secret, *of) == case_seed(judge.secret, *of)
    assert case_seed(judge.secret, *of) != case_seed(b"another", *of)
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
def test_ugly_but_honest_costs_nothing(grade: Grade, name: str) -> None:
    """At the beginning of the notebook and again at its end."""
    lesson = "masking"
    notebook = solved(lesson)
    for place, cell in ((1, "first"), (len(notebook.cells), "last")):
        notebook.cells.insert(place, nbformat.v4.new_code_cell(UGLY[name], id=cell))
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
