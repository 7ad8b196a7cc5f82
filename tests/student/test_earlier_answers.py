"""``mine``: a student's own answer from the notebook next door."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, assignment_id, notebook_path
from grader.student import earlier_answers
from grader.student.check import is_stub
from grader.student.earlier_answers import mine


def write(path: Path, source: str, grade_id: str = "double") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    marks = {"nbgrader": {"grade_id": grade_id, "solution": True}}
    cells = [
        nbformat.v4.new_code_cell("import math\nmath.sqrt(0)\nTWO = 2"),
        nbformat.v4.new_code_cell(source, metadata=marks),
        nbformat.v4.new_code_cell("raise SystemExit('a demonstration')"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    here = tmp_path / "06_later"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(earlier_answers, "_LOADED", {})
    return tmp_path / "04_earlier" / "04_earlier.ipynb"


def test_the_answer_comes_from_the_neighbour(lesson: Path) -> None:
    write(lesson, "def double(x):\n    return TWO * x")
    assert mine("double")(21) == 42


def test_what_is_saved_later_is_what_is_used_later(lesson: Path) -> None:
    write(lesson, "def double(x):\n    return x")
    assert mine("double")(1) == 1
    write(lesson, "def double(x):\n    return x + x")
    assert mine("double")(1) == 2


def test_a_renamed_lesson_is_found_as_the_start_page_finds_it(lesson: Path, tmp_path: Path) -> None:
    name = assignment_id(LESSONS[0])
    exercise = exercises(LESSONS[0])[0].id
    notebook = solved(LESSONS[0])
    own = tmp_path / name / "my lesson.ipynb"
    own.parent.mkdir()
    nbformat.write(notebook, own)
    assert not is_stub(mine(exercise))
    named = own.with_name(f"{name}.ipynb")
    named.write_bytes(notebook_path(LESSONS[0]).read_bytes())  # given out again, untouched
    assert not is_stub(mine(exercise))
    own.unlink()
    assert is_stub(mine(exercise))


def test_lessons_may_lie_in_one_folder(lesson: Path) -> None:
    write(Path("04_earlier.ipynb"), "def double(x):\n    return 2 * x")
    assert mine("double")(2) == 4


def test_in_one_folder_a_copy_does_not_come_before_its_lesson(lesson: Path) -> None:
    name = assignment_id(LESSONS[0])
    write(Path(f"{name}-Copy1.ipynb"), "def double(x):\n    return x")
    write(Path(f"{name}.ipynb"), "def double(x):\n    return 2 * x")
    assert mine("double")(2) == 4


def test_a_stub_is_still_a_stub(lesson: Path) -> None:
    write(lesson, "def double(x):\n    raise NotImplementedError")
    assert is_stub(mine("double"))


def test_what_is_nowhere_says_where_to_write_it(lesson: Path) -> None:
    missing = mine("double")
    assert is_stub(missing)
    with pytest.raises(NotImplementedError, match="no notebook next to this one.*own lesson"):
        missing(3)


def test_a_broken_cell_is_named_and_a_broken_file_is_survived(
    lesson: Path, capsys: pytest.CaptureFixture
) -> None:
    write(lesson, "def double(x=1 / 0):\n    return x")
    assert is_stub(mine("double"))
    assert "ZeroDivisionError" in capsys.readouterr().err
    lesson.write_text("{")
    with pytest.raises(NotImplementedError):
        mine("double")()
    assert "cannot be read" in capsys.readouterr().err


def test_the_judge_s_text_comes_first(lesson: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lesson, "def double(x):\n    return 0")
    monkeypatch.setattr(earlier_answers, "SUPPLIED", {"double": "def double(x):\n    return x * 2"})
    assert mine("double")(4) == 8
