"""A new lesson out of `python -m grader new-lesson`: whole at once, or nothing at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.authoring import scaffold as scaffolding
from grader.authoring import scaffold_lesson
from grader.authoring.scaffold import MARK
from grader.authoring.scaffold_lesson import WantedLesson
from grader.authoring.scaffold_places import ScaffoldError, with_lesson
from grader.commandline import main
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, SOLUTIONS
from grader.student import frozen
from tests.courses.test_second_course import complaint, copy_of_second, done, run

OURS = "new_lesson_trial"  # the copy's id: its frozen answers lie in a folder of that name


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the second course, which has laws of its own, two lessons and no docs."""
    target = tmp_path_factory.mktemp("new") / "course"
    copy_of_second(target, OURS)
    yield target
    shutil.rmtree(frozen.FOLDER / OURS, ignore_errors=True)


def test_in_a_second_course_it_writes_a_lesson_that_goes_the_whole_way(course: Path) -> None:
    """Tidy, proved, released, checked and graded: the solution earns all, the stub nothing."""
    done(course, "new-exercise", "descent", "centered_once", "--after", "slope_gradient")
    (course / "tests" / "lessons").mkdir(parents=True)
    before = everything(course)
    said = done(course, "new-lesson", "momentum", "--title", 'A "heavy" ball')
    after = everything(course)
    assert {path for path in after if before.get(path) != after[path]} == {
        "course.toml",
        "notebooks/03_momentum/03_momentum.ipynb",
        "tests/lessons/test_momentum.py",
        *(f"solutions/momentum/{part}.py" for part in ("__init__", "checks", "alternatives")),
        "solutions/momentum/misconceptions.py",
        "solutions/momentum/written.md",
    }
    assert "momentum is lesson 3" in said
    assert tomllib.loads(after["course.toml"].decode())["lessons"][2:] == ["momentum"]
    for path in after.keys() - before.keys():
        assert MARK in after[path].decode(), path

    assert done(course, "tidy", "--check").count("already tidy") == 3
    proved = done(course, "prove", "--exercise", "centered_rows", "--exercise", "centered_once")
    assert "10 misconceptions, 6 alternatives, 0 faults" in proved
    law = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"],
        cwd=course,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(course), str(ROOT)])},
        check=False,
        capture_output=True,
        text=True,
    )
    assert "1 passed" in law.stdout, law.stdout + law.stderr

    name = "03_momentum"
    submitted = course / "submitted"
    done(course, "solve", "--output", course / "solved", "--lesson", "momentum")
    for student, source in (("ada", course / "solved"), ("bo", course / "notebooks" / name)):
        (submitted / student / name).mkdir(parents=True)
        shutil.copy(source / f"{name}.ipynb", submitted / student / name)
    table = done(course, "grade", submitted, "--course-dir", course / "graded", "--jobs", 1)
    rows = {
        line.split("│")[1].strip(): line.split("│") for line in table.splitlines() if name in line
    }
    assert [rows["ada"][4].strip(), rows["ada"][5].strip()] == ["2", "2"], table
    assert rows["bo"][4].strip() == "0", table

    refused = run(course, "release", "--output", course / "bundle")
    assert refused.returncode == 1 and not (course / "bundle").exists()
    for path in ("checks.py", "__init__.py", "misconceptions.py", "alternatives.py", "written.md"):
        assert f"solutions/momentum/{path}: {MARK} is left in line" in refused.stderr
    assert f"03_momentum.ipynb: {MARK} is left in cell 1" in refused.stderr
    done(course, "release", "--draft", "--output", course / "bundle")
    checked = subprocess.run(
        [sys.executable, "-m", "grader", "check", str(submitted / "ada" / name / f"{name}.ipynb")],
        cwd=course / "bundle",
        env={key: v for key, v in os.environ.items() if not key.startswith(("GRADER", "PYTHON"))},
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("masking",), "'masking' is taken: it is lesson 3"),
        (("Masking",), "cannot be a lesson's name"),
        (("two-words",), "cannot be a lesson's name"),
        (("lambda",), "cannot be a lesson's name"),
        (("a" * 33,), "at most 32"),
        (("solved",), "a folder already has that name"),
        (("notebooks",), "a folder already has that name"),
        (("momentum", "--exercise", "softmax"), "'softmax' is taken: single_query_attention has"),
        (("momentum", "--exercise", "sum"), "one of Python's built-in names"),
        (("momentum", "--title", "two\nlines"), "the title must be one line"),
    ],
)
def test_it_refuses_in_a_line_and_writes_nothing(arguments: tuple[str, ...], said: str) -> None:
    before = (ROOT / "course.toml").read_bytes()
    folders = sorted(SOLUTIONS.iterdir()), sorted(NOTEBOOKS.iterdir())
    result = CliRunner().invoke(main, ["new-lesson", *arguments])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split()), result.output
    assert "Traceback" not in result.output
    assert (ROOT / "course.toml").read_bytes() == before
    assert (sorted(SOLUTIONS.iterdir()), sorted(NOTEBOOKS.iterdir())) == folders


def test_where_there_is_no_course_it_says_so(tmp_path: Path) -> None:
    said = complaint(tmp_path, "new-lesson", "momentum")
    assert "is not a course's folder: it has no course.toml" in said
    assert not any(tmp_path.iterdir())


def test_a_folder_that_is_there_is_not_written_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaffold_lesson, "LESSONS", LESSONS[:-1])  # its folders stay
    with pytest.raises(ScaffoldError, match=f"solutions/{LESSONS[-1]} already exists"):
        scaffold_lesson.plan(WantedLesson(LESSONS[-1], "Title", "centered_rows"))


def test_what_does_not_work_in_the_copy_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = WantedLesson("momentum", "Momentum", "centered_rows")
    changes = scaffold_lesson.plan(wanted)
    path = Path("solutions", "momentum", "misconceptions.py")
    broken = changes[path].replace("return x + x.mean(", "return x - x.mean(")
    assert broken != changes[path]
    monkeypatch.setattr(scaffold_lesson, "plan", lambda _: changes | {path: broken})
    with pytest.raises(ScaffoldError, match="centered_rows/mean_is_added.*caught by nothing"):
        scaffold_lesson.scaffold_lesson(wanted)
    assert not (SOLUTIONS / "momentum").exists()
    assert "momentum" not in (ROOT / "course.toml").read_text(encoding="utf-8")


def test_a_disk_that_fills_up_leaves_no_new_file_and_no_new_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "course.toml").write_text("before")
    write = scaffolding.files.write

    def full(path: Path, content: bytes, mode: int) -> None:
        if path.name == "course.toml" and content == b"after":
            raise OSError(28, "No space left on device")
        write(path, content, mode)

    monkeypatch.setattr(scaffolding, "ROOT", tmp_path)
    monkeypatch.setattr(scaffolding.files, "write", full)
    names = ("solutions/new/__init__.py", "notebooks/01_new/01_new.ipynb", "course.toml")
    with pytest.raises(ScaffoldError, match="course.toml cannot be written: No space left"):
        scaffolding.write({Path(name): "after" for name in names})
    assert everything(tmp_path) == {"course.toml": b"before"}
    assert [path.name for path in tmp_path.iterdir()] == ["course.toml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lessons = []\n", 'lessons = ["new"]\n'),
        ('lessons = ["a"]  # one\n', 'lessons = ["a", "new"]  # one\n'),
        ("lessons=['a', 'b',]\n", "lessons=['a', 'b', \"new\",]\n"),
        (
            'lessons = [\n    "a",  # first, not ["z"]\n    "b"\n    # the end\n]\nid = "x"\n',
            'lessons = [\n    "a",  # first, not ["z"]\n    "b",\n    # the end\n    "new",\n]\n'
            'id = "x"\n',
        ),
        (
            'lessons = [\n  "a", "b",\n]\n',
            'lessons = [\n  "a", "b",\n    "new",\n]\n',
        ),
        ('lessons = ["a",\n  "b"]\n', 'lessons = ["a",\n  "b", "new"]\n'),
        ('lessons = [\n  "a" ,\n  "b" ,]\n', 'lessons = [\n  "a" ,\n  "b", "new" ,]\n'),
    ],
)
def test_a_course_s_description_keeps_its_comments_and_its_layout(before: str, after: str) -> None:
    assert with_lesson(before, "new") == after
    known = tomllib.loads(before)
    assert tomllib.loads(after) == known | {"lessons": [*known["lessons"], "new"]}


@pytest.mark.parametrize(
    "text",
    [
        'title = """\nlessons = []\n"""\nlessons = ["a"]\n',
        'lessons = [["a"]]\n',
        '"lessons" = ["a"]\n',
        '[other]\nlessons = ["a"]\n',
    ],
)
def test_a_description_that_is_written_otherwise_is_left_alone(text: str) -> None:
    with pytest.raises(ScaffoldError, match='add "new" yourself'):
        with_lesson(text, "new")
