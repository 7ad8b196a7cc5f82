"""What is unfinished does not go out: all of it is named at once, and nothing is written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from grader.authoring import readiness
from grader.commandline import main
from grader.course.layout import COURSE, LESSONS, ROOT
from grader.coursefile import VARIABLE
from grader.student import frozen
from tests.courses.test_second_course import copy_of_second, done, edit, run

OURS = "readiness_trial"  # the copy's id: its frozen answers lie in a folder of that name
SEQUENCES = Path("notebooks", "01_sequences", "01_sequences.ipynb")
DESCENT = Path("notebooks", "02_descent", "02_descent.ipynb")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the second course, which is finished."""
    target = tmp_path_factory.mktemp("ready") / "course"
    copy_of_second(target, OURS)
    yield target
    shutil.rmtree(frozen.FOLDER / OURS, ignore_errors=True)


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("lesson", LESSONS)
def test_this_course_is_finished(lesson: str) -> None:
    """What can be seen without a kernel; `release` runs the notebooks (test_release.py)."""
    assert readiness.faults(lesson) == []


def test_all_that_is_unfinished_is_named_at_once_and_the_last_release_stays(course: Path) -> None:
    bundle = course.parent / "bundle"
    assert "files in" in done(course, "release", "--output", bundle)
    before, sources = everything(bundle), everything(course)

    edit(course / "solutions/descent/checks.py", "What lesson 2", "REPLACE: what lesson 2")
    (course / "solutions/descent/written.md").unlink()
    edit(course / SEQUENCES, "| **Points** | 2 |", "| **Points** | 4 |")
    notebook = nbformat.read(course / SEQUENCES, as_version=4)
    text = "print(dropped(1))"
    notebook.cells.insert(2, nbformat.v4.new_code_cell(text, id="needs-dropped"))
    nbformat.write(notebook, course / SEQUENCES)
    done(course, "tidy")
    refused = run(course, "release", "--output", bundle)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    lines = refused.stderr.splitlines()
    for said in (
        "solutions/descent/checks.py: REPLACE is left in line 1",
        "solutions/descent/written.md: no rubric of rate_in_words: begin it with the line "
        "# `rate_in_words` (2 points)",
        f"{SEQUENCES}: the card of reversed_copy, cell 6, says 4 points, but "
        "solutions/sequences/checks.py says 2: make them equal",
        f"{SEQUENCES}: as handed out, cell 3 raises NameError: name 'dropped' is not defined",
    ):
        assert said in lines, refused.stderr
    assert lines[0].startswith("Error: 4 things are unfinished, so nothing was written")
    assert everything(bundle) == before

    drafted = run(course, "release", "--output", bundle, "--draft")
    assert drafted.returncode == 0 and "a draft, not for students" in drafted.stdout
    assert "dropped" in (bundle / SEQUENCES).read_text()
    for path, content in sources.items():  # for the tests below
        (course / path).write_bytes(content)
    assert "draft" not in done(course, "release", "--output", bundle)
    assert everything(bundle) == before


def test_a_notebook_is_known_to_run_until_it_changes(course: Path) -> None:
    path = frozen.FOLDER / OURS / readiness.RUNS
    done(course, "release", "--output", course.parent / "again")
    known = json.loads(path.read_bytes())
    assert known.keys() == {"sequences", "descent"}
    checks = course / "solutions" / "descent" / "checks.py"
    before = checks.read_text(encoding="utf-8")
    checks.write_text(f"{before}\n# changed\n", encoding="utf-8")
    done(course, "release", "--output", course.parent / "again")
    now = json.loads(path.read_bytes())
    assert now["sequences"] == known["sequences"] and now["descent"] != known["descent"]
    checks.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CellTimeoutError("a busy machine"), "takes more than 300 seconds"),
        (DeadKernelError("too little memory"), "ends the kernel"),
    ],
)
def test_a_cell_that_did_not_end_is_named_and_only_a_run_without_an_error_is_the_last(
    error: Exception, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / COURSE.id).mkdir()
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    outcomes = [error, None]

    def run_all(*_: object, on_cell_execute: Callable[..., object], **__: object) -> None:
        on_cell_execute(cell_index=6, cell={})
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    monkeypatch.setattr(readiness, "run_all", run_all)
    (said,) = readiness.raised(ROOT, LESSONS[:1])
    assert said.endswith(f"as handed out, cell 7 {words}")
    assert readiness.raised(ROOT, LESSONS[:1]) == [] and outcomes == []
    assert readiness.raised(ROOT, LESSONS[:1]) == [], "it is not run a third time"


def test_a_lesson_is_left_out_and_the_others_keep_their_numbers(course: Path) -> None:
    bundle = course.parent / "shorter"
    for word in ("01", "1", "sequences", "01_sequences"):
        done(course, "release", "--output", bundle, "--without", word)
        names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*.ipynb")}
        assert names == {DESCENT.as_posix()}
        answers = {path.name for path in bundle.rglob("*.answers")}
        assert answers == {"slope_gradient.answers", "fit_slope.answers"}
        assert not (bundle / "solutions" / "sequences").exists()
    refused = run(course, "release", "--output", bundle, "--without", "07")
    assert refused.returncode == 2 and "no lesson '07'; the course has 01_seq" in refused.stderr
    refused = run(course, "release", "--output", bundle, "--without", "1", "--without", "2")
    assert refused.returncode == 2 and "no lesson is left" in refused.stderr


def test_the_last_lesson_that_is_kept_is_the_last(course: Path) -> None:
    """Neither its last check nor its end names the lesson that was left out."""
    bundle = course.parent / "first"
    done(course, "release", "--output", bundle, "--without", "2")
    code = (
        "from grader.student import frozen; from grader.student.lesson_end import lesson_end;"
        "print([frozen.load('quiz_sequences').next], repr(lesson_end('sequences', {})))"
    )
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=bundle,
        env=environment | {"PYTHONPATH": str(bundle)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith("['']") and "Next: this was the last lesson" in said


def test_the_folder_of_notebooks_may_have_any_name(course: Path) -> None:
    before = everything(course)
    (course / "notebooks").rename(course / "lessons")
    about = course / "course.toml"
    about.write_text(f'notebooks = "lessons"\n{about.read_text()}')
    bundle = course.parent / "renamed"
    done(course, "release", "--output", bundle, "--without", "1")
    assert (bundle / "lessons" / "02_descent" / "02_descent.ipynb").is_file()
    (course / "lessons").rename(course / "notebooks")  # for the tests below
    about.write_bytes(before["course.toml"])


def test_what_others_build_on_is_not_left_out_alone() -> None:
    def needed(left_out: str) -> list[str]:
        return list(readiness.needed_by(left_out, [one for one in LESSONS if one != left_out]))

    assert needed("sequence_to_sequence") == needed("attention_today") == []
    said = needed("multi_head_attention")
    assert any(
        line.startswith("06_transformer_block loads MultiHeadAttention from 04_multi_head_")
        and line.endswith("leave 06 out, too")
        for line in said
    )
    assert {line[:2] for line in needed("transformer_block")} == {"08", "09"}


# -- an exercise less ------------------------------------------------------------------------------


def texts(course: Path) -> dict[str, str]:
    """All of a course's own files; of a notebook the cells' texts, without their ids."""
    found = {}
    for path, content in everything(course).items():
        text = content.decode()
        if path.endswith(".ipynb"):
            cells = nbformat.reads(text, as_version=4).cells
            text = "\n\n".join(cell.source for cell in cells)
        found[path] = text
    return found


def test_removing_undoes_adding(course: Path) -> None:
    (course / "tests" / "lessons").mkdir(parents=True)
    law = course / "tests" / "lessons" / "test_descent.py"
    law.write_text(
        '"""Laws."""\n\nimport numpy as np\n\nfrom solutions.descent import fit_slope\n\n\n'
        "def test_none() -> None:\n    assert fit_slope(np.ones(1), np.ones(1), 0.1, 0) == 0\n"
    )
    before = texts(course)
    done(course, "new-exercise", "descent", "centered_once", "--after", "slope_gradient")
    assert texts(course) != before
    said = done(course, "remove-exercise", "descent", "centered_once")
    assert "Laws that called it were removed, too: test_centered_once_rows" in said
    assert "These places still mention it" not in said
    assert texts(course) == before
    assert done(course, "tidy", "--check").count("already tidy") == 2
    shutil.rmtree(course / "tests")


def test_what_is_needed_elsewhere_is_not_removed(course: Path) -> None:
    before = texts(course)
    refused = run(course, "remove-exercise", "descent", "slope_gradient")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    said = " ".join(refused.stderr.split())
    assert "slope_gradient is needed elsewhere" in said
    assert "solutions/descent/__init__.py, line" in said
    for name, message in (
        ("fit_slop", "descent has no exercise 'fit_slop'; it has slope_gradient, fit_slope"),
        ("quiz_descent", "descent has no exercise 'quiz_descent'"),
    ):
        refused = run(course, "remove-exercise", "descent", name)
        assert message in " ".join(refused.stderr.split())
    refused = run(course, "remove-exercise", "sequences", "reversed_copy")
    assert "the only exercise of sequences" in " ".join(refused.stderr.split())
    assert texts(course) == before


def test_a_grown_exercise_goes_with_all_that_is_its_own() -> None:
    """A mask of this course: what only it reads goes, what others read stays, the rest is named."""
    from grader.authoring.removal import plan

    removal = plan("masking", "local_mask")
    new = {path.name: text for path, text in removal.changes.items()}
    assert "def local_checks" not in new["checks.py"] and '"local_mask"' not in new["checks.py"]
    assert "def local_reference" in new["checks.py"], "the checks of combine_masks call it"
    assert "def _distance" not in new["misconceptions.py"], "nobody else's mistakes need it"
    assert "def local_mask" not in new["__init__.py"]
    assert '"local_mask"' not in new["misconceptions.py"] + new["alternatives.py"]
    assert '"local_mask"' not in new["equivalent_mutants.py"]
    assert "# --- combine_masks ---" in new["misconceptions.py"]
    assert "# --- local_mask ---" not in new["misconceptions.py"]
    cells = nbformat.reads(new["03_masking.ipynb"], as_version=4).cells
    assert not {"local_mask", "check_local_mask"} & {cell.id for cell in cells}
    assert any("03_masking.ipynb, cell" in place for place in removal.mentions)
    for text in (new["checks.py"], new["__init__.py"], new["misconceptions.py"]):
        compile(text, "changed", "exec")


def test_an_option_of_the_command_line_that_is_wrong_is_one_line() -> None:
    for command in (["release", "--without", "x"], ["remove-exercise", "mask", "local_mask"]):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2 and "no lesson '" in " ".join(result.output.split())
