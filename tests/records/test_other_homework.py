"""Homework that is not this course's: refused in this course's folder, graded in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from grader.course.layout import ROOT
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import run

SECRET = "the_solution_itself"


def cell(source: str, name: str, **flags: object) -> nbformat.NotebookNode:
    marks = {"grade_id": name, "schema_version": 3, "grade": False, "solution": False,
             "locked": False, "task": False} | flags  # fmt: skip
    return new_code_cell(source, metadata={"nbgrader": marks})


def homework(answer: str) -> str:
    """An assignment as plain nbgrader has them: an answer, and asserts worth two points."""
    book = new_notebook(
        cells=[
            cell(answer, "square", solution=True),
            cell("assert square(3) == 9", "tests", grade=True, locked=True, points=2),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}
        },
    )
    return nbformat.writes(book)


def course(folder: Path, config: str, source: str) -> Path:
    solution = (
        f"### BEGIN SOLUTION\n{SECRET} = 2\ndef square(x): return x ** {SECRET}\n### END SOLUTION"
    )
    # The file that it leaves shows whether it ran.
    answer = f"open({str(folder / 'ran')!r}, 'w').close()\ndef square(x): return x * x"
    for name, text in {
        "nbgrader_config.py": config,
        f"{source}/ps1/ps1.ipynb": homework(solution),
        "submitted/ada/ps1/ps1.ipynb": homework(answer),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def nbgrader(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_in_this_courses_folder_it_is_refused_in_a_line_and_nothing_runs(tmp_path: Path) -> None:
    config = (
        ROOT / "nbgrader_config.py"
    ).read_text() + "\nc.CourseDirectory.source_directory = 'source'\n"
    folder = course(tmp_path / "spring", config, "source")
    with nbgrader_gradebook(folder / "gradebook.db") as book:
        book.add_assignment("ps1")  # as an earlier, plain folder had it
    for words in (("autograde", "ps1"), ("generate_assignment", "ps1")):
        done = nbgrader(folder, *words)
        assert done.returncode == 1, done.stderr
        said = [line for line in done.stderr.splitlines() if "ps1 is not an assignment of" in line]
        assert len(said) == 1 and "a course folder of its own" in said[0]
        assert "Traceback" not in done.stderr
    assert not (folder / "ran").exists() and not list(folder.glob("autograded/*/ps1/*.ipynb"))
    assert not [path for path in folder.glob("release/**/*.ipynb") if SECRET in path.read_text()]
    done = run("grade", folder / "submitted", "--course-dir", folder)
    assert done.exit_code == 0 and "there is no such assignment" in " ".join(done.output.split())
    assert not (folder / "ran").exists()


def test_in_a_folder_of_its_own_nbgrader_grades_it_and_export_reads_it(tmp_path: Path) -> None:
    config = "c = get_config()\nc.CourseDirectory.course_id = 'homework'\n"
    folder = course(tmp_path / "homework", config, "source")
    generated = nbgrader(folder, "generate_assignment", "ps1")
    assert generated.returncode == 0, generated.stderr
    assert SECRET not in (folder / "release" / "ps1" / "ps1.ipynb").read_text()
    done = nbgrader(folder, "autograde", "ps1")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "ran").exists()
    exported = run("export", "--to", "csv", "--course-dir", folder, "--output", "-")
    assert exported.exit_code == 0 and ",ps1,2,2," in exported.output, exported.output
