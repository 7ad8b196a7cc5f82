"""What a cohort leaves in a checkout gets neither into a commit nor into an image."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader.commandline import main
from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, SOLUTIONS, notebook_path
from grader.judge import salt
from grader.records import ledger, written

# Whatever the commands write, or the pages for instructors have one put there.
PRIVATE = (
    str(salt.PLACE),
    str(ledger.HEAD),
    ledger.NAME,
    f"{ledger.NAME}.old",
    str(written.RECORDS / "03_masking" / "ada.json"),
    "gradebook.db",
    "gradebook.db-journal",
    "gradebook.db.2026-11-28",
    "submitted/ada/03_masking/03_masking.ipynb",
    "submitted/ada/03_masking/timestamp.txt",
    "submitted-origins/ada/03_masking.json",
    "submitted-earlier/ada/03_masking/1/03_masking.ipynb",
    "autograded/ada/03_masking/03_masking.ipynb",
    "feedback/ada/03_masking/03_masking.html",
    "downloaded/03_masking/archive/submissions.zip",
    "downloaded/03_masking/extracted/ada_811_98765_03_masking.ipynb",
    "submissions.zip",
    "feedback-03.zip",
    "spring.tar.gz",
    "students.csv",
    "canvas.csv",
    "grades_canvas.csv",
    "grades_moodle.csv",
    "report.html",
    "report.csv",
    "rubrics.html",
    "results.json",
    "build/cohort/.grader/salt",
    "build/cohort/submitted/ada/03_masking/03_masking.ipynb",
    "lab/03_masking/03_masking.ipynb",
    ".nbgrader.log",
)
# A course folder that somebody keeps inside of the checkout, under any name.
INSIDE = tuple(f"spring/{path}" for path in PRIVATE if not path.startswith(("build", "lab")))


def taken(patterns: str, path: str) -> bool:
    """Does COPY take this file, by an ignore file as Docker reads it? The last match decides."""
    copied = True
    for line in patterns.splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        again = pattern.startswith("!")
        pattern = pattern.removeprefix("!").strip("/")
        parts = path.split("/")
        # A pattern that matches a folder holds for all that is in it.
        if any(matches(pattern, "/".join(parts[: n + 1])) for n in range(len(parts))):
            copied = again
    return copied


def matches(pattern: str, path: str) -> bool:
    """Go's filepath.Match, and ** for any number of folders."""
    made, place = "", 0
    while place < len(pattern):
        if pattern.startswith("**/", place):
            made, place = f"{made}(?:.*/)?", place + 3
        elif pattern.startswith("**", place):
            made, place = f"{made}.*", place + 2
        elif pattern[place] == "*":
            made, place = f"{made}[^/]*", place + 1
        elif pattern[place] == "?":
            made, place = f"{made}[^/]", place + 1
        else:
            made, place = made + re.escape(pattern[place]), place + 1
    return re.fullmatch(made, path) is not None


def test_the_reader_of_ignore_files_reads_as_docker_does() -> None:
    """Docker's own examples, and the order of exceptions."""
    assert not taken("*/temp*", "somedir/temporary.txt") and taken("*/temp*", "a/b/temporary")
    assert not taken("*/*/temp*", "somedir/subdir/temporary.txt")
    assert not taken("temp?", "tempa") and taken("temp?", "temp")
    assert not taken("**/*.go", "a/b/c.go") and not taken("**/*.go", "c.go")
    assert taken("*.md\n!README.md", "README.md") and not taken("*.md\n!README.md", "other.md")
    assert not taken("*.md\n!README*.md\nREADME-secret.md", "README-secret.md")
    assert taken("*.md\nREADME-secret.md\n!README*.md", "README-secret.md")
    assert not taken("*\n!a\na/b", "a/b/c") and taken("*\n!a\na/b", "a/c")


@pytest.fixture(scope="module")
def patterns() -> str:
    return (ROOT / ".dockerignore").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [*PRIVATE, *INSIDE])
def test_the_image_holds_nothing_of_a_cohort(patterns: str, path: str) -> None:
    assert not taken(patterns, path)


def test_the_image_holds_what_a_judge_needs(patterns: str) -> None:
    needed = [*(ROOT / "grader").rglob("*.py"), *(ROOT / "grader").rglob("*.j2")]
    needed += [path for path in SOLUTIONS.rglob("*.py") if "solved" not in path.parts]
    needed += map(notebook_path, LESSONS)
    # `pip install` reads these three; the course is found by the fourth.
    needed += [ROOT / n for n in ("pyproject.toml", "README.md", "LICENSE", "course.toml")]
    needed += [ROOT / "constraints.txt", ROOT / "grader" / "records" / "nbgrader_tables.sql"]
    for path in needed:
        assert taken(patterns, path.relative_to(ROOT).as_posix()), path
    assert NOTEBOOKS.name == "notebooks" and SOLUTIONS.name == "solutions"


def test_the_dockerfile_takes_no_more_than_the_ignore_file_leaves() -> None:
    lines = (ROOT / "docs" / "scale" / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"(?i)\s*(copy|add)\b", line)] == ["COPY . ."]
    assert not (ROOT / "docs" / "scale" / "Dockerfile.dockerignore").exists()  # it would win


def test_git_never_lists_what_a_cohort_leaves(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    shutil.copyfile(ROOT / ".gitignore", tmp_path / ".gitignore")
    for path in (*PRIVATE, *INSIDE):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("private")
    # A course's own files stay visible, its second course's and its pages', too.
    open_ones = {
        "solutions/masking/written.md",
        "docs/lessons.json",
        "docs/site/static/page.html",
        "grader/authoring/new_exercise/torch.json",
        "tests/courses/descent/course.toml",
        "environment.yml",
    }
    for path in open_ones:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("public")
    environment = {"PATH": str(Path(git).parent), "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for arguments in (["init", "-q"], ["status", "--porcelain", "--untracked-files=all"]):
        done = subprocess.run(
            [git, *arguments],
            cwd=tmp_path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    listed = {line.partition(" ")[2].strip() for line in done.stdout.splitlines()}
    assert listed - {".gitignore"} == open_ones


def test_no_file_of_the_repository_is_ignored() -> None:
    """A tracked file that matches would be lost to whoever adds it anew."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    command = [git, "ls-files", "--cached", "--ignored", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""


@pytest.mark.parametrize("mark", ["course.toml", ".git"])
def test_grading_into_a_checkout_recommends_a_folder_of_its_own(tmp_path: Path, mark: str) -> None:
    (tmp_path / "submitted").mkdir()
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / mark).touch()
    said = {}
    for course_dir in (checkout, tmp_path / "spring"):
        # Nothing to grade: it is said before anything is done.
        command = ["grade", str(tmp_path / "submitted"), "--course-dir", str(course_dir)]
        done = CliRunner().invoke(main, command, catch_exceptions=False)
        assert done.exit_code == 2 and "nothing to grade" in done.output
        said[course_dir.name] = " ".join(done.output.split())
    assert "in a folder outside it: give --course-dir" in said["checkout"]
    assert "in a folder outside it" not in said["spring"]
