"""The engine knows no course: one of another subject goes the whole way with the same commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course.layout import ROOT

SECOND = Path(__file__).parent / "descent"
SALT = "0" * 32


def run(course: Path, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != "GRADER_COURSE"}
    return subprocess.run(
        [sys.executable, "-m", "grader", "--course", str(course), *map(str, arguments)],
        cwd=cwd or ROOT,
        env=environment | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
    )


def done(course: Path, *arguments: object) -> str:
    finished = run(course, *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def copy_of_second(target: Path, name: str) -> None:
    """Copy the second course, with another id, which its lessons' first cells name."""
    shutil.copytree(SECOND, target, ignore=shutil.ignore_patterns("__pycache__"))
    edit(target / "course.toml", 'id = "descent"', f'id = "{name}"')
    done(target, "tidy")


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada has solved both lessons, Bo nothing, and Cy reverses the caller's own list."""
    folder = tmp_path_factory.mktemp("second") / "submitted"
    solved = folder.parent / "solved"
    done(SECOND, "solve", "--output", solved)
    for name in ("01_sequences", "02_descent"):
        untouched = (SECOND / "notebooks" / name / f"{name}.ipynb").read_text()
        whole = (solved / f"{name}.ipynb").read_text()
        wrong = whole.replace("return items[::-1]", "items.reverse()\\n    return items")
        for student, text in (("ada", whole), ("bo", untouched), ("cy", wrong)):
            path = folder / student / name / f"{name}.ipynb"
            path.parent.mkdir(parents=True)
            path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def graded(submitted: Path) -> tuple[Path, dict]:
    course_dir = submitted.parent / "course"
    target = submitted.parent / "out.json"
    arguments = ("--course-dir", course_dir, "--salt", SALT, "--json", target, "--jobs", 1)
    done(SECOND, "grade", submitted, *arguments)
    return course_dir, json.loads(target.read_text())


def test_its_wrong_answers_are_caught_and_named_and_its_right_ones_accepted() -> None:
    assert "0 faults" in done(SECOND, "prove")


def test_its_notebooks_are_tidy() -> None:
    assert done(SECOND, "tidy", "--check").count("already tidy") == 2


def test_its_marks(graded: tuple[Path, dict]) -> None:
    _, report = graded
    marks = {(s["student"], s["assignment"]): s for s in report["submissions"]}
    assert marks["ada", "01_sequences"]["score"] == marks["ada", "01_sequences"]["max_score"] == 3
    assert marks["ada", "02_descent"]["score"] == marks["ada", "02_descent"]["max_score"] == 5
    assert [marks["bo", name]["score"] for name in ("01_sequences", "02_descent")] == [0, 0]
    (reversing, _) = marks["cy", "01_sequences"]["exercises"]
    assert {c["misconception"] for c in reversing["checks"] if not c["passed"]} == {"in_place"}


def test_its_report_and_its_ledger(graded: tuple[Path, dict]) -> None:
    course_dir, _ = graded
    assert "sequences" in done(SECOND, "report", "--course-dir", course_dir)
    assert "no differences" in done(SECOND, "verify", "--course-dir", course_dir, "--salt", SALT)


def test_nbgrader_in_the_graded_folder_knows_the_course(graded: tuple[Path, dict]) -> None:
    course_dir, _ = graded
    code = (
        "from traitlets.config import PyFileConfigLoader;"
        "c = PyFileConfigLoader('nbgrader_config.py', path='.').load_config();"
        "print(c.CourseDirectory.course_id)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "GRADER_COURSE"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=course_dir,
        env=environment | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert finished.stdout == "descent\n"


def test_its_bundle_checks_a_notebook_and_holds_no_answer(submitted: Path) -> None:
    bundle = submitted.parent / "bundle"
    done(SECOND, "release", "--output", bundle)
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert "solutions/descent/public/rules.py" in names
    assert not [n for n in names if n.startswith("solutions/") and "/public/" not in n]
    assert not [n for n in names if "single_query" in n or "masking" in n]
    notebook = submitted / "ada" / "02_descent" / "02_descent.ipynb"
    finished = subprocess.run(
        [sys.executable, "-m", "grader", "check", str(notebook)],
        cwd=bundle,
        env={key: v for key, v in os.environ.items() if not key.startswith(("GRADER", "PYTHON"))},
        check=False,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


# --- what is wrong with a course is one clear line ----------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SECOND, tmp_path / "course"))


def complaint(course: Path, *arguments: str) -> str:
    finished = run(course, *arguments)
    assert finished.returncode != 0
    assert "Traceback" not in finished.stderr
    lines = finished.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_folder_without_a_description(broken: Path) -> None:
    (broken / "course.toml").unlink()
    assert "has no course.toml" in complaint(broken, "prove")


def test_a_description_that_cannot_be_read(broken: Path) -> None:
    (broken / "course.toml").write_text("lessons = [")
    assert "course.toml cannot be read" in complaint(broken, "prove")


def test_a_description_without_lessons(broken: Path) -> None:
    (broken / "course.toml").write_text('id = "x"\ntitle = "X"\n')
    assert "it needs a list lessons" in complaint(broken, "prove")


@pytest.mark.parametrize("name", ["../elsewhere", "two words"])
def test_an_id_that_names_no_folder(broken: Path, name: str) -> None:
    edit(broken / "course.toml", 'id = "descent"', f'id = "{name}"')
    assert f"id = {name!r} is not a name" in complaint(broken, "prove")


def test_a_lesson_without_checks(broken: Path) -> None:
    (broken / "solutions" / "descent" / "checks.py").unlink()
    said = complaint(broken, "prove")
    assert "the lesson 'descent' has no checks" in said and "checks.py is missing" in said


@pytest.mark.parametrize("name", ["equall", "descent.approach", "sequences.approaches"])
def test_an_unknown_rule(broken: Path, name: str) -> None:
    edit(broken / "solutions" / "descent" / "checks.py", "descent.approaches", name)
    said = complaint(broken, "prove")
    assert f"the rule '{name}'" in said
    assert name != "equall" or "there are equal" in said


def test_two_exercises_of_one_name_in_a_lesson(broken: Path) -> None:
    checks = broken / "solutions" / "descent" / "checks.py"
    edit(checks, '"fit_slope",\n        3', '"slope_gradient",\n        3')
    assert "two exercises are called 'slope_gradient'" in complaint(broken, "prove")


def test_two_exercises_of_one_name_in_two_lessons(broken: Path) -> None:
    checks = broken / "solutions" / "descent" / "checks.py"
    edit(checks, '"fit_slope",\n        3', '"reversed_copy",\n        3')
    said = complaint(broken, "prove")
    assert "'reversed_copy'" in said and "'sequences'" in said


def test_a_misconception_for_an_exercise_that_does_not_exist(broken: Path) -> None:
    wrong = broken / "solutions" / "descent" / "misconceptions.py"
    edit(wrong, '@misconception("fit_slope", "uphill"', '@misconception("fit_slop", "uphill"')
    said = complaint(broken, "prove")
    assert "'uphill' is an answer to 'fit_slop'" in said
