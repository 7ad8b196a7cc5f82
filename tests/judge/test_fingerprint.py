"""What a mark depends on: a changed check makes its lesson's marks out of date, and no others."""

from __future__ import annotations

import ast
import functools
import shutil
from pathlib import Path

import pytest

from grader.course.fingerprint import engine_files, fingerprint, lesson_of_file, lessons_used
from grader.course.layout import LESSONS, ROOT, assignment_id
from grader.coursefile import ENGINE, NAME
from grader.judge.fingerprint import DECIDES


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copied")
    for name in ("grader", "solutions", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", "solved", ".ipynb_checkpoints", "answers")
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    shutil.copyfile(ROOT / NAME, root / NAME)
    return root


def of(root: Path) -> dict[str, str]:
    return {lesson: fingerprint(DECIDES, lesson, root / "grader", root) for lesson in LESSONS}


@functools.cache
def unchanged(root: Path) -> dict[str, str]:
    """The fingerprints of the copy as it was made: each test leaves it so."""
    return of(root)


def touched(root: Path, file: str) -> set[str]:
    """The lessons whose fingerprint is another once this file has changed."""
    before = unchanged(root)
    path = root / file
    text = path.read_text()
    path.write_text(text + "\n# changed\n")
    after = of(root)
    path.write_text(text)
    return {lesson for lesson in LESSONS if before[lesson] != after[lesson]}


@pytest.mark.parametrize(
    "file",
    [
        "solutions/positional_encoding/checks.py",
        "solutions/positional_encoding/__init__.py",
        "solutions/positional_encoding/misconceptions.py",
        f"notebooks/{(name := assignment_id('positional_encoding'))}/{name}.ipynb",
    ],
)
def test_a_lesson_s_own_file_concerns_it_and_the_lessons_that_load_its_answers(
    copied: Path, file: str
) -> None:
    assert touched(copied, file) == {
        "positional_encoding",
        "sequence_to_sequence",
        "attention_today",
    }


def test_the_last_lesson_concerns_itself_alone(copied: Path) -> None:
    assert touched(copied, f"solutions/{LESSONS[-1]}/checks.py") == {LESSONS[-1]}


def test_a_word_about_mine_that_names_no_exercise_stops_nothing(copied: Path) -> None:
    path = copied / "solutions" / "masking" / "__init__.py"
    text = path.read_text()
    path.write_text(text + '\n# mine("no_exercise") loads nothing\n')
    assert lessons_used("masking", copied) == {"masking"}
    path.write_text(text)


def test_a_course_in_a_folder_called_like_a_lesson_keeps_its_lessons_apart() -> None:
    root = Path("courses", LESSONS[0])
    for lesson in LESSONS[:2]:
        assert lesson_of_file(root / "solutions" / lesson / "checks.py", root) == lesson
    assert lesson_of_file(root / NAME, root) == ""


@pytest.mark.parametrize("file", ["grader/rules/comparing.py", "grader/course/versions.py"])
def test_what_all_share_concerns_all(copied: Path, file: str) -> None:
    assert touched(copied, file) == set(LESSONS)


def test_what_is_never_used_for_a_mark_concerns_none(copied: Path) -> None:
    solved = copied / "solutions" / "solved" / "extra.py"
    solved.parent.mkdir()
    solved.write_text("")
    assert touched(copied, "solutions/solved/extra.py") == set()


@pytest.mark.parametrize("path", engine_files(DECIDES), ids=lambda path: path.name)
def test_what_decides_a_mark_imports_nothing_that_does_not(path: Path) -> None:
    """Else a change elsewhere could move a mark that nobody would grade again."""
    if path == ENGINE / "student" / "commands" / "lab.py":  # makes a student's folder, no mark
        return
    for name in modules(path):
        if name.startswith("grader."):
            top = name.split(".")[1]
            assert top in DECIDES or (ENGINE / f"{top}.py").is_file(), f"{path} imports {name}"


@pytest.mark.parametrize(
    "file", ["grader/cli/grade.py", "grader/report/page.py", "grader/pages/feedback.py"]
)
def test_what_only_shows_marks_makes_none_out_of_date(copied: Path, file: str) -> None:
    assert touched(copied, file) == set()


def modules(path: Path) -> set[str]:
    """Every module that a file imports, wherever it does."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    return found | {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}


def imported(path: Path) -> set[str]:
    """Every part of every name that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.ImportFrom):
            names |= set((node.module or "").split("."))
            names |= {alias.name for alias in node.names}
    return names


def test_the_engine_imports_no_lesson() -> None:
    """Otherwise that lesson would concern all, and the fingerprints would not know."""
    for path in ENGINE.rglob("*.py"):
        assert not imported(path) & set(LESSONS), path


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_s_modules_import_no_lesson_that_is_not_behind_it(lesson: str) -> None:
    for path in (ROOT / "solutions" / lesson).rglob("*.py"):
        assert imported(path) & set(LESSONS) <= lessons_used(lesson), path
