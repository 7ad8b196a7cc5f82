"""The first code cell of a lesson, in a kernel that has the course and in one that has not."""

from __future__ import annotations

import json
import site
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from grader.authoring.release import PROJECT
from grader.authoring.setup_cell import ID, setup_cell, wheel_pattern
from grader.course.layout import COURSE, LESSONS, ROOT, notebook_path

NAME = wheel_pattern(COURSE).replace("*", "10.0-py3-none-any")
ELSEWHERE = ("__editable__", wheel_pattern(COURSE).partition("-")[0])


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of kernels with one kernel, whose Python has all packages but the course."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    packages = folder / "packages"
    packages.mkdir()
    for path in Path(site.getsitepackages()[0]).iterdir():
        if not path.name.startswith(ELSEWHERE):
            (packages / path.name).symlink_to(path)
    python = folder / "venv" / "bin" / "python"
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "bare",
        "language": "python",
        # Links in a folder of this variable are followed, and its `.pth` files are not read.
        "env": {"PYTHONPATH": str(packages), "PIP_NO_INDEX": "1"},
    }
    kernel = folder / "kernels" / "bare" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps(spec))
    return folder


def wheel(folder: Path, content: str = "HERE = True") -> Path:
    """A wheel of the course's name whose package ``grader`` holds ``content``."""
    name = NAME.partition("-")[0]
    about = f"{name}-10.0.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / NAME, "w") as file:
        file.writestr("grader/__init__.py", content)
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 10.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return folder / NAME


def run(
    bare: Path, lesson: Path, after: str, patch: pytest.MonkeyPatch
) -> tuple[nbformat.NotebookNode, bool]:
    """The cell and one more in a kernel without the course; the notebook, and whether it failed."""
    patch.setenv("JUPYTER_PATH", str(bare))
    patch.delenv("PYTHONPATH", raising=False)
    lesson.mkdir(parents=True, exist_ok=True)
    notebook = new_notebook(cells=[setup_cell(COURSE), new_code_cell(after)])
    resources = {"metadata": {"path": str(lesson)}}
    client = NotebookClient(notebook, timeout=120, kernel_name="bare", resources=resources)
    try:
        client.execute()
    except CellExecutionError:
        return notebook, True
    return notebook, False


def said(notebook: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in notebook.cells[0].outputs)


def test_where_the_course_is_missing_one_line_says_what_to_do_and_nothing_goes_on(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook, failed = run(bare, tmp_path / "01", "print('went on')", monkeypatch)
    assert failed and notebook.cells[1].execution_count is None
    assert [output.output_type for output in notebook.cells[0].outputs] == ["stream"]
    [line] = said(notebook).splitlines()
    assert wheel_pattern(COURSE) in line and "python -m grader.install --here" in line
    assert "Traceback" not in line


@pytest.mark.parametrize("place", [".", "..", "../..", "../input/data/more"])
def test_a_wheel_near_the_notebook_is_installed(
    place: str, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it, in the folder of the lessons, around that, or in Kaggle's folder of data."""
    lesson = tmp_path / "course" / "notebooks" / "01"
    lesson.mkdir(parents=True)
    newest = wheel((lesson / place).resolve())
    for older in ("9.0", "9.9"):
        newest.with_name(NAME.replace("10.0", older)).write_bytes(b"of last year")
    after = "import grader; print(grader.HERE, grader.__file__)"
    try:
        notebook, failed = run(bare, lesson, after, monkeypatch)
        assert not failed, said(notebook)
        where = notebook.cells[1].outputs[0].text
        assert where.startswith("True") and str(bare) in where
    finally:
        command = [bare / "venv" / "bin" / "python", "-m", "pip", "uninstall", "--yes"]
        environment = {"PYTHONPATH": str(bare / "packages")}
        name = NAME.partition("-")[0]
        subprocess.run([*command, name], env=environment, check=True, capture_output=True)


def test_a_wheel_that_cannot_be_installed_ends_in_the_same_line(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / NAME).write_bytes(b"half of a download")
    notebook, failed = run(bare, tmp_path, "print('went on')", monkeypatch)
    assert failed and notebook.cells[1].execution_count is None
    assert said(notebook).splitlines()[-1].startswith("UsageError: this lesson needs its course")
    assert "Traceback" not in said(notebook)


def test_where_the_course_is_installed_it_says_nothing_and_leaves_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a wheel beside it, which is not looked at."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / NAME).write_bytes(b"no wheel")
    names = "before = set(dir())"
    cells = [new_code_cell(names), setup_cell(COURSE), new_code_cell("print(set(dir()) - before)")]
    notebook = new_notebook(cells=cells)
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    assert notebook.cells[1].outputs == []
    left = {name for name in eval(notebook.cells[2].outputs[0].text) if not name.startswith("_")}
    assert left == {"before", "grader"}


@pytest.mark.parametrize("name", [COURSE.id, "My_Own--Course"])
def test_the_pattern_finds_the_wheel_that_pip_makes_of_the_bundle(
    name: str, tmp_path: Path
) -> None:
    """Its name is that of the bundle's pyproject.toml, as pip writes it."""
    bundle = tmp_path / "bundle"
    (bundle / "grader").mkdir(parents=True)
    (bundle / "grader" / "__init__.py").write_text('__version__ = "0.1.0"\n')
    values = {"course": "grader.course_files", "packages": '["grader"]', "files": "[]"}
    text = PROJECT.format(name=name, dependencies="", suffix="", **values)
    (bundle / "pyproject.toml").write_text(text)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", tmp_path, bundle], check=True, capture_output=True)
    pattern = wheel_pattern(replace(COURSE, id=name))
    assert len(list(tmp_path.glob(pattern))) == len(list(tmp_path.glob("*.whl"))) == 1


@pytest.mark.parametrize("lesson", LESSONS)
def test_it_is_the_first_code_cell_of_every_lesson_and_folded(lesson: str) -> None:
    cells = nbformat.read(notebook_path(lesson), as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert (first.id, first.source) == (ID, setup_cell(COURSE).source)
    assert first.metadata.jupyter.source_hidden
