"""The student bundle holds no solution, misconception or graded answer in any form."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tokenize
import tomllib
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from grader.authoring.release import release
from grader.authoring.rubrics import file_of
from grader.bundles import PUBLIC
from grader.course import quiz
from grader.course.exercises import exercises
from grader.course.layout import COURSE, LESSONS, ROOT, SOLUTIONS, FolderTakenError, assignment_id
from grader.course.sources import answer_source, stub_source
from grader.course.versions import misconceptions
from grader.protocol.values import Reply, Tensor

WINDOW = 20  # tokens: shorter runs are idioms that thousands of lines share by chance


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "release"
    release(folder)
    return folder


def words(source: str) -> list[str]:
    """A program's tokens without comments, docstrings and layout."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)) and ast.get_docstring(
            node
        ):
            first = node.body[0]
            skipped |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    drop = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return [t.string for t in tokens if t.type not in drop and t.start[0] not in skipped]


def runs(tokens: list[str]) -> set[tuple[str, ...]]:
    return {tuple(tokens[i : i + WINDOW]) for i in range(len(tokens) - WINDOW + 1)}


def bundle_code(bundle: Path) -> dict[str, str]:
    """Every program text in the bundle: modules and the code cells of notebooks."""
    found = {str(p): p.read_text() for p in bundle.rglob("*.py")}
    for path in bundle.rglob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "code":
                found[f"{path}#{cell['id']}"] = "".join(cell["source"])
    return found


def secret_runs() -> dict[tuple[str, ...], str]:
    """Token runs of solutions and misconceptions that the stubs do not hold themselves."""
    found: dict[tuple[str, ...], str] = {}
    names = {exercise.id for lesson in LESSONS for exercise in exercises(lesson)}
    # What is handed out to be fixed is no secret.
    handed = set()
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            if exercise.broken:
                handed |= runs(words(stub_source(lesson, exercise.id)))
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            if exercise.id in ("train_step", "train_language_model"):
                continue  # the loop itself stands in every demonstration that trains something
            given = runs(words(stub_source(lesson, exercise.id))) | handed
            texts = {"solution": answer_source(lesson, exercise.id)}
            texts |= {v.name: v.source for v in misconceptions(lesson, exercise.id)}
            for name, text in texts.items():
                for run in runs(words(text)) - given:
                    if not names & set(run):  # a call of another exercise is no secret
                        found[run] = f"{exercise.id}/{name}"
    return found


def test_no_program_text_of_a_solution_or_misconception(bundle: Path) -> None:
    secrets = secret_runs()
    assert len(secrets) > 1000
    for place, source in bundle_code(bundle).items():
        for run in runs(words(source)):
            assert run not in secrets, f"{place} holds {' '.join(run)!r} of {secrets.get(run)}"


def test_the_scan_finds_a_leak(bundle: Path) -> None:
    """The scan is no ornament: a solution put into a notebook's cell is found."""
    secrets = secret_runs()
    leak = answer_source("masking", "masked_attention")
    assert runs(words(leak)) & secrets.keys()


def secret_lines() -> set[str]:
    """Lines of solutions that are long enough to be nobody else's, and not in the stub."""
    lines: set[str] = set()
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            given = set(map(str.strip, stub_source(lesson, exercise.id).splitlines()))
            own = set(map(str.strip, answer_source(lesson, exercise.id).splitlines()))
            docstrings = ast.get_docstring(ast.parse(answer_source(lesson, exercise.id)).body[0])
            lines |= {x for x in own - given if len(x) > 28 and x not in (docstrings or "")}
    assert len(lines) > 15
    return lines


def test_no_line_of_a_solution_in_any_file_or_metadata(bundle: Path) -> None:
    """Whole lines too, in every byte: text, metadata, attachments, answers unpacked."""
    lines = secret_lines()
    for path in bundle.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".answers":
                content = gzip.decompress(content)
            for line in lines:
                assert line.encode() not in content, (path, line)
                assert json.dumps(line)[1:-1].encode() not in content, (path, line)


def test_no_line_of_a_rubric_in_any_file(bundle: Path) -> None:
    """Criteria and sample answers of the questions in writing are for instructors alone."""
    texts = [file_of(lesson).read_text(encoding="utf-8") for lesson in LESSONS]
    lines = {line for text in texts for line in text.splitlines() if len(line) > 40}
    assert len(lines) > 100
    for path in bundle.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for line in lines:
            assert line.encode() not in content, (path, line)
            assert json.dumps(line, ensure_ascii=False)[1:-1].encode() not in content, (path, line)


def test_no_letter_or_explanation_of_a_quiz(bundle: Path) -> None:
    """The questions and options are in the bundle; which is right, and why, is nowhere in it."""
    shipped = {
        path: gzip.decompress(path.read_bytes()) if path.suffix == ".answers" else path.read_bytes()
        for path in bundle.rglob("*")
        if path.is_file()
    }
    everything = b"\n".join(shipped.values())
    answers = bundle / "grader" / "student" / "answers" / COURSE.id
    for lesson in LESSONS:
        sealed = shipped[answers / f"{quiz.quiz_id(lesson)}.answers"].decode("utf-8", "replace")
        assert '"right"' not in sealed and "chooses" not in sealed
        for question in quiz.questions(lesson):
            for option in question.options:
                texts = (option.text, json.dumps(option.text)[1:-1])
                assert any(text.encode() in everything for text in texts), option.text
                for piece in (option.why, json.dumps(option.why)[1:-1]):
                    assert piece.encode() not in everything, (question.id, piece)
            for letter, option in quiz.lettered(lesson, question).items():
                assert f"{question.id}.{letter}" not in sealed
                if len(option.text) > 8:
                    assert json.dumps(option.text)[1:-1] not in sealed


def test_nothing_of_the_instructors_side(bundle: Path) -> None:
    names = {str(p.relative_to(bundle)) for p in bundle.rglob("*") if p.is_file()}
    for part in ("judge", "course", "sandbox", "records", "authoring", "solved"):
        assert not [name for name in names if part in name.split("/")[:-1]], part
    contents = {p.read_bytes() for p in bundle.rglob("*") if p.is_file()}
    for path in SOLUTIONS.rglob("*.py"):
        assert (path.read_bytes() in contents) == (path.parent.name == PUBLIC), path


def arrays(value: object) -> list[np.ndarray]:
    if isinstance(value, Tensor):
        return [value.data]
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays(item)]
    return []


def test_no_expected_array_of_a_graded_case(bundle: Path) -> None:
    """Graded cases come from a salt: their random answers are nowhere in the bundle."""
    shipped = b"".join(gzip.decompress(p.read_bytes()) for p in bundle.rglob("*.answers"))
    seen = 0
    for lesson in LESSONS:
        for exercise in exercises(lesson):
            for case in exercise.suite(b"a graded seed").cases:
                given = arrays(list(case.ask.args)) + list(case.ask.weights.values())
                if not any(array.dtype.kind == "f" for array in given):
                    continue  # nothing drawn went in: the answer is a fact, such as a sinusoid
                expected = case.expected or Reply()
                for array in arrays(expected.value):
                    # what depends on the draw; constants such as a mask are no secret
                    odd = array.dtype.kind == "f" and array.size > 3
                    odd = odd and len(np.unique(array[np.isfinite(array)])) > 3
                    if odd and not fixed(lesson, exercise.id, array):
                        seen += 1
                        assert array.tobytes() not in shipped, (exercise.id, case.name)
    assert seen > 50


def fixed(lesson: str, exercise: str, array: np.ndarray) -> bool:
    """Is this array expected in every draw (a worked example)?"""
    spec = next(e for e in exercises(lesson) if e.id == exercise)
    others = spec.suite(b"another seed").cases
    return any(
        array.tobytes() == other.tobytes()
        for case in others
        for other in arrays((case.expected or Reply()).value)
    )


def test_the_bundle_works_alone(bundle: Path, tmp_path: Path) -> None:
    """Without this checkout on the path: copies of the lessons, and a check that answers."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    lab = [sys.executable, "-m", "grader", "lab", "--copy-only", "--folder", str(tmp_path / "lab")]
    done = subprocess.run(
        lab, cwd=bundle, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    name = assignment_id(LESSONS[0])
    notebook = tmp_path / "lab" / name / f"{name}.ipynb"
    start = (tmp_path / "lab" / "start.ipynb").read_text(encoding="utf-8")
    assert f"{name}/{name}.ipynb" in start and "Go on with" not in start
    check = [sys.executable, "-m", "grader", "check", str(notebook)]
    done = subprocess.run(
        check, cwd=bundle, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout.count("not attempted yet") == len(exercises(LESSONS[0])), done.stdout
    progress = [sys.executable, "-c", "from grader import progress; progress()"]
    environment["PYTHONPATH"] = str(bundle)
    said = subprocess.run(
        progress, cwd=notebook.parent, env=environment, check=False, capture_output=True, text=True
    )
    count = sum(len(exercises(lesson)) for lesson in LESSONS)
    assert f"0 of {count} exercises and quizzes right" in said.stdout, said.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("editable", [False, True])
def test_installed_it_checks_from_any_folder(editable: bool, bundle: Path, tmp_path: Path) -> None:
    """By pip, in a fresh environment, with neither the checkout nor the bundle on the path."""
    source, home = tmp_path / "bundle", tmp_path / "elsewhere"
    shutil.copytree(bundle, source)
    home.mkdir()
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True
    )
    folder = "Scripts" if os.name == "nt" else "bin"
    settings = {"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")}
    packages = Path(sysconfig.get_path("purelib", "venv", settings))
    # The course's dependencies: from here, since nothing is downloaded.
    (packages / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(tmp_path / "env" / folder / "python"), *arguments],
            cwd=home,
            env=environment | {"COLUMNS": "200"},
            check=False,
            capture_output=True,
            text=True,
        )

    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    option = ["--editable"] if editable else []
    done = python("-m", "pip", "install", *offline, *option, str(source))
    assert done.returncode == 0, done.stderr
    if not editable:
        shutil.rmtree(source)  # what is installed needs it no longer
    where_is = python("-c", "import grader; print(grader.__file__)").stdout.strip()
    assert Path(where_is).parent == (source if editable else packages) / "grader"
    said = python("-c", 'from grader import check\nsoftmax = lambda x: x\ncheck("softmax")')
    assert "softmax: " in said.stdout and "checks passed" in said.stdout, said.stderr
    assert said.stderr.strip().splitlines()[-1].startswith("grader.student.check.CheckFailed")
    assert python("-m", "grader", "lab", "--copy-only").returncode == 0
    assert {path.parent.name for path in (home / "lab").glob("*/*.ipynb")} == {
        assignment_id(lesson) for lesson in LESSONS
    }
    third = assignment_id("masking")  # its rules are its own: a module among its public files
    done = python("-m", "grader", "check", f"lab/{third}/{third}.ipynb")
    assert done.stdout.count("not attempted yet") == len(exercises("masking")), done.stderr


def test_its_pins_are_the_courses_own_within_its_ranges(bundle: Path) -> None:
    project = tomllib.loads((bundle / "pyproject.toml").read_text())["project"]
    ranges = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    lines = (bundle / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines)
    assert pins.keys() == ranges.keys()
    assert all(pins[name] in ranges[name] for name in pins)
    assert set(lines) <= set((ROOT / "constraints.txt").read_text().splitlines())
    conda = re.findall(r"^  - (.+>=.+)$", (bundle / "environment.yml").read_text(), re.M)
    assert [one.replace("pytorch-cpu", "torch") for one in conda] == project["dependencies"]


def test_its_readme_leads_in_on_every_system(bundle: Path) -> None:
    """Both commands in both shells; the first runs in the bundle with nothing installed."""
    text = (bundle / "README.md").read_text(encoding="utf-8")
    for command in (
        "python3 -m grader.install",
        "py -3.11 -m grader.install",
        ".venv/bin/python -m grader lab",
        r".venv\Scripts\python -m grader lab",
    ):
        assert f"`{command}`" in text
    for page in (text, (ROOT / "README.md").read_text(encoding="utf-8")):
        assert "Windows, PowerShell and macOS were never tried" in page
    help_of = [sys.executable, "-S", "-m", "grader.install", "--help"]
    assert subprocess.run(help_of, cwd=bundle, check=False, capture_output=True).returncode == 0


def test_a_students_work_is_never_overwritten(bundle: Path, tmp_path: Path) -> None:
    from grader.student.lab_folder import copy_lessons

    copied = copy_lessons(bundle / "notebooks", tmp_path)
    assert len(copied) == len(LESSONS)
    copied[0].write_text("my work")
    assert copy_lessons(bundle / "notebooks", tmp_path) == []
    assert copied[0].read_text() == "my work"


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FolderTakenError):
        release(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
