"""The ledger: whatever is changed by hand, in it or in the gradebook, is named."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.layout import assignment_id, notebook_path
from grader.records import ledger
from grader.records.ledger import Ledger, LedgerError

LESSON = "self_attention"
NAME = assignment_id(LESSON)
SECRET = b"a salt for these tests"


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three students, graded for real."""
    root = tmp_path_factory.mktemp("ledger")
    texts = {
        "ada": nbformat.writes(solved(LESSON)),
        "blank": notebook_path(LESSON).read_text(),
        "junk": "not a notebook",
    }
    for student, text in texts.items():
        path = root / "submitted" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    done = grade(root / "submitted", root / "course")
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture
def course(graded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(graded / "course", tmp_path / "course"))


def grade(submitted: Path, course: Path, *more: str) -> Result:
    args = ["grade", str(submitted), "--course-dir", str(course), "--jobs", "1", *more]
    return CliRunner().invoke(main, args)


def verify(course: Path) -> Result:
    return CliRunner().invoke(main, ["verify", "--course-dir", str(course)], env={"COLUMNS": "200"})


def lines(course: Path) -> list[str]:
    return (course / ledger.NAME).read_text().splitlines(keepends=True)


def rewrite(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    return lambda course: (course / ledger.NAME).write_text("".join(change(lines(course)))) and None


def sql(statement: str) -> Callable[[Path], None]:
    def run(course: Path) -> None:
        with sqlite3.connect(course / "gradebook.db") as book:
            assert book.execute(statement).rowcount > 0

    return run


def raised(line: str) -> str:
    parsed = json.loads(line)
    parsed["entry"]["exercises"][0]["score"] += 1
    return json.dumps(parsed, sort_keys=True) + "\n"


def test_what_was_graded_verifies(course: Path) -> None:
    done = verify(course)
    assert done.exit_code == 0, done.output
    assert "3 lines" in done.output and "no differences" in done.output


TAMPERED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a mark in the database": (
        sql("UPDATE grade SET auto_score = auto_score + 1 WHERE auto_score = 3"),
        f"ada/{NAME}/",
    ),
    "a mark given by a person": (
        sql("UPDATE grade SET manual_score = 3 WHERE auto_score = 0"),
        "given by a person",
    ),
    "extra credit": (
        sql("UPDATE grade SET extra_credit = 5 WHERE auto_score = 0"),
        "extra",
    ),
    "a line altered": (rewrite(lambda x: [raised(x[0]), *x[1:]]), "line 1"),
    "a line removed": (rewrite(lambda x: [x[0], x[2]]), "line 2 is removed"),
    "two lines exchanged": (rewrite(lambda x: [x[1], x[0], x[2]]), "line 2"),
    "a line doubled": (rewrite(lambda x: [*x, x[-1]]), "repeats number 3"),
    "the tail cut off": (rewrite(lambda x: x[:-1]), "the tail is cut off: line 3 is missing"),
    "everything cut off": (rewrite(lambda x: []), "the tail is cut off: lines 1 to 3 are missing"),
    "half a line": (rewrite(lambda x: [*x, x[-1][:50]]), "half a line"),
    "a line of another ledger": (
        rewrite(lambda x: [*x[:2], x[2].replace('"number": 3', '"number": 4')]),
        "line 3",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_was_changed_by_hand_is_named(course: Path, what: str) -> None:
    tamper, said = TAMPERED[what]
    tamper(course)
    done = verify(course)
    assert done.exit_code == 1, done.output
    assert said in " ".join(done.output.split()), done.output
    assert "Traceback" not in done.output


def test_a_forged_line_needs_the_salt(course: Path) -> None:
    """Whoever rewrites a line and the head, but has no salt, cannot seal it."""
    last = json.loads(lines(course)[-1])
    number = last["number"] + 1
    new = {"number": number, "previous": last["seal"], "entry": last["entry"], "seal": "ab" * 32}
    with (course / ledger.NAME).open("a") as file:
        file.write(json.dumps(new) + "\n")
    (course / ledger.HEAD).write_text(json.dumps({"number": number, "seal": new["seal"]}))
    assert "sealed under another salt" in " ".join(verify(course).output.split())


def test_a_second_grading_adds_lines_and_the_newest_counts(graded: Path, course: Path) -> None:
    assert grade(graded / "submitted", course, "--force").exit_code == 0
    assert len(lines(course)) == 6
    assert verify(course).exit_code == 0


def test_grading_refuses_to_go_on_with_a_changed_ledger(graded: Path, course: Path) -> None:
    TAMPERED["the tail cut off"][0](course)
    done = grade(graded / "submitted", course, "--force")
    assert done.exit_code != 0 and "grader verify" in done.output
    assert "Traceback" not in done.output


def test_half_a_line_from_a_kill_does_not_stop_the_next_run(graded: Path, course: Path) -> None:
    TAMPERED["half a line"][0](course)
    assert grade(graded / "submitted", course, "--force").exit_code == 0
    assert verify(course).exit_code == 0


def test_a_kill_between_line_and_head_is_no_change(tmp_path: Path) -> None:
    book = Ledger(tmp_path, SECRET)
    facts = {"student": "a", "assignment": "b", "exercises": [], "score": 0.0}
    book.append(facts)
    old_head = book.head.read_bytes()
    book.append(facts)
    book.head.write_bytes(old_head)
    assert [line.fault for line in ledger.read(tmp_path, SECRET)] == ["", ""]
    book.append(facts)
    assert [line.number for line in ledger.read(tmp_path, SECRET)] == [1, 2, 3]


def test_another_salt_cannot_add(tmp_path: Path) -> None:
    Ledger(tmp_path, SECRET).append({"student": "a"})
    with pytest.raises(LedgerError, match="this salt's seal"):
        Ledger(tmp_path, b"another").append({"student": "a"})


def test_a_mark_without_a_line_and_a_line_without_a_mark(course: Path) -> None:
    (course / ledger.NAME).unlink()
    (course / ledger.HEAD).unlink()
    done = verify(course)
    assert done.exit_code == 1 and "the ledger nothing" in " ".join(done.output.split())


def test_nothing_to_verify_is_said(tmp_path: Path) -> None:
    done = verify(tmp_path)
    assert done.exit_code == 2 and "neither" in done.output
