"""Laws of the lessons' notebooks: one source, in form, whole, and calm when untouched."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbclient import NotebookClient

from grader.authoring import measure, solve
from grader.authoring.header import measured
from grader.authoring.measure import budget
from grader.authoring.rubrics import with_rubrics
from grader.authoring.solve import solved
from grader.authoring.tidy import tidy
from grader.commandline import main
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, ROOT, SOLVED, assignment_id, notebook_path
from grader.course.sources import answer_source, stub_source
from grader.errors import Failed
from tests.authoring.outputs import rerun


def lesson_notebook(lesson: str) -> nbformat.NotebookNode:
    return nbformat.read(notebook_path(lesson), as_version=4)


def markdown(lesson: str) -> str:
    return "\n\n".join(c.source for c in lesson_notebook(lesson).cells if c.cell_type == "markdown")


@pytest.mark.parametrize("lesson", LESSONS)
def test_notebooks_are_tidy(lesson: str) -> None:
    """Stubs, check cells, points, ids and checksums are those that the course derives."""
    text = notebook_path(lesson).read_text(encoding="utf-8")
    assert nbformat.writes(tidy(lesson_notebook(lesson), lesson)) + "\n" == text


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_says_what_it_takes_as_measured(lesson: str) -> None:
    """Minutes, points, and the solved notebook's seconds and memory (`grader measure`)."""
    rows = re.findall(r"^\| \*\*(\w+)\*\* \|", lesson_notebook(lesson).cells[0].source, re.M)
    assert {"Time", "Points", "Runs"} <= set(rows)
    assert lesson in measured()


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("import sys; sys.exit('cell 7 raises NameError: x')", 1, "Error: cell 7 raises NameError"),
        ("print(1.5, 0)", 0, "not measurable here"),
        ("print(1.5, 70)", 0, " 70 "),
    ],
)
def test_measuring_says_what_failed_and_what_cannot_be_measured(
    program: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "_PROGRAM", program)
    done = CliRunner().invoke(main, ["measure", "--no-keep", "--lesson", LESSONS[0]])
    assert done.exit_code == code and words in done.output
    assert isinstance(done.exception, SystemExit) or not code


def test_a_solved_notebook_that_fails_names_the_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [nbformat.v4.new_markdown_cell("# Lesson"), nbformat.v4.new_code_cell("1 / 0")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    monkeypatch.setattr(solve, "solved", lambda lesson: notebook)
    said = f"{assignment_id(LESSONS[0])}, solved: cell 2 raises ZeroDivisionError: division by zero"
    with pytest.raises(Failed, match=f"^{said}$"):
        solve.solve(LESSONS[0], tmp_path, run=True)


@pytest.mark.parametrize("lesson", LESSONS)
def test_stubs_have_the_solutions_signature_and_docstring(lesson: str) -> None:
    cells = {c.id: c for c in lesson_notebook(lesson).cells}
    for exercise in exercises(lesson):
        stub = ast.parse(cells[exercise.id].source).body[0]
        answer = ast.parse(answer_source(lesson, exercise.id)).body[0]
        assert ast.get_docstring(stub) == ast.get_docstring(answer) != None  # noqa: E711
        if isinstance(stub, ast.FunctionDef):
            assert ast.dump(stub.args) == ast.dump(answer.args)
        assert cells[exercise.id].source == stub_source(lesson, exercise.id)
        assert cells[f"check_{exercise.id}"].source == f'check("{exercise.id}")'


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_exercise_has_a_card_that_tells_what_is_checked(lesson: str) -> None:
    cells = lesson_notebook(lesson).cells
    for exercise in exercises(lesson):
        cards = [
            c.source[found.start() :]
            for c in cells
            if c.cell_type == "markdown"
            and (found := re.search(rf"^##+ .*`{exercise.id}`", c.source, re.M))
        ]
        assert len(cards) == 1, exercise.id
        for check in exercise.suite(b"any").checks:
            assert check.name in cards[0], (exercise.id, check.name)
        assert re.search(rf"\b{exercise.points:g}\b", cards[0])
        assert "●" in cards[0]


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_check_stands_right_under_its_exercise(lesson: str) -> None:
    code = [c.id for c in lesson_notebook(lesson).cells if c.cell_type == "code"]
    for exercise in exercises(lesson):
        assert code.index(f"check_{exercise.id}") == code.index(exercise.id) + 1


@pytest.mark.parametrize("lesson", LESSONS)
def test_figures_have_alternative_text(lesson: str) -> None:
    """Figures go through show and heatmap, which demand it; none is shown bare."""
    for cell in lesson_notebook(lesson).cells:
        if cell.cell_type == "code":
            assert "plt.show()" not in cell.source
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                    "heatmap",
                    "show",
                ):
                    assert any(k.arg == "alt" for k in node.keywords), cell.source
        else:
            assert not re.search(r"!\[\]\(|<img(?![^>]*alt=)", cell.source)
            assert not re.search(r"!\[[^]]*\]\(https?:", cell.source)


@pytest.mark.parametrize("lesson", LESSONS)
def test_lessons_hold_what_every_lesson_holds(lesson: str) -> None:
    text = markdown(lesson).lower()
    for word in ("you can", "predict", "common mistake", "wild", "minutes", "dimension", "next"):
        assert word in text, word
    human = [
        c
        for c in lesson_notebook(lesson).cells
        if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("grade")
    ]
    assert len(human) == 1


@pytest.mark.parametrize("lesson", LESSONS)
def test_hints_come_in_three_steps_and_hold_no_line_of_the_solution(lesson: str) -> None:
    for exercise in exercises(lesson):
        assert len(exercise.hints) == 3 and all(hint.strip() for hint in exercise.hints)
        assert "__" in exercise.hints[2], f"{exercise.id}: the outline has no blanks"
        given = set(stub_source(lesson, exercise.id).splitlines())
        for line in set(answer_source(lesson, exercise.id).splitlines()) - given:
            if len(line.strip()) > 10:
                assert line.strip() not in "\n".join(exercise.hints), (exercise.id, line)


@pytest.mark.parametrize("lesson", LESSONS)
def test_untouched_runs_to_its_end_and_says_not_attempted(lesson: str, tmp_path: Path) -> None:
    """Run All on the notebook as given out: no cell raises; each check says what it waits for."""
    notebook = lesson_notebook(lesson)
    run(notebook, tmp_path)
    cells = {c.id: c for c in notebook.cells}
    for exercise in exercises(lesson):
        *outputs, hints = cells[f"check_{exercise.id}"].outputs
        assert {o.get("name") for o in outputs} == {"stderr"}
        assert list(hints.data) == ["text/html"]  # folded; where there is only text, nothing
        said = "".join(output.text for output in outputs)
        assert said.count(f"{exercise.id}: not attempted yet") == 1
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.source


@pytest.mark.parametrize("lesson", LESSONS)
def test_solved_notebooks_are_the_lesson_solved(lesson: str) -> None:
    """What stands in solutions/solved is made from the lesson's files, never by hand."""
    kept = nbformat.read(SOLVED / f"{assignment_id(lesson)}.ipynb", as_version=4)
    made = with_rubrics(solved(lesson), lesson)
    assert [(c.cell_type, c.id, c.source) for c in kept.cells] == [
        (c.cell_type, c.id, c.source) for c in made.cells
    ]
    for cell in kept.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert "/" + "/".join(ROOT.parts[1:3]) not in str(output)


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_solved_notebook_prints_what_it_printed_within_its_budget(lesson: str) -> None:
    """nbval, strictly, and what a cell has it leave out by what it says; the kernel's seconds."""
    import resource

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    done = rerun(lesson)
    assert done.returncode == 0, done.stdout[-6000:]
    assert spent() - before <= budget(lesson)


def run(notebook: nbformat.NotebookNode, folder: Path) -> None:
    import os

    os.environ["PYTHONPATH"] = str(ROOT)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
