"""Whose marks a grading changed: from the ledger, with the reason, and before it is done."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.layout import COURSE
from grader.records import ledger
from grader.records.changes import changes, last_run
from grader.records.ledger import Ledger
from grader.source import handin
from tests.records.test_cohort import LESSON, NAME, hand_in, run

SECRET = b"a salt for these tests"


def score(student: str, points: float, **more: Any) -> dict[str, Any]:
    exercise = {"id": "softmax", "score": points, "max_score": more.pop("most", 4.0),
                "checks": more.pop("checks", [])}  # fmt: skip
    entry = {"student": student, "assignment": NAME, "when": "2026-02-01T12:00:00+00:00",
             "submission": "a file", "course": "1", "engine": "1", "python": "3", "salt": "s",
             "outcome": "graded", "reason": "", "exercises": [exercise], "run": 0}  # fmt: skip
    return entry | more


def off(student: str, points: float, **more: Any) -> dict[str, Any]:
    place = {"student": student, "assignment": NAME, "points": points, "run": 0}
    due = {"due": "2026-02-01T12:00:00Z", "extension": 0.0, "handed_in": "2026-02-02T12:00:00Z"}
    return ledger.penalty_entry(place | due | more)


def said(folder: Path, *entries: dict[str, Any], since: int = 1) -> list[str]:
    for entry in entries:
        Ledger(folder, SECRET).append(entry)
    return [one.line for one in changes(ledger.read(folder, SECRET), since)]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (score("ada", 3.0), []),
        (score("ada", 4.0, submission="another"), ["3 → 4, a new file"]),
        (score("ada", 0.0, course="2", checks=[["rows", False, None]]),
         ["3 → 0, a new check or grader (rows fails now)"]),
        (score("ada", 0.0, engine="2", checks=[["rows", True, None]]),
         ["3 → 0, a new check or grader"]),
        (score("ada", 3.0, most=5.0), ["3 of 4 → 3 of 5, new points"]),
        (score("ada", 0.0, salt="t"), ["3 → 0, another salt, and so other cases"]),
        (score("ada", 0.0, outcome="crashed"),
         ["3 → 0, the run ended differently: graded, now crashed"]),
        (score("ada", 2.0), ["3 → 2, graded again with nothing changed: please report this"]),
    ],
)  # fmt: skip
def test_each_cause_is_named(tmp_path: Path, after: dict, expected: list[str]) -> None:
    before = score("ada", 3.0, checks=[["rows", True, None]])
    if "checks" not in after["exercises"][0] or not after["exercises"][0]["checks"]:
        before = score("ada", 3.0)
    found = said(tmp_path, before, after)
    assert found == [f"ada/{NAME}/softmax: {one}" for one in expected]


def test_a_first_grading_changes_nothing(tmp_path: Path) -> None:
    assert said(tmp_path, score("ada", 3.0), score("bo", 1.0), off("bo", 1.0)) == []


def test_only_the_last_state_of_a_run_counts(tmp_path: Path) -> None:
    """Graded twice in between, with the same mark at the end: nothing changed."""
    assert said(tmp_path, score("ada", 3.0), score("ada", 0.0), score("ada", 3.0)) == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([off("ada", 3.0)], ["0 → -3, a due date, the policy or the score"]),
        ([off("ada", 3.0), off("ada", 0.0, extension=86400.0)], []),
    ],
)
def test_penalties_are_marks_too(tmp_path: Path, after: list[dict], expected: list[str]) -> None:
    found = said(tmp_path, score("ada", 3.0), *after)
    assert found == [f"ada/{NAME}/late penalty: {one}" for one in expected]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"due": "2026-02-03T12:00:00Z"},
         "the due date was 2026-02-01T12:00:00Z and is 2026-02-03T12:00:00Z"),
        ({"extension": 86400.0}, "another extension"),
        ({"handed_in": "2026-02-01T11:00:00Z"}, "another time"),
    ],
)  # fmt: skip
def test_why_a_penalty_was_taken_back(tmp_path: Path, more: dict, why: str) -> None:
    entries = (score("ada", 3.0), off("ada", 3.0), off("ada", 0.0, **more))
    assert said(tmp_path, *entries, since=2) == [f"ada/{NAME}/late penalty: -3 → 0, {why}"]


def test_a_new_punctual_file_takes_a_penalty_back(tmp_path: Path) -> None:
    entries = (score("ada", 3.0), off("ada", 3.0), score("ada", 3.0, submission="new"))
    assert said(tmp_path, *entries, since=2) == [f"ada/{NAME}/late penalty: -3 → 0, a new file"]


def test_an_exercise_that_came_or_went(tmp_path: Path) -> None:
    after = score("ada", 3.0, course="2")
    after["exercises"][0] |= {"id": "mask"}
    assert said(tmp_path, score("ada", 2.0), after) == [
        f"ada/{NAME}/mask: not there → 3 of 4, a new exercise",
        f"ada/{NAME}/softmax: 2 of 4 → not there, a removed exercise",
    ]


def test_an_altered_line_changes_nothing(tmp_path: Path) -> None:
    said(tmp_path, score("ada", 3.0), score("ada", 2.0))
    path = tmp_path / ledger.NAME
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{second.replace('2.0', '4.0', 1)}\n")
    assert changes(ledger.read(tmp_path, SECRET), 1) == []


def test_the_last_run_is_told_by_its_lines(tmp_path: Path) -> None:
    said(tmp_path, score("ada", 3.0), score("bo", 1.0), score("ada", 2.0) | {"run": 2},
         off("bo", 1.0) | {"run": 2})  # fmt: skip
    assert last_run(ledger.read(tmp_path, SECRET)) == 2


def tree(folder: Path) -> dict[str, str]:
    """Every file with a digest of what it holds; the lock says only who was last there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_a_dry_run_shows_what_the_run_will_change_and_writes_nothing(tmp_path: Path) -> None:
    submitted, course = tmp_path / "submitted", tmp_path / "course"
    grade = ("grade", submitted, "--course-dir", course, "--jobs", "1")
    missing = run(*grade, "--dry-run")
    assert missing.exit_code == 2 and "does not exist" in missing.output
    submitted.mkdir()
    none = run(*grade, "--dry-run")
    assert none.exit_code == 2 and "so no mark can change" in none.output
    assert not course.exists()
    path = hand_in(submitted, "ada", nbformat.writes(solved(LESSON, {"causal_mask"})))
    first = run(*grade)
    assert first.exit_code == 0 and "from before" not in first.output
    before = tree(course)
    path.write_text(nbformat.writes(solved(LESSON, {"local_mask"})))
    dry = run(*grade, "--dry-run", "--json", tmp_path / "dry.json")
    assert dry.exit_code == 0, dry.output
    assert tree(course) == before
    assert f"ada/{NAME}/causal_mask: 2 → 0, a new file" in dry.output
    assert f"ada/{NAME}/local_mask: 0 → " in dry.output and "Nothing was written" in dry.output
    real = run(*grade, "--json", tmp_path / "real.json")
    lines = [line for line in dry.output.splitlines() if "→" in line]
    assert [line for line in real.output.splitlines() if "→" in line] == lines
    listed = run("changes", "--course-dir", course)
    assert [line.strip() for line in lines] == listed.output.splitlines()[:-1]
    assert listed.output.splitlines()[-1] == f"{len(lines)} marks changed"
    results = [json.loads((tmp_path / f"{one}.json").read_text()) for one in ("dry", "real")]
    scores = [[one["score"] for one in result["submissions"]] for result in results]
    assert scores[0] == scores[1]


def test_a_dry_run_unpacks_no_zip_among_the_submissions(tmp_path: Path) -> None:
    """It reads them as the run will: a zip beside the folders, one in a folder, an earlier one."""
    submitted, course = tmp_path / "submitted", tmp_path / "course"
    grade = ("grade", submitted, "--course-dir", course, "--jobs", "1", "--json")

    def pack(place: str, exercises: set[str]) -> None:
        book = nbformat.writes(solved(LESSON, exercises)).encode()
        receipt = {"format": 1, "course": COURSE.id, "packed": f"{len(exercises)}"}
        (submitted / place).parent.mkdir(parents=True, exist_ok=True)
        (submitted / place).write_bytes(handin.write({NAME: book}, receipt))

    pack("ada.zip", {"causal_mask"})
    assert run(*grade, tmp_path / "first.json").exit_code == 0
    pack("ada.zip", {"causal_mask", "local_mask"})
    pack("bo/work.zip", {"causal_mask"})
    os.mkfifo(submitted / "bo" / "pipe")
    with (submitted / "bo" / "huge").open("wb") as file:
        file.truncate(1 << 40)
    (submitted / "cy").symlink_to("/etc")
    pack("cy.zip", {"causal_mask"})
    before = set(submitted.rglob("*")), tree(submitted / "ada"), tree(course)
    dry = run(*grade, tmp_path / "dry.json", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert (set(submitted.rglob("*")), tree(submitted / "ada"), tree(course)) == before
    assert f"ada/{NAME}/local_mask: 0 → " in dry.output
    real = run(*grade, tmp_path / "real.json")
    assert real.exit_code == 0, real.output
    results = [
        [
            (one["student"], one["assignment"], one["outcome"], one["score"])
            for one in json.loads((tmp_path / f"{name}.json").read_text())["submissions"]
        ]
        for name in ("dry", "real")
    ]
    assert results[0] == results[1] and len(results[0]) == 3


@pytest.mark.parametrize(
    ("arguments", "said_of_it"),
    [(["--since", "yesterday"], "write a day as"), ([], "grade first, or name the folder")],
)
def test_bad_usage_is_one_line(tmp_path: Path, arguments: list[str], said_of_it: str) -> None:
    if arguments:
        said(tmp_path, score("ada", 3.0))
    done = run("changes", *arguments, "--course-dir", tmp_path, "--salt", SECRET.decode())
    assert done.exit_code == 2 and said_of_it in done.output
