"""Laws of the house: who may know whom, one name for one lesson, pins that agree."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement

from grader import bundles, install
from grader.commandline import main
from grader.course.assignments import assignment_ids, modules_of
from grader.course.exercises import exercises
from grader.course.layout import (
    COURSE,
    LESSONS,
    NOTEBOOKS,
    ROOT,
    SOLUTIONS,
    assignment_id,
    notebook_path,
)
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.mounts import clean_environment

PACKAGE = ROOT / "grader"


def imported(path: Path) -> set[str]:
    """Modules that a file names in its imports, wherever they stand."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def knows(path: Path, *modules: str) -> list[str]:
    return [n for n in imported(path) for m in modules if n == m or n.startswith(m + ".")]


def test_the_judge_never_imports_the_worker() -> None:
    for folder in ("judge", "records", "sandbox/host"):
        for path in (PACKAGE / folder).rglob("*.py"):
            assert not knows(path, "grader.sandbox.guest"), path


def test_the_worker_imports_nothing_that_holds_answers_or_marks() -> None:
    forbidden = (
        "grader.judge",
        "grader.course",
        "solutions",
        "nbgrader",
        "sqlite3",
    )
    for path in bundles.files(bundles.WORKER):
        assert not knows(PACKAGE / path, *forbidden), path


def test_what_students_get_imports_nothing_that_holds_answers() -> None:
    for path in bundles.files(bundles.STUDENT):
        assert not knows(PACKAGE / path, "grader.judge", "grader.course", "grader.authoring"), path


def test_core_is_pure() -> None:
    rim = ("socket", "subprocess", "os", "multiprocessing", "threading", "torch", "IPython")
    for folder in ("rules", "source"):
        for path in (PACKAGE / folder).rglob("*.py"):
            assert not knows(path, *rim), path


WARMED = """
import os, sys
sys.path.insert(0, sys.argv[1])
from grader.sandbox.guest import forkserver
forkserver.import_and_prepare(sys.argv[2:])
print(len(os.listdir("/proc/self/task")), *sys.modules)
"""


@pytest.mark.parametrize("modules", [[], ["numpy", "no_such_module"], modules_of(assignment_ids())])
def test_a_warm_process_has_seen_no_secret_and_has_one_thread(modules: list[str]) -> None:
    """What forks inherit: the modules of a freshly warmed process, and no lock of a thread."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        bundles.copy(bundles.WORKER, COURSE, Path(folder))
        command = [sys.executable, "-I", "-c", WARMED, folder, *modules]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=clean_environment()
        )
    threads, *loaded = done.stdout.split()
    assert threads == "1"
    assert set(modules) - {"no_such_module"} <= set(loaded)
    for heavy in ("torch", "matplotlib"):
        assert (heavy in loaded) == (heavy in {name.partition(".")[0] for name in modules})
    for name in (
        "grader.judge",
        "grader.course",
        "solutions",
        "nbgrader",
    ):
        assert not [one for one in loaded if one == name or one.startswith(name + ".")]


def test_what_takes_long_is_imported_before_a_worker_is_forked() -> None:
    """What the first use of an optimizer imports takes as long as torch does."""
    code = (
        "import sys\nbefore = {'torch', 'matplotlib.pyplot', 'torch._dynamo'} & set(sys.modules)\n"
        "sorted(before)"
    )
    with Forkserver("none", modules=modules_of(assignment_ids())) as forkserver:
        worker = forkserver.start(Limits())
        (output,), _ = worker.run_cell(code, 10)
        worker.close()
    expected = ["matplotlib.pyplot", "torch", "torch._dynamo"]
    assert output["data"]["text/plain"] == repr(expected)


def test_the_notebooks_imports_are_what_is_loaded() -> None:
    first, *others = assignment_ids()
    assert {"numpy", "matplotlib.pyplot"} <= set(modules_of([first]))
    assert "torch" not in modules_of([first])
    for name in others:
        assert {"numpy", "torch", "matplotlib.pyplot"} <= set(modules_of([name]))
    assert not [one for one in modules_of(assignment_ids()) if one.startswith("grader")]


@pytest.mark.parametrize("lesson", LESSONS)
def test_one_lesson_has_one_name_everywhere(lesson: str) -> None:
    assert notebook_path(lesson).is_file()
    for part in ("__init__", "misconceptions", "alternatives", "quiz", "checks"):
        assert (SOLUTIONS / lesson / f"{part}.py").is_file()
    assert (SOLUTIONS / lesson / "written.md").is_file()
    assert (ROOT / "tests" / "lessons" / f"test_{lesson}.py").is_file()
    assert (SOLUTIONS / "solved" / f"{assignment_id(lesson)}.ipynb").is_file()
    importlib.import_module(f"solutions.{lesson}")


def test_exercise_ids_are_unique_in_the_course() -> None:
    ids = [exercise.id for lesson in LESSONS for exercise in exercises(lesson)]
    assert len(ids) == len(set(ids))


def named() -> list[Requirement]:
    """Every distribution that pyproject.toml asks for, with its range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for line in chain(project["dependencies"], *extras)]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines), "pin exactly"
    return dict(line.split("==") for line in lines)


def test_every_distribution_is_pinned_within_its_range() -> None:
    assert {one.name for one in named()} == pins().keys()
    for one in named():
        assert pins()[one.name] in one.specifier, one


def test_students_dependencies_are_ranges_with_two_ends() -> None:
    """A pin in their place would tear down the environment that a student shares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        assert {bound.operator for bound in Requirement(line).specifier} == {">=", "<"}, line


def test_make_installs_what_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """All targets install by ``grader.install``, which hands the pins to pip."""
    text = (ROOT / "Makefile").read_text()
    assert "pip install" not in text and text.count("$(INSTALL)") == 4
    ran: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(install.subprocess, "run", run)
    monkeypatch.setattr(install, "environment", lambda: Path("python"))
    assert install.main(["--gpu", "--extras", "dev", "--", "--quiet"]) == 0
    [command] = ran
    assert command[command.index("-c") + 1] == str(ROOT / "constraints.txt")
    assert command[-3:] == ["--quiet", "-e", f"{ROOT}[dev]"]


def test_the_conda_environment_has_the_students_ranges() -> None:
    """From conda-forge, where PyTorch's CPU build has a name of its own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "environment.yml").read_text()
    listed = re.findall(r"^  - ([\w.-]+ ?[<>=][^#\n]*)$", text, re.M)
    expected = [line.replace("torch>", "pytorch-cpu>") for line in project["dependencies"]]
    assert listed == ["python=3.11", *expected]
    assert text.endswith("  - pip\n  - pip:\n      - -e .\n")


def test_what_runs_is_what_is_pinned() -> None:
    from importlib.metadata import version

    for name, wanted in pins().items():
        assert version(name).partition("+")[0] == wanted, name


def test_student_notebooks_carry_no_outputs() -> None:
    for path in NOTEBOOKS.glob("*/*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs") and cell.get("execution_count") is None, path


def test_no_file_holds_a_path_of_a_machine_or_a_swallowed_error() -> None:
    for path in [*ROOT.glob("*.*"), *PACKAGE.rglob("*.py"), *SOLUTIONS.rglob("*.py")]:
        if path.suffix in (".py", ".md", ".toml", ".yml") and path.is_file():
            text = path.read_text(encoding="utf-8")
            assert str(ROOT) not in text, path
            assert not re.search(r"except[^\n]*:\n\s+pass\b", text), path


def test_every_command_says_what_it_does() -> None:
    said = CliRunner().invoke(main, ["--help"])
    assert said.exit_code == 0
    with click.Context(main) as context:
        names = main.list_commands(context)
    assert {"check", "grade", "release", "verify", "doctor"} <= set(names)
    for name in names:
        assert re.search(rf"^ +{name} +\S", said.output, re.M), name
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0, name


# Words of English, NumPy and PyTorch that the engine may use though an exercise bears them, too.
COMMON = {"attention", "embed", "generate"}


def test_the_engine_names_no_lesson_and_no_exercise() -> None:
    names = {exercise.id for lesson in LESSONS for exercise in exercises(lesson)} | set(LESSONS)
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, sorted(names - COMMON))) + r")\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".j2", ".tmpl", ".md", ".sql")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)
