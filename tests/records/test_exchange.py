"""In and out through others' hands: nbgrader's exchange, and an LMS's zip of submissions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from traitlets.config import Config

from grader.authoring.release import release
from grader.authoring.rubrics import rubrics
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.records.submissions import Found, exchange_files

NAME = assignment_id("masking")


def named_regexp() -> str:
    """The pattern as nbgrader_config.py has it."""
    config = Config()
    path = ROOT / "nbgrader_config.py"
    given = {"get_config": lambda: config, "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), given)
    return config.FileNameCollectorPlugin.named_regexp


@pytest.mark.parametrize(
    ("name", "student", "file"),
    [
        ("Ada Lovelace_4711_assignsubmission_file/03_masking.ipynb", "4711", "03_masking"),
        ("Ada Lovelace_4711_assignsubmission_file_/03_masking.ipynb", "4711", "03_masking"),
        ("Åsa Öberg_12_assignsubmission_file/essay/03_masking (1).ipynb", "12", "03_masking"),
        ("Ada Lovelace_4711_assignsubmission_file_03_masking.ipynb", "4711", "03_masking"),
        ("lovelaceada_811_98765_03_masking.ipynb", "811", "03_masking"),
        ("lovelaceada_LATE_811_98766_03_masking-1.ipynb", "811", "03_masking"),
        ("ada2_811_98766_04_multi_head_attention.ipynb", "811", "04_multi_head_attention"),
        ("o'brien, pat_812_1_03_masking_copy-2.ipynb", "812", "03_masking_copy"),
        ("Cy Wu_4714_assignsubmission_file/answer.ipynb", None, ""),
        ("03_masking.ipynb", None, ""),
        ("Bo Li_4713_assignsubmission_file/03_masking.ipynb.exe/x", None, ""),
    ],
)
def test_an_lms_name_tells_student_and_assignment(name: str, student: str, file: str) -> None:
    found = re.match(named_regexp(), f"/srv/course_1_22_/extracted/ML 03-99/{name}")
    if student is None:
        assert found is None
    else:
        assert found is not None
        assert found.groupdict() == {"student_id": student, "file_id": file}


def nbgrader(folder: Path, *arguments: str) -> str:
    """What it said; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "JUPYTER_DATA_DIR": str(folder / ".jupyter-data"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def grade(course: Path) -> None:
    arguments = ["grade", str(course / "submitted"), "--course-dir", str(course), "--jobs", "1"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course folder as docs/instructors/index.md makes one."""
    folder = tmp_path / "course"
    folder.mkdir()
    shutil.copyfile(ROOT / "nbgrader_config.py", folder / "nbgrader_config.py")
    release(folder / "release")
    return folder


def test_a_zip_from_an_lms_becomes_submissions(course: Path) -> None:
    archive = course / "downloaded" / NAME / "archive"
    archive.mkdir(parents=True)
    text = notebook_path("masking").read_text(encoding="utf-8")
    with zipfile.ZipFile(archive / "moodle.zip", "w") as file:
        file.writestr(f"Åsa Öberg_4711_assignsubmission_file/{NAME}.ipynb", text)
        file.writestr("Bo Li_4712_assignsubmission_file/notes.txt", "no notebook")
        file.writestr("Bo Li_4712_assignsubmission_file/02_self_attention.ipynb", text)
    with zipfile.ZipFile(archive / "canvas.zip", "w") as file:
        file.writestr(f"lovelaceada_LATE_811_98765_{NAME}-1.ipynb", text)
    said = nbgrader(course, "zip_collect", NAME, "--strict")
    assert "2 files collected, 2 files skipped" in said
    found = sorted((course / "submitted").glob("*/*/*"))
    assert [str(path.relative_to(course / "submitted")) for path in found] == [
        f"4711/{NAME}/{NAME}.ipynb",
        f"811/{NAME}/{NAME}.ipynb",
    ]
    assert all(path.read_text(encoding="utf-8") == text for path in found)


def test_the_exchange_there_and_back(course: Path, tmp_path: Path) -> None:
    """Release, fetch, submit, collect, grade, give back: the page is the one that grade wrote."""
    exchange, student = tmp_path / "exchange", tmp_path / "student"
    exchange.mkdir()
    exchange.chmod(0o777)
    student.mkdir()
    place = f"c.Exchange.root = {str(exchange)!r}\n"
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text(encoding="utf-8") + place, encoding="utf-8")
    (student / "nbgrader_config.py").write_text(
        f"c = get_config()\n{place}c.CourseDirectory.course_id = 'attention'\n"
    )
    nbgrader(course, "release_assignment", NAME)
    assert f"attention {NAME}" in nbgrader(student, "list")
    nbgrader(student, "fetch_assignment", NAME)
    notebook = student / NAME / f"{NAME}.ipynb"
    assert notebook.read_bytes() == notebook_path("masking").read_bytes()
    notebook.write_text(nbformat.writes(solved("masking", {"causal_mask"})), encoding="utf-8")
    nbgrader(student, "submit", NAME, "--student=ada")
    nbgrader(course, "collect", NAME)
    grade(course)
    page = course / "feedback" / "ada" / NAME / f"{NAME}.html"
    nbgrader(course, "release_feedback", NAME, "--student=ada")
    nbgrader(student, "fetch_feedback", NAME)
    (fetched,) = (student / NAME / "feedback").glob(f"*/{NAME}.html")
    assert fetched.read_bytes() == page.read_bytes()
    # nbgrader's own page finds the way back, too: the plugin leaves the secret beside the notebook.
    nbgrader(course, "autograde", NAME, "--student=ada", "--force")
    nbgrader(course, "generate_feedback", NAME, "--student=ada", "--force")
    nbgrader(course, "release_feedback", NAME, "--student=ada")
    nbgrader(student, "fetch_feedback", NAME)
    assert fetched.read_bytes() == page.read_bytes()
    sample = rubrics("masking")["masking_in_words"].sample.splitlines()[0]
    assert "masking_in_words" in page.read_text() and sample not in page.read_text()
    assert "Half-answers" not in page.read_text()


def test_no_more_than_the_exchanges_own_files_are_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "ada" / NAME
    folder.mkdir(parents=True)
    found = Found("ada", NAME, folder / f"{NAME}.ipynb")
    assert exchange_files(found) == {}
    (folder / "timestamp.txt").write_text("2026-11-22 03:06:17 UTC")
    (folder / "submission_secret.txt").write_text("<script>alert(1)</script>")
    (folder / "other.txt").write_text("mine")
    assert exchange_files(found) == {"timestamp.txt": b"2026-11-22 03:06:17 UTC"}
    (folder / "submission_secret.txt").write_text("0f" * 64)
    assert exchange_files(found).keys() == {"timestamp.txt", "submission_secret.txt"}
    (folder / "submission_secret.txt").unlink()
    (folder / "submission_secret.txt").symlink_to("/etc/hostname")
    assert exchange_files(found).keys() == {"timestamp.txt"}
