"""What a student sees: check, hint, ready; and that nbgrader's Validate agrees."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from IPython.core.interactiveshell import InteractiveShell

from grader.authoring.solve import solved
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, assignment_id, notebook_path
from grader.course.versions import misconceptions, solution
from grader.student import check, figures, frozen, runner
from grader.student.commands.check import command
from grader.student.notebooks import read
from grader.student.report import Report
from grader.student.session import Session
from grader.student.summary import summary
from solutions.transformer_language_model import attend_with_cache
from tests.conftest import with_answers

WRONG = "import numpy as np\ndef softmax(scores, axis=-1):\n    return np.exp(scores)"
STUB = "def softmax(scores, axis=-1):\n    raise NotImplementedError"


def run(shell: InteractiveShell, source: str) -> BaseException | None:
    result = shell.run_cell(source)
    return result.error_before_exec or result.error_in_exec


def test_a_wrong_answer_raises_one_line_under_what_is_wrong(shell, capsys) -> None:
    run(shell, WRONG)
    error = run(shell, "from grader import check\ncheck('softmax')")
    assert isinstance(error, check.CheckFailed)
    out = capsys.readouterr().out
    assert "1 of 4 checks passed" in out and "Seen in “one row of scores”" in out
    assert out.count("Traceback") == 0
    assert error._render_traceback_() == [f"CheckFailed: {error}"]


def test_magics_in_other_cells_are_no_fault_of_the_answer(shell, capsys) -> None:
    """Nor is ``exec``: what it executes for more queries is counted, not how it is written."""
    names = ("softmax", "batched_attention")
    answers = [solution("single_query_attention", name).source for name in names]
    for cell in ("%precision 3\nimport numpy as np", "%time scale = 2\nnp.exp?", *answers):
        shell.run_cell(cell, store_history=True)
    assert shell.run_cell("from grader import check\ncheck('batched_attention')").success
    odd = "%precision 3\nexec('import math')\n" + answers[-1]
    shell.run_cell(odd, store_history=True)
    assert shell.run_cell("check('batched_attention')").success
    loop = "rows = np.array([softmax(keys @ q) for q in queries])"
    magic = f"%time scale = 3\ndef weights_of(queries, keys):\n    {loop}\n    return rows"
    calls = "def batched_attention(queries, keys, values):\n    w = weights_of(queries, keys)"
    for cell in (magic, f"{calls}\n    return w @ values, w"):
        shell.run_cell(cell, store_history=True)
    capsys.readouterr()
    assert not shell.run_cell("check('batched_attention')").success
    said = " ".join(capsys.readouterr().out.split())  # lines are filled
    assert f"in the line `{loop}`" in said


def test_the_stub_is_told_apart_from_a_mistake(shell, capsys) -> None:
    run(shell, STUB)
    assert run(shell, "from grader import check\ncheck('softmax')") is None
    said = capsys.readouterr()
    assert "not attempted yet" in said.err and "FAIL" not in said.out


def test_a_name_that_was_never_run_is_said_so(shell, capsys) -> None:
    error = run(shell, "from grader import check\ncheck('softmax')")
    assert isinstance(error, check.CheckFailed)
    assert "was the cell run?" in capsys.readouterr().out


def test_an_answer_whose_cell_failed_is_told_from_one_that_was_never_run(shell, capsys) -> None:
    shell.run_cell("def softmax(scores, axis=-1)\n    return scores", store_history=True)
    error = run(shell, "from grader import check\ncheck('softmax')")
    assert isinstance(error, check.CheckFailed)
    said = capsys.readouterr().out
    assert "The last run of its cell failed, so there is no softmax yet" in said
    assert "was the cell run?" not in said and "Where to look" not in said


def test_an_unknown_exercise_is_answered_with_the_nearest(shell) -> None:
    error = run(shell, "from grader import check\ncheck('softmaks')")
    assert isinstance(error, KeyError) and "softmax" in str(error)
    assert isinstance(run(shell, "check(3)"), KeyError)


@pytest.mark.parametrize("folder", ["", assignment_id(LESSONS[1])])
def test_a_name_with_nothing_near_is_one_short_line(
    folder: str, tmp_path: Path, monkeypatch
) -> None:
    """With the names of the lesson in whose folder the kernel works."""
    monkeypatch.chdir(NOTEBOOKS / folder if folder else tmp_path)
    with pytest.raises(frozen.NoSuchExercise) as caught:
        frozen.load("qqqq")
    said = str(caught.value)
    own = [one.id for one in exercises(LESSONS[1])]
    assert all((name in said) == bool(folder) for name in own)
    assert "\n" not in said and len(said) < 250 and "softmax," not in said


def test_in_a_notebook_of_ones_own_an_unknown_exercise_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder and its notebook have a name without a lesson's number."""
    folder = tmp_path / "attention"
    folder.mkdir()
    heading = nbformat.v4.new_markdown_cell("# My notes on attention")
    nbformat.write(nbformat.v4.new_notebook(cells=[heading]), folder / "attention.ipynb")
    monkeypatch.chdir(folder)
    with pytest.raises(frozen.NoSuchExercise, match="no exercise 'qqqqqq'; its name is that of"):
        frozen.load("qqqqqq")


def test_hints_come_one_after_the_other(shell, capsys) -> None:
    Session.hints.clear()
    for number in (1, 2, 3, 3):
        assert run(shell, "from grader import hint\nhint('softmax')") is None
        assert f"Hint {number} of 3" in capsys.readouterr().out


def test_ready_knows_a_stub_from_an_answer(capsys) -> None:
    space: dict = {}
    exec(STUB, space)
    assert not check.ready(space["softmax"])
    assert "softmax" in capsys.readouterr().out
    exec(WRONG, space)
    assert check.ready(space["softmax"])
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            assert not check.is_stub(solution(lesson, exercise.id).target), exercise.id


@pytest.mark.parametrize("lesson", LESSONS)
def test_frozen_answers_judge_as_the_specification_does(lesson: str) -> None:
    """Without any solution at hand: right passes, a misconception is named as itself.

    A sample of them: `prove` puts each to the specification.
    """
    for exercise in exercises(lesson):
        right = solution(lesson, exercise.id)
        assert check.verdict_here(exercise.id, right.namespace, right.source).passed
        known = misconceptions(lesson, exercise.id)
        for version in random.Random(exercise.id).sample(known, min(len(known), 4)):
            verdict = check.verdict_here(exercise.id, version.namespace, version.source)
            named = {c.misconception.id for c in verdict.checks if c.misconception}
            assert named == {version.name}, (exercise.id, version.name)


def test_the_median_check_takes_well_under_a_second() -> None:
    """A bound of many times the usual, so that a busy machine changes nothing."""
    times = []
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            right = solution(lesson, exercise.id)
            frozen.load(exercise.id)  # read once, and kept for the next check
            started = time.process_time()
            check.verdict_here(exercise.id, right.namespace, right.source)
            times.append(time.process_time() - started)
    assert np.median(times) < 0.3


def test_a_matrix_is_shown_as_a_picture_with_words(shell) -> None:
    wrong = misconceptions("masking", "causal_mask")[0]
    verdict = check.verdict_here("causal_mask", wrong.namespace, wrong.source)
    html = Report(summary(verdict))._repr_html_()
    assert '<img alt="Three heatmaps of shape' in html and "largest at" in html
    assert html.count(wrong.misconception.says[:30]) == 1  # explained once, then referred to


def test_what_students_raise_cannot_break_the_page() -> None:
    def softmax(scores, axis=-1):
        raise ValueError("<script>alert(1)</script>\x00")

    verdict = check.verdict_here("softmax", {"softmax": softmax}, "")
    assert "<script>" not in Report(summary(verdict))._repr_html_()


def test_damaged_answers_are_no_traceback(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="python -m grader freeze"):
        frozen.load("softmax")


@pytest.mark.parametrize(("which", "word"), [("untouched", "failed"), ("solved", "Success")])
def test_nbgraders_validate_sees_what_is_not_done(which: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "notebook.ipynb"
    if which == "solved":
        notebook = solved("masking")
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and "nbgrader" in cell.metadata:
                cell.source = "My answer in words."
        nbformat.write(notebook, path)
    else:
        path.write_bytes(notebook_path("masking").read_bytes())
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "validate", str(path)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert word in done.stdout + done.stderr, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize(
    ("content", "word"),
    [("", "not a notebook"), ("{}", "not a notebook"), ('{"cells": []}', "no check cell")],
)
def test_the_check_command_is_clear_about_bad_files(
    content: str, word: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "grader", "check", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and word in done.stderr and "Traceback" not in done.stderr


def test_cells_that_all_lessons_share_make_no_lesson(tmp_path: Path) -> None:
    """The cell that installs the course says nothing; one cell of a lesson's own decides."""
    lessons = [nbformat.read(notebook_path(lesson), as_version=4) for lesson in LESSONS]
    shared = [
        cell
        for cell in lessons[2].cells
        if all(cell.id in {other.id for other in lesson.cells} for lesson in lessons)
    ]
    assert shared
    notes = nbformat.v4.new_notebook(cells=[*shared, nbformat.v4.new_code_cell("tea = 2")])
    path = tmp_path / "notes.ipynb"
    nbformat.write(notes, path)
    assert runner.recognize(read(path)) is None
    notes.cells.append(next(cell for cell in lessons[2].cells if cell not in shared))
    nbformat.write(notes, path)
    found = runner.recognize(read(path))
    assert found is not None and found.assignment == assignment_id(LESSONS[2])


def test_the_check_command_passes_a_solved_notebook(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(with_answers("masking", {}, solve=True))
    done = subprocess.run(
        [sys.executable, "-m", "grader", "check", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_check_command_says_all_that_a_check_says(tmp_path: Path, monkeypatch) -> None:
    """The table tells how the other checks went, too, and what comes next."""
    space: dict = {"torch": torch}
    exec("def causal_mask(n):\n    return torch.ones(n, n).tril().bool()", space)
    right = solution("masking", "causal_mask").namespace
    judged = tuple(check.judge_here("causal_mask", one) for one in (space, right))
    found = runner.Checked(judged, (), (), {"causal_mask": ("",)})
    monkeypatch.setattr(runner, "run_notebook", lambda path: found)
    done = CliRunner().invoke(command, [str(tmp_path / "x.ipynb")], env={"COLUMNS": "300"})
    assert done.exit_code == 1
    assert "3 checks fail for the same reason (one position, long sequences" in done.output
    assert f"Next: {frozen.load('causal_mask').next}" in done.output
    assert done.output.count("Next:") == 1 and "4 checks pass (" in done.output


def test_a_missing_package_is_named_with_the_fix(tmp_path: Path) -> None:
    """As where only the student's packages are installed and someone grades."""
    code = (
        "import sys; sys.modules['nh3'] = None; sys.argv = ['grader', 'grade', sys.argv[1]];"
        "from grader.__main__ import run; run()"
    )
    (tmp_path / "s" / "03_masking").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "nh3 is not installed" in done.stderr and "Traceback" not in done.stderr


def test_a_difference_is_blank_where_both_agree_infinities_included() -> None:
    """A mask's picture: -inf beside -inf is no difference, and not the largest one."""
    inf = np.inf
    yours = np.array([[0.0, -inf, np.nan], [1.5, inf, -inf]])
    expected = np.array([[0.0, -inf, np.nan], [1.0, -inf, 0.0]])
    delta = figures.difference(yours, expected)
    assert delta.tolist() == [[0.0, 0.0, 0.0], [0.5, inf, -inf]]
    noise = np.array([[1.0, 2.0]])
    assert figures.difference(noise + [[1e-8, 1]], noise).tolist() == [[0.0, 1.0]]
    assert (figures.difference(noise + 1e-8, noise) > 0).all()  # then it is all there is to see
    html = figures.comparison(yours, expected)
    assert "largest at [1, 1], where yours is inf and -inf was expected" in html


def test_what_is_only_to_be_timed_is_not_asked_in_a_notebook() -> None:
    """There is no clock there that could be believed; the counted work decides alone."""
    lengths = []

    def cached(query, key, value, cache=None):
        output, new = attend_with_cache(query, key, value, cache)
        lengths.append(new[0].shape[-2])
        return output, new

    assert check.verdict_here("attend_with_cache", {"attend_with_cache": cached}).passed
    assert 100 <= max(lengths) <= 250  # what is timed takes a thousand steps
