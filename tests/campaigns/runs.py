"""A small cohort, the command that grades it, and what must hold after a disturbance."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat

from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.course.layout import ROOT, assignment_id, notebook_path
from grader.course.versions import misconceptions
from tests.conftest import with_answers

LESSON = "self_attention"
NAME = assignment_id(LESSON)
SALT = ("--salt", "the campaign's salt")


def make_cohort(folder: Path) -> None:
    """Write small submissions of every kind, so that a run is short and many kills hit it.

    There are enough of them that work is left when the first ones are recorded, which happens all
    at once when the database is open.
    """
    texts = {"ada": nbformat.writes(solved(LESSON)), "blank": notebook_path(LESSON).read_text()}
    for number, version in enumerate(misconceptions(LESSON, "scaled_dot_product_attention")[:16]):
        answers = {version.exercise: answer_text(version)}
        texts[f"mistaken-{number}"] = with_answers(LESSON, answers, solve=True)
    texts["junk"] = "not a notebook"
    texts["exits"] = with_answers(LESSON, {"SelfAttention": "import os\nos._exit(1)"}, solve=True)
    texts["half"] = nbformat.writes(solved(LESSON, {"softmax_jacobian"}))
    texts["raises"] = with_answers(LESSON, {"SelfAttention": "1 / 0"}, solve=True)
    for student, text in texts.items():
        path = folder / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")


def command(submitted: Path, course: Path) -> list[str]:
    """Return the command that grades, with its report beside the course's folder."""
    report = str(course.parent / "out.json")
    return [sys.executable, "-m", "grader", "grade", str(submitted), "--course-dir", str(course),
            *SALT, "--json", report]  # fmt: skip


def grade(submitted: Path, course: Path) -> dict[str, tuple]:
    """Run to the end; return the marks, check by check."""
    done = subprocess.run(
        command(submitted, course), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}")
    return marks(course)


def marks(course: Path) -> dict[str, tuple]:
    """Return what the report of the last run says of each submission."""
    results = json.loads((course.parent / "out.json").read_text())["submissions"]
    found = {
        f"{one['student']}/{one['assignment']}": (
            one["outcome"],
            one["score"],
            [[c["passed"] for c in e["checks"]] for e in one["exercises"]],
        )
        for one in results
    }
    if len(found) != len(results):
        raise RuntimeError("a submission has more than one outcome")
    return found


def broken_files(course: Path) -> list[str]:
    """Find files under their final names that are not whole."""
    found = []
    for path in course.rglob("*"):
        if path.is_file() and not path.name.startswith(".writing-"):
            try:
                if path.suffix in (".ipynb", ".json"):
                    json.loads(path.read_bytes())
                elif path.suffix == ".html" and "</html>" not in path.read_text()[-200:]:
                    found.append(str(path.relative_to(course)))
            except ValueError:
                found.append(str(path.relative_to(course)))
    return found


def differences(found: dict[str, tuple], expected: dict[str, tuple]) -> Iterator[str]:
    """Find submissions whose outcome or marks are not those of the undisturbed run."""
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            yield f"{name}: {found.get(name)}, undisturbed {expected.get(name)}"


def disagreements(course: Path) -> Iterator[str]:
    """Yield what ``verify`` finds wrong after a finished run."""
    check = [sys.executable, "-m", "grader", "verify", "--course-dir", str(course), *SALT]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"verify: {done.stdout[-600:]}{done.stderr[-300:]}"


def faults_after(submitted: Path, course: Path, expected: dict[str, tuple]) -> Iterator[str]:
    """Go on with a disturbed run; yield how it differs from an undisturbed one."""
    yield from (f"half written: {name}" for name in broken_files(course))
    try:
        yield from differences(grade(submitted, course), expected)
    except RuntimeError as error:
        yield f"the next run failed: {error}"
        return
    yield from disagreements(course)
