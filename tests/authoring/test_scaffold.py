"""A new exercise out of `python -m grader new-exercise`: whole at once, or nothing at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.authoring import scaffold as scaffolding
from grader.authoring.scaffold import MARK, Wanted, plan
from grader.authoring.scaffold_places import ScaffoldError, in_list, number_after, with_import
from grader.commandline import main
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, SOLUTIONS

LEFT_BEHIND = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "build", "release", "lab", ".*_cache", ".hypothesis"
)

# Run in the copy: the exercise as the judge sees it.
MARKS = """
import sys
import nbformat
from grader.course.layout import assignment_id, notebook_path
from grader.authoring.freeze import packed
from grader.authoring.mutants import fates
from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.judge.run import Judge, Submission
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.select import start_sandbox
from grader.course.exercises import exercises

lesson, name, points = sys.argv[1], sys.argv[2], float(sys.argv[3])
release = assignment(assignment_id(lesson))
with start_sandbox([], 1) as forkserver:
    limits = Limits(cell_cpu=3, checks_cpu=5, notebook_cpu=30)
    judge = Judge(forkserver, b"the scaffold's salt", limits)
    for text, due in (
        (notebook_path(lesson).read_text(), 0.0),
        (nbformat.writes(solved(lesson, {name})), points),
    ):
        outcome = judge.grade(Submission("someone", release.id, text.encode()), release)
        scores = {v.exercise: v.score for v in outcome.verdicts}
        assert scores[name] == due, scores
        assert sum(scores.values()) == due, scores
assert packed(lesson, name)
exercise = next(one for one in exercises(lesson) if one.id == name)
found = list(fates(lesson, exercise))
assert found and all(one.ok for one in found), [one.mutant.change for one in found if not one.ok]
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the course to add to."""
    target = tmp_path_factory.mktemp("checkout") / "course"
    shutil.copytree(ROOT, target, ignore=LEFT_BEHIND)
    return target


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "PYTEST_ADDOPTS": ""},
        check=False,
        capture_output=True,
        text=True,
    )


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    ("lesson", "name", "more", "points"),
    [
        ("masking", "dilated_mask", ("--after", "local_mask", "--points", "3"), 3),
        ("self_attention", "CenteredMap", (), 2),
        ("single_query_attention", "centered_scores", ("--points", "1"), 1),
    ],
)
def test_what_it_writes_works_at_once(
    copy: Path, lesson: str, name: str, more: tuple[str, ...], points: int
) -> None:
    """Tidy and proved; a stub has no points, the solution all, each mutant is caught."""
    before = everything(copy)
    done = run(copy, "-m", "grader", "new-exercise", lesson, name, *more)
    assert done.returncode == 0, done.stderr
    after = everything(copy)
    changed = {path for path in after if before.get(path) != after[path]}
    assert changed == {
        line.strip()
        for line in done.stdout.splitlines()
        if line.count("/") > 0 and "python" not in line
    }
    assert len(changed) == 6 and before.keys() == after.keys()
    for path in changed:
        assert MARK in after[path].decode(), path
        if path.endswith(".py"):  # what was there stands there still, in its order
            rest = iter(after[path].decode().splitlines())
            gone = [line for line in before[path].decode().splitlines() if line not in rest]
            assert not [line for line in gone if not line.startswith("from solutions")]
    for command in (("tidy", lesson, "--check"), ("prove", "--exercise", name)):
        done = run(copy, "-m", "grader", *command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    done = run(copy, "-c", MARKS, lesson, name, str(points))
    assert done.returncode == 0, done.stderr
    for command in (("check",), ("format", "--check")):
        done = run(copy, "-m", "ruff", *command, *sorted(p for p in changed if p.endswith(".py")))
        assert done.returncode == 0, done.stdout
    laws = "tidy or stubs_have or has_a_card or stands_right_under or hints_come or every_version"
    done = run(
        copy,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        "--noconftest",  # which freezes all answers anew
        *(
            "tests/authoring/test_notebooks.py",
            "tests/authoring/test_sample.py",
            "tests/test_house.py",
        ),
        f"tests/lessons/test_{lesson}.py",
        *("-k", f"({lesson} and ({laws})) or unique or one_name or test_{lesson}.py"),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mask", "dilated_mask"), "no lesson 'mask'; there are single_query_attention"),
        (("masking", "dilated mask"), "cannot be the name of a function"),
        (("masking", "lambda"), "cannot be the name of a function"),
        (("masking", "maß"), "cannot be the name of a function"),
        (("masking", "sum"), "one of Python's built-in names"),
        (("masking", "quiz_two"), "does not begin with _, quiz_ or check_"),
        (("masking", "a" * 33), "at most 32 characters"),
        (("masking", "DilatedMask", "--kind", "function"), "a layer is named like"),
        (("masking", "dilated_mask", "--kind", "layer"), "a layer is named like"),
        (("masking", "softmax"), "taken: single_query_attention has an exercise of that name"),
        (("masking", "draw_grids"), "03_masking.ipynb already defines draw_grids"),
        (("masking", "combine"), "solutions/masking/checks.py already defines combine_checks"),
        (("masking", "dilated_mask", "--after", "soft"), "has no exercise 'soft'; it has causal"),
        (("masking", "dilated_mask", "--after", "quiz_masking"), "has no exercise 'quiz_masking'"),
        (("masking", "dilated_mask", "--points", "0.5"), "not a valid int"),
        (("single_query_attention", "Centered"), "the example needs"),
    ],
)
def test_it_refuses_in_a_line_and_writes_nothing(arguments: tuple[str, ...], said: str) -> None:
    lesson = arguments[0] if arguments[0] in LESSONS else "masking"
    watched = [*(SOLUTIONS / lesson).glob("*.py"), *NOTEBOOKS.glob(f"*{lesson}/*.ipynb")]
    before = {path: path.read_bytes() for path in watched}
    done = CliRunner().invoke(main, ["new-exercise", *arguments])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split()), done.output
    assert "Traceback" not in done.output
    assert {path: path.read_bytes() for path in watched} == before


def test_a_lesson_that_lacks_a_file_is_refused_by_that_file_s_name(tmp_path: Path) -> None:
    for part in ("solutions", "notebooks", "course.toml"):
        copied = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copied(ROOT / part, tmp_path / part)
    (tmp_path / "solutions" / "masking" / "alternatives.py").unlink()
    command = ("-m", "grader", "--course", str(tmp_path), "new-exercise", "masking", "dilated_mask")
    done = run(ROOT, *command)
    assert done.returncode == 2
    assert "has no solutions/masking/alternatives.py" in " ".join(done.stderr.split())


def test_what_does_not_work_in_the_copy_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial is no ornament: an example that proves nothing is refused, by what it said."""
    wanted = Wanted("masking", "dilated_mask")
    changes = plan(wanted)
    path = Path("solutions", "masking", "misconceptions.py")
    right = "    return x - x.mean(dim=-1, keepdim=True)\n"
    broken = changes[path].replace("    return x + x.mean(dim=-1, keepdim=True)\n", right)
    assert broken != changes[path]
    monkeypatch.setattr(scaffolding, "plan", lambda _: changes | {path: broken})
    before = (ROOT / path).read_bytes()
    with pytest.raises(ScaffoldError, match="dilated_mask/mean_is_added.*caught by nothing"):
        scaffolding.scaffold(wanted)
    assert (ROOT / path).read_bytes() == before


def test_a_disk_that_fills_up_leaves_the_files_as_they_were(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = ("one", "two", "three")
    for name in names:
        (tmp_path / name).write_text("before")
    write, written = scaffolding.files.write, []

    def full(path: Path, content: bytes, mode: int) -> None:
        if path.name == "three" and content == b"after":
            raise OSError(28, "No space left on device")
        written.append((path.name, content))
        write(path, content, mode)

    monkeypatch.setattr(scaffolding, "ROOT", tmp_path)
    monkeypatch.setattr(scaffolding.files, "write", full)
    with pytest.raises(ScaffoldError, match="three cannot be written: No space left"):
        scaffolding.write({Path(name): "after" for name in names})
    assert ("two", b"after") in written
    assert {(tmp_path / name).read_text() for name in names} == {"before"}


def test_a_warning_does_not_hide_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "1 fault: not caught\n", "a warning\n")

    monkeypatch.setattr(scaffolding.subprocess, "run", fails)
    with pytest.raises(ScaffoldError) as caught:
        scaffolding.tried({}, LESSONS[0], "new")
    assert "1 fault: not caught" in str(caught.value) and "a warning" in str(caught.value)


def test_a_number_moves_no_other() -> None:
    import nbformat

    headings = ["### Exercise 3.1 · `one`", "text\n\n### Exercise 3.2 · `two`\n"]
    cells = [nbformat.v4.new_markdown_cell(text) for text in headings]
    assert number_after(cells, "two", last=True) == "3.3"
    assert number_after(cells, "one", last=False) == "3.1b"
    cells.append(nbformat.v4.new_markdown_cell("### Exercise 3.1b · `between`"))
    assert number_after(cells, "one", last=False) == "3.1c"
    with pytest.raises(ScaffoldError):
        number_after(cells, "three", last=True)


def test_where_exercises_have_no_number_the_new_one_has_none() -> None:
    import nbformat

    cells = [nbformat.v4.new_markdown_cell(f"### Exercise · `{name}`") for name in ("one", "two")]
    assert number_after(cells, "one", last=False) == number_after(cells, "two", last=True) == ""


def test_texts_go_where_the_syntax_says() -> None:
    listed = 'EXERCISES = [\n    Exercise("a", 1),\n    Exercise("b", 2),\n]\nLIMITS = {}\n'
    done = in_list(listed, "a", '    Exercise("n", 3),\n')
    assert done.splitlines()[2] == '    Exercise("n", 3),'
    with pytest.raises(ScaffoldError):
        in_list("EXERCISES = [one for one in others]\n", "a", "")
    short = "from solutions.x import Big, small\n\nOTHER = 1\n"
    assert with_import(short, "solutions.x", "new").startswith(
        "from solutions.x import Big, new, small\n\nOTHER"
    )
    with pytest.raises(ScaffoldError):
        with_import(short, "solutions.y", "new")


def test_no_example_is_left_in_the_course() -> None:
    """What `new-exercise` wrote is replaced before a lesson goes out."""
    for path in SOLUTIONS.rglob("*.py"):
        assert MARK not in path.read_text(encoding="utf-8"), path
    for path in [*NOTEBOOKS.glob("*/*.ipynb"), *(ROOT / "tests" / "lessons").glob("*.py")]:
        assert MARK not in path.read_text(encoding="utf-8"), path
    for lesson in LESSONS:
        assert not [e.id for e in exercises(lesson) if MARK in "".join(e.hints)]
