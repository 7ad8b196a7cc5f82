"""The ledger: whatever is changed by hand, in it or in the gradebook, is named."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import assignment_id, notebook_path
from grader.judge.salt import salt
from grader.records import ledger
from grader.records.ledger import Ledger, LedgerError
from grader.records.written import RECORDS

LESSON = "self_attention"
NAME = assignment_id(LESSON)
SECRET = b"a salt for these tests"
QUESTION = assignment(NAME).humans[0].id
WRITTEN = f"(SELECT id FROM base_cell WHERE name = '{QUESTION}')"


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


def test_what_nbgrader_and_jupyterlab_leave_beside_a_page_is_no_difference(course: Path) -> None:
    for name in ("timestamp.txt", "submission_secret.txt", ".ipynb_checkpoints/x.ipynb"):
        new_file(f"feedback/ada/{NAME}/{name}")(course)
        new_file(f"autograded/ada/{NAME}/{name}")(course)
    done = verify(course)
    assert done.exit_code == 0, done.output


def record(course: Path) -> Path:
    return course / RECORDS / NAME / "ada.json"


def page(course: Path) -> Path:
    return course / "feedback" / "ada" / NAME / f"{NAME}.html"


def forged_record(course: Path) -> None:
    document = json.loads(record(course).read_bytes())
    document["result"]["score"] = 19
    record(course).write_text(json.dumps(document))


def edited(folder: str, ending: str, old: bytes, new: bytes) -> Callable[[Path], None]:
    def edit(course: Path) -> None:
        path = course / folder / "ada" / NAME / f"{NAME}.{ending}"
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))

    return edit


def both(*tampers: Callable[[Path], object]) -> Callable[[Path], None]:
    def run(course: Path) -> None:
        for tamper in tampers:
            tamper(course)

    return run


def last(course: Path) -> dict:
    return json.loads(lines(course)[-1])


def head_for_the_last_line(course: Path, more: dict) -> None:
    head = {name: last(course)[name] for name in ("number", "seal")} | more
    (course / ledger.HEAD).write_text(json.dumps(head))


def new_file(place: str) -> Callable[[Path], None]:
    def write(course: Path) -> None:
        (course / place).parent.mkdir(parents=True, exist_ok=True)
        (course / place).write_text("100 of 100")

    return write


def second_row(kind: str, table: str, auto: float | None, most: float) -> Callable[[Path], None]:
    """A second cell of the same name, before the first one, and a mark for it."""

    def run(course: Path) -> None:
        with sqlite3.connect(course / "gradebook.db") as book:
            name, notebook, own = book.execute(
                "SELECT base_cell.name, base_cell.notebook_id, grade.notebook_id FROM grade "
                "JOIN base_cell ON base_cell.id = grade.cell_id WHERE base_cell.name LIKE 'check_%'"
            ).fetchone()
            cell = ("00", name, notebook, kind)
            book.execute("INSERT INTO base_cell VALUES (?, ?, ?, ?)", cell)
            book.execute(f"INSERT INTO {table} VALUES ('00', ?, 'markdown')", (most,))
            book.execute(
                "INSERT INTO grade (rowid, id, notebook_id, cell_id, auto_score, "
                "needs_manual_grade) VALUES (-5, '00', ?, '00', ?, 0)",
                (own, auto),
            )

    return run


def unnamed_row(course: Path) -> None:
    """A mark for a cell that is not there: no name leads to it."""
    sql(
        "INSERT INTO grade (id, notebook_id, cell_id, auto_score, needs_manual_grade) "
        "SELECT '00', notebook_id, 'nowhere', 10, 0 FROM grade LIMIT 1"
    )(course)


def unmarked_cell(course: Path) -> None:
    """A cell that nobody has a mark for, but that raises the most that export names."""
    with sqlite3.connect(course / "gradebook.db") as book:
        book.execute(
            "INSERT INTO base_cell SELECT '00', 'x', notebook_id, 'TaskCell' FROM base_cell LIMIT 1"
        )
        book.execute("INSERT INTO task_cells VALUES ('00', 90, 'markdown')")


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
    "a person's mark for a written answer": (
        sql(f"UPDATE grade SET manual_score = 2 WHERE cell_id IN {WRITTEN}"),
        f"{QUESTION}: points given by a person: the gradebook says 2, the ledger nothing",
    ),
    "an automatic mark for a written answer": (
        sql(f"UPDATE grade SET auto_score = 2 WHERE cell_id IN {WRITTEN}"),
        f"{QUESTION} │ the gradebook says 2, the ledger 0",
    ),
    "a comment": (
        sql("UPDATE comment SET manual_comment = 'well done'"),
        "comment: the gradebook says a text",
    ),
    "the points that an exercise can earn": (
        sql("UPDATE grade_cells SET max_score = max_score * 2 WHERE max_score = 2"),
        "the gradebook says at most 4, the ledger at most 2",
    ),
    "the points that a written answer can earn": (
        sql(f"UPDATE grade_cells SET max_score = 40 WHERE id IN {WRITTEN}"),
        f"{QUESTION} │ the gradebook says at most 40, the ledger at most 4",
    ),
    "a task cell with the name of a check": (
        second_row("TaskCell", "task_cells", 10, 0),
        "the gradebook has 2 marks for this cell instead of one",
    ),
    "the sum that such a cell raises": (
        second_row("TaskCell", "task_cells", 10, 0),
        "all rows of the gradebook add up to",
    ),
    "the most that such a cell raises": (
        second_row("TaskCell", "task_cells", None, 90),
        "add up to at most",
    ),
    "a mark for a cell that is not there": (unnamed_row, "all rows of the gradebook add up to"),
    "a cell that nobody has a mark for": (unmarked_cell, f"│ {NAME} │ all rows of the gradebook"),
    "an unread answer's row removed": (
        sql(f"DELETE FROM grade WHERE auto_score IS NULL AND cell_id IN {WRITTEN}"),
        "add up to at most",
    ),
    "a penalty": (
        sql("UPDATE submitted_notebook SET late_submission_penalty = 4"),
        "late penalty: the gradebook says 4, the ledger nothing",
    ),
    "an LMS id": (
        sql("UPDATE student SET lms_user_id = '4711' WHERE id = 'blank'"),
        "LMS id: the gradebook says 4711, the ledger nothing",
    ),
    "a student deleted": (
        sql("DELETE FROM student WHERE id = 'ada'"),
        "ada │ the gradebook has marks of this student, but not the student: enter the student",
    ),
    "a submission deleted": (
        sql("DELETE FROM submitted_assignment WHERE student_id = 'ada'"),
        f"ada/{NAME} │ the gradebook says nothing",
    ),
    "a record": (forged_record, "ada.json"),
    "a record removed": (lambda course: record(course).unlink(), "ada.json │ is gone"),
    "a record of nobody": (
        lambda course: record(course).with_name("eve.json").write_text("{}") and None,
        "eve.json │ the ledger has no line about it",
    ),
    "a page": (
        edited("feedback", "html", b"</title>", b", prize winner</title>"),
        f"{NAME}.html │ was changed after grading",
    ),
    "the total on a page": (
        lambda course: (
            page(course).write_bytes(
                re.sub(
                    rb"(<!--by-hand total-->).*?(<!--/by-hand-->)",
                    rb"\1 99 / 99 \2",
                    page(course).read_bytes(),
                    flags=re.S,
                )
            )
            and None
        ),
        "a person's points were altered on it",
    ),
    "a page of nobody": (
        new_file(f"feedback/zoe/{NAME}/{NAME}.html"),
        "feedback/zoe │ the ledger has no line about it",
    ),
    "another page": (
        new_file(f"feedback/ada/{NAME}/other.html"),
        f"feedback/ada/{NAME}/other.html │ the ledger has no line about it",
    ),
    "a page of another assignment": (
        new_file("feedback/ada/99_extra/99_extra.html"),
        "feedback/ada/99_extra │ the ledger has no line about it",
    ),
    "an executed notebook of nobody": (
        new_file(f"autograded/zoe/{NAME}/{NAME}.ipynb"),
        "autograded/zoe │ the ledger has no line about it",
    ),
    "another executed notebook": (
        new_file(f"autograded/ada/{NAME}/other.ipynb"),
        f"autograded/ada/{NAME}/other.ipynb │ the ledger has no line about it",
    ),
    "an executed notebook": (
        edited("autograded", "ipynb", b"points", b"prizes"),
        f"{NAME}.ipynb │ was changed after grading",
    ),
    "the head removed": (lambda course: (course / ledger.HEAD).unlink(), "ledger.head │ is gone"),
    "the tail cut off and the head removed": (
        both(rewrite(lambda x: x[:-1]), lambda course: (course / ledger.HEAD).unlink()),
        "ledger.head │ is gone",
    ),
    "the tail cut off and the head rewritten": (
        both(rewrite(lambda x: x[:-1]), lambda course: head_for_the_last_line(course, {})),
        "has no seal",
    ),
    "the tail cut off and the head rewritten with a seal": (
        both(
            rewrite(lambda x: x[:-1]),
            lambda course: head_for_the_last_line(course, {"mac": last(course)["seal"]}),
        ),
        "under this salt",
    ),
    "the head of another ledger": (
        lambda course: (
            [Ledger(course.parent, salt(course)).append({"student": "x"}) for _ in "12"]
            and shutil.copy(course.parent / ledger.HEAD, course / ledger.HEAD)
            and None
        ),
        "belongs to another ledger",
    ),
    "a seal of other characters": (
        rewrite(lambda x: [*x[:-1], json.dumps(json.loads(x[-1]) | {"seal": "é"}) + "\n"]),
        "was altered",
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
    with pytest.raises(LedgerError, match="not sealed under this salt"):
        Ledger(tmp_path, b"another").append({"student": "a"})


def test_a_mark_without_a_line_and_a_line_without_a_mark(course: Path) -> None:
    (course / ledger.NAME).unlink()
    (course / ledger.HEAD).unlink()
    done = verify(course)
    assert done.exit_code == 1 and "the ledger nothing" in " ".join(done.output.split())


def options(course: Path, *more: str) -> Result:
    command = ["verify", "--course-dir", str(course), *more]
    return CliRunner().invoke(main, command, env={"COLUMNS": "200"})


def test_a_forged_record_is_graded_again(graded: Path, course: Path, tmp_path: Path) -> None:
    """Whoever writes 19 points into a record does not find them in the results of a run."""
    honest = json.loads(record(course).read_bytes())["result"]["score"]
    forged_record(course)
    target = tmp_path / "out.json"
    done = grade(graded / "submitted", course, "--json", str(target), "--student", "ada")
    assert done.exit_code == 0, done.output
    (result,) = json.loads(target.read_bytes())["submissions"]
    assert result["score"] == honest != 19
    assert len(lines(course)) == 4 and verify(course).exit_code == 0


def test_what_a_person_gave_is_named_until_it_is_accepted(course: Path) -> None:
    sql(f"UPDATE grade SET manual_score = 2 WHERE cell_id IN {WRITTEN}")(course)
    sql("UPDATE student SET lms_user_id = '4711' WHERE id = 'ada'")(course)
    assert "verify --accept" in " ".join(verify(course).output.split())
    before = len(lines(course))
    done = options(course, "--accept")
    said = "new lines in the ledger about what people gave: 4"  # three marks and one id
    assert said in done.output
    assert len(lines(course)) == before + 4
    # The pages do not show the points yet: only the next grading puts them there.
    assert "given by a person" not in done.output and "4711" not in done.output
    sql("UPDATE student SET lms_user_id = '4712' WHERE id = 'ada'")(course)
    done = verify(course)
    said = " ".join(done.output.split())
    assert done.exit_code == 1 and "the gradebook says 4712, the ledger 4711" in said
    sql(f"UPDATE grade SET manual_score = NULL WHERE cell_id IN {WRITTEN}")(course)
    said = " ".join(verify(course).output.split())
    assert "points given by a person: the gradebook says nothing, the ledger 2" in said


def test_after_accepting_and_grading_everything_agrees(graded: Path, course: Path) -> None:
    sql(f"UPDATE grade SET manual_score = 2 WHERE cell_id IN {WRITTEN}")(course)
    assert options(course, "--accept").exit_code == 1
    assert grade(graded / "submitted", course).exit_code == 0
    done = verify(course)
    assert done.exit_code == 0, done.output


def test_nothing_is_accepted_into_a_ledger_that_was_changed(course: Path) -> None:
    TAMPERED["a line removed"][0](course)
    before = lines(course)
    done = options(course, "--accept")
    assert done.exit_code == 1 and "nothing was accepted" in done.output
    assert lines(course) == before


def test_an_anchor_kept_elsewhere_shows_that_an_old_copy_was_put_back(
    graded: Path, course: Path, tmp_path: Path
) -> None:
    """Ledger, head and gradebook of yesterday agree with one another: only the anchor tells."""
    old = Path(shutil.copytree(course, tmp_path / "yesterday"))
    anchors = []
    for folder in (old, course):
        if folder == course:
            assert grade(graded / "submitted", course, "--force", "--student", "ada").exit_code == 0
        done = options(folder, "--anchor")
        assert done.exit_code == 0, done.output
        anchors.append(done.output.strip())
    yesterday, today = anchors
    assert options(old).exit_code == 0  # nothing inside it tells
    done = options(old, "--since", today)
    assert done.exit_code == 1 and "when the anchor was noted, it had line 4" in done.output
    for folder in (old, course):
        assert options(folder, "--since", yesterday).exit_code == 0
    assert options(course, "--since", today).exit_code == 0
    other = f"3:{'0' * 64}"
    assert "is not the one that the anchor" in options(course, "--since", other).output
    assert options(course, "--since", "yesterday").exit_code == 2


def test_no_anchor_is_given_for_what_does_not_agree(course: Path) -> None:
    TAMPERED["a mark in the database"][0](course)
    done = options(course, "--anchor")
    assert done.exit_code == 1 and f"ada/{NAME}" in done.output


def as_before_heads_were_sealed(course: Path) -> None:
    """Make the folder into one of the version before: other lines, no seals on head and records."""
    secret = salt(course)
    entries = [json.loads(line)["entry"] for line in lines(course)]
    (course / ledger.NAME).write_text("")
    seal = ledger.FIRST_SEAL
    for number, old in enumerate(entries, 1):
        entry = {k: v for k, v in old.items() if k not in ("form", "human", "written")}
        body = {"number": number, "previous": seal, "entry": entry}
        key = hmac.new(secret, b"ledger", hashlib.sha256).digest()
        canonical = json.dumps(body, sort_keys=True).encode()
        seal = hmac.new(key, canonical, hashlib.sha256).hexdigest()
        with (course / ledger.NAME).open("a") as file:
            file.write(json.dumps(body | {"seal": seal}, sort_keys=True) + "\n")
    (course / ledger.HEAD).write_text(json.dumps({"number": number, "seal": seal}))
    for path in (course / RECORDS).rglob("*.json"):
        document = json.loads(path.read_bytes())
        del document["seal"]
        path.write_text(json.dumps(document))


def test_a_folder_of_an_earlier_version_gets_a_line_and_goes_on(graded: Path, course: Path) -> None:
    as_before_heads_were_sealed(course)
    done = verify(course)
    said = " ".join(done.output.split())
    assert done.exit_code == 0, done.output
    assert "written by an earlier version and has no seal" in said
    assert "they do not cover records, pages" in said
    assert grade(graded / "submitted", course).exit_code == 0  # its records bear no seal: again
    done = verify(course)
    assert done.exit_code == 0 and "earlier version" not in done.output, done.output
    assert len(lines(course)) == 6


def test_a_student_who_was_deleted_stops_no_report(course: Path) -> None:
    TAMPERED["a student deleted"][0](course)
    done = CliRunner().invoke(main, ["report", "--course-dir", str(course)])
    assert done.exit_code == 0, done.exception


def test_a_student_who_was_deleted_can_be_entered_again(course: Path) -> None:
    """With the command that the message names."""
    TAMPERED["a student deleted"][0](course)
    (words,) = re.findall(r"`nbgrader ([^`]*)`", " ".join(verify(course).output.split()))
    command = [sys.executable, "-m", "nbgrader", *words.split()]
    subprocess.run(command, cwd=course, check=True, capture_output=True)
    done = verify(course)
    assert done.exit_code == 0, done.output


def test_nothing_to_verify_is_said(tmp_path: Path) -> None:
    done = verify(tmp_path)
    assert done.exit_code == 2 and "neither" in done.output
