"""A lesson's end: "Run all" gets there, it says what failed, and every tool hears of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbgrader.validator import Validator

from grader.authoring.sample import replace_answers
from grader.authoring.solve import solved
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, assignment_id, notebook_path
from grader.coursefile import CourseError
from grader.student import lessons, records
from grader.student.lab_folder import copy_lessons, start_page
from grader.student.lesson_end import lesson_end
from grader.student.session import FAILED, PASSED, WAITS

LESSON = LESSONS[0]
NAME = assignment_id(LESSON)
IDS = [exercise.id for exercise in exercises(LESSON)]
WRONG = f"def {IDS[0]}(*args, **kwargs):\n    return 7.0"


def with_a_mistake() -> NotebookNode:
    """The lesson solved but for its first exercise, whose answer breaks cells below, too."""
    return replace_answers(solved(LESSON), {IDS[0]: WRONG})


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return dict(os.environ)


@pytest.mark.parametrize("lesson", LESSONS)
def test_each_lesson_ends_so(lesson: str) -> None:
    cells = nbformat.read(notebook_path(lesson), as_version=4).cells
    assert cells[-1].source == f'from grader import finish, pack\n\nfinish("{lesson}")'
    assert "raises-exception" not in cells[-1].metadata.get("tags", [])
    checks = [cell for cell in cells if cell.source.startswith("check(")]
    assert len(checks) == len(exercises(lesson))
    waiting = [cell for cell in cells if "if ready(" in cell.source]
    for cell in (*checks, *waiting):
        assert "raises-exception" in cell.metadata.tags


def test_run_all_gets_to_the_end_which_says_what_failed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    copy_lessons(NOTEBOOKS, tmp_path)
    notebook = with_a_mistake()
    resources = {"metadata": {"path": str(tmp_path / NAME)}}
    with pytest.raises(CellExecutionError) as caught:  # nbclient stops where JupyterLab would
        NotebookClient(notebook, timeout=300, resources=resources).execute()
    assert f"1 of {len(IDS)} checks failed: {IDS[0]}" in str(caught.value)
    cells = {cell.id: cell for cell in notebook.cells}
    assert all(cells[f"check_{name}"].execution_count for name in IDS)  # every check has run
    shown, error = cells["lesson_end"].outputs
    text, page = shown.data["text/plain"], shown.data["text/html"]
    assert f"Checks: {len(IDS) - 1} of {len(IDS)} passed" in text
    assert f"Failed: 1 ({IDS[0]})" in text and error.output_type == "error"
    following = assignment_id(LESSONS[1])
    assert f'href="../{following}/{following}.ipynb"' in page and "pack" in page


def test_nbgraders_validate_tells_the_failure(tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / f"{NAME}.ipynb"
    nbformat.write(with_a_mistake(), path)
    failed = Validator().validate(str(path))["failed"]
    said = [one["source"].strip() for one in failed]
    assert [text for text in said if text.startswith("check(")] == [f'check("{IDS[0]}")']


@pytest.mark.parametrize("option", ["--nbval", "--nbval-lax"])
@pytest.mark.parametrize("right", [True, False])
def test_nbval_tells_the_failure(
    right: bool, option: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The lax form compares no outputs and lets a tagged cell raise: the last cell tells it."""
    path = tmp_path / f"{NAME}.ipynb"
    notebook = solved(LESSON)
    if option == "--nbval":  # what is compared: the outputs of the solved lesson
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=300, resources=resources, coalesce_streams=True).execute()
    if not right:
        replace_answers(notebook, {IDS[0]: WRONG})
    nbformat.write(notebook, path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", option, str(path)]
    if option == "--nbval":
        sanitize = ROOT / "tests" / "authoring" / "nbval.cfg"
        command += ["-p", "tests.authoring.outputs", "--nbval-sanitize-with", str(sanitize)]
    done = subprocess.run(
        command,
        env=environment | {"PYTEST_ADDOPTS": "", "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == right, done.stdout[-3000:]


def test_what_was_not_run_and_not_attempted_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = lesson_end(LESSON, {IDS[0]: PASSED, IDS[1]: WAITS})
    assert said.failed == []
    text = repr(said)
    assert f"Not attempted: 1 ({IDS[1]})" in text
    assert f"Not run since the kernel started: {len(IDS) - 2}" in text
    assert lesson_end(LESSON, {IDS[0]: FAILED}).failed == [IDS[0]]


def test_it_leads_to_the_next_lesson_the_start_page_and_the_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    lab = tmp_path / "lab"
    copy_lessons(NOTEBOOKS, lab)
    start_page(lab)
    for lesson, following in zip(LESSONS, [*LESSONS[1:], None], strict=True):
        monkeypatch.chdir(lab / assignment_id(lesson))
        page = lesson_end(lesson, {})._repr_html_()
        assert 'href="../start.ipynb"' in page
        assert "exercises and quizzes right" in page
        if following is None:
            assert "this was the last lesson" in page
        else:
            name = assignment_id(following)
            assert f'href="../{name}/{name}.ipynb"' in page


def test_the_next_lesson_is_linked_under_the_name_that_it_really_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_lessons(NOTEBOOKS, tmp_path)
    following = assignment_id(LESSONS[1])
    (tmp_path / following / f"{following}.ipynb").unlink()
    nbformat.write(solved(LESSONS[1]), tmp_path / following / "my second.ipynb")
    monkeypatch.chdir(tmp_path / NAME)
    page = lesson_end(LESSON, {})._repr_html_()
    assert f'href="../{following}/my%20second.ipynb"' in page


def test_a_lesson_that_was_not_handed_out_does_not_come_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lesson in (LESSON, LESSONS[2]):
        path = notebook_path(lesson, tmp_path)
        path.parent.mkdir()
        path.write_bytes(notebook_path(lesson).read_bytes())
    monkeypatch.setattr(lessons, "released", lambda name: tmp_path / name / f"{name}.ipynb")
    assert "  Next: 3 · " in repr(lesson_end(LESSON, {}))
    assert "Next: this was the last lesson" in repr(lesson_end(LESSONS[2], {}))


def test_alone_in_a_folder_it_names_what_it_cannot_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert records.lab_of(tmp_path) is None
    page = lesson_end(LESSON, {})._repr_html_()
    assert "href" not in page and "2 · " in page
    with pytest.raises(CourseError, match="no lesson 'nonsense'"):
        lesson_end("nonsense", {})
