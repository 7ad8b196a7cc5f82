"""What a mark depends on: a changed check makes its lesson's marks out of date, and no others."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.course.exercises import LESSONS, assignment_id
from grader.course.layout import ROOT
from grader.judge.fingerprint import AFTERWARDS, engine_fingerprint, lessons_behind

FOLDERS = ("grader", "solutions", "notebooks")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copied")
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__", "solved", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    return root


def touched(root: Path, file: str) -> set[str]:
    """The lessons whose fingerprint is another once this file has changed."""
    engine_fingerprint.cache_clear()
    before = {lesson: engine_fingerprint(lesson, root) for lesson in LESSONS}
    path = root / file
    text = path.read_text()
    path.write_text(text + "\n# changed\n")
    engine_fingerprint.cache_clear()
    after = {lesson: engine_fingerprint(lesson, root) for lesson in LESSONS}
    path.write_text(text)
    engine_fingerprint.cache_clear()
    return {lesson for lesson in LESSONS if before[lesson] != after[lesson]}


@pytest.mark.parametrize(
    "file",
    [
        "solutions/positional_encoding/checks.py",
        "solutions/positional_encoding.py",
        "solutions/positional_encoding/misconceptions.py",
        f"notebooks/{(name := assignment_id('positional_encoding'))}/{name}.ipynb",
    ],
)
def test_a_lesson_s_own_file_concerns_it_and_the_lessons_that_load_its_answers(
    copied: Path, file: str
) -> None:
    assert touched(copied, file) == {"positional_encoding", "sequence_to_sequence"}


def test_the_last_lesson_concerns_itself_alone(copied: Path) -> None:
    assert touched(copied, "solutions/sequence_to_sequence/checks.py") == {"sequence_to_sequence"}


def test_a_word_about_mine_that_names_no_exercise_stops_nothing(copied: Path) -> None:
    path = copied / "solutions" / "masking.py"
    text = path.read_text()
    path.write_text(text + '\n# mine("no_exercise") loads nothing\n')
    assert lessons_behind("masking", copied) == {"masking"}
    path.write_text(text)


@pytest.mark.parametrize("file", ["grader/rules/comparing.py", "grader/course/versions.py"])
def test_what_all_share_concerns_all(copied: Path, file: str) -> None:
    assert touched(copied, file) == set(LESSONS)


def test_what_is_never_used_for_a_mark_concerns_none(copied: Path) -> None:
    solved = copied / "solutions" / "solved" / "extra.py"
    solved.parent.mkdir()
    solved.write_text("")
    assert touched(copied, "solutions/solved/extra.py") == set()


def test_no_judge_imports_what_leaves_a_mark_as_it_is() -> None:
    for path in AFTERWARDS:
        assert (ROOT / path).exists()
    code = (
        "import sys, grader.records.judges, grader.records.cluster;"
        "found = [getattr(m, '__file__', None) for m in list(sys.modules.values())];"
        "print('\\n'.join(filter(None, found)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    files = [Path(name) for name in done.stdout.splitlines()]
    inside = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if any(path.is_relative_to(ROOT / name) for name in ("grader", "solutions"))
    ]
    assert "grader/judge/run.py" in inside
    assert not [name for name in inside if name.startswith(AFTERWARDS)]
    for name in inside:  # what they import later, within a function, is named in their text
        later = [f"{part.replace('.', '/')}.py" for part in modules(ROOT / name)]
        assert not [other for other in later if other.startswith(AFTERWARDS)], name


@pytest.mark.parametrize("file", ["grader/cli/grade.py", "grader/report/page.py"])
def test_what_only_shows_marks_makes_none_out_of_date(copied: Path, file: str) -> None:
    assert touched(copied, file) == set()


def modules(path: Path) -> set[str]:
    """Every module that a file imports, wherever it does."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    found = {alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


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


def test_no_shared_module_imports_a_lesson() -> None:
    """Otherwise that lesson would concern all, and the fingerprints would not know."""
    shared = [path for name in ("grader", "solutions") for path in (ROOT / name).rglob("*.py")]
    for path in shared:
        if path.stem not in LESSONS:
            assert not imported(path) & set(LESSONS), path


def test_a_lesson_s_modules_import_no_lesson_that_is_not_behind_it() -> None:
    for lesson in LESSONS:
        for folder in ("grader", "solutions"):
            for path in (ROOT / folder).rglob(f"{lesson}.py"):
                assert imported(path) & set(LESSONS) <= lessons_behind(lesson)
