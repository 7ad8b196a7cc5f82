"""Marks on their way to Canvas, Moodle and a plain table: numbers worked out by hand."""

from __future__ import annotations

import csv
import datetime
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from nbgrader.api import Gradebook

from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import LESSONS, ROOT, assignment_id
from grader.errors import ExportError
from grader.judge.run import Submission, rejected
from grader.lms import roster
from grader.lms.csv_injection import without_formula
from grader.lms.export import encode, marks
from grader.lms.sheets import FORMS, Marks, Person, Sheet, SubmissionScore, Task, sheet, text
from grader.records.gradebook import ensure_assignment, record
from grader.records.nbgrader_tables import open_gradebook
from tests.nbgrader_gradebook import nbgrader_gradebook

POINTS = {"code": 4.0, "essay": 6.0}


def hand_in(
    book: Gradebook, student: str, task: str, code: float | None, essay: float | None = None
) -> None:
    """A submission with an automatic mark for the code; without one the essay waits."""
    submission = book.add_submission(task, student)
    submission.timestamp = datetime.datetime(2026, 1, 2, 3, 4, 5, 678)
    for grade in submission.notebooks[0].grades:
        grade.auto_score = code if grade.name == "code" else essay
        grade.needs_manual_grade = grade.auto_score is None
    book.db.commit()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three students; task_a is handed in by two, task_b by one, task_c by nobody."""
    path = tmp_path_factory.mktemp("course") / "gradebook.db"
    with nbgrader_gradebook(path) as book:
        for task in ("task_b", "task_a", "task_c"):
            book.add_assignment(task)
            book.add_notebook(task, task)
            for cell, points in POINTS.items():
                book.add_grade_cell(cell, task, task, max_score=points, cell_type="code")
        book.add_student("zoë", first_name="Zoë", last_name='O"Hara, née Łuk', email="zoe@uni.pl")
        book.add_student("ada")
        book.add_student("=1+1")
        hand_in(book, "ada", "task_a", 2.25, 1.0)  # 3.25
        hand_in(book, "zoë", "task_a", 4.0)  # 4, and the essay waits
        hand_in(book, "ada", "task_b", 1 / 3, 6.0)  # 6.33333
        late = book.find_submission("task_b", "ada")
        late.notebooks[0].late_submission_penalty = 2.0  # 4.33333
        book.db.commit()
    return path


@pytest.fixture
def course(filled: Path, tmp_path: Path) -> Path:
    """A course folder with that gradebook, to be changed at will."""
    shutil.copy(filled, tmp_path)
    return tmp_path


def run(course: Path, form: str, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["export", "--to", form, "--course-dir", str(course), *arguments]
    )


def export(course: Path, form: str, *arguments: str) -> tuple[list[list[str]], str]:
    """The rows of the file, and what was said."""
    done = run(course, form, *arguments)
    assert done.exit_code == 0, done.output
    path = course / f"grades_{form}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file)), done.stderr


def refused(course: Path, form: str, *arguments: str) -> str:
    done = run(course, form, *arguments)
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit), done.output
    assert not (course / f"grades_{form}.csv").exists()
    return done.stderr


def listed(course: Path, content: str | bytes) -> str:
    path = course / "students.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_canvas_has_its_columns_and_the_points_in_the_second_line(course: Path) -> None:
    rows, said = export(course, "canvas")
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "task_a", "task_b"],
        ["    Points Possible", "", "", "", "", "10", "10"],
        ["'=1+1", "", "", "'=1+1", "", "", ""],
        ["ada", "", "", "ada", "", "3.25", "4.33333"],
        ['O"Hara, née Łuk, Zoë', "", "", "zoë", "", "4", ""],
    ]
    assert "task_a: 1 waits for a human's mark" in said and said.count("zoë") == 1
    assert "no column for task_c, which nobody handed in" in said
    assert "look like formulas" in said and "'=1+1'" in said


def test_moodle_has_one_column_that_identifies(course: Path) -> None:
    rows, _ = export(course, "moodle", "--assignment", "task_b", "--assignment", "task_c")
    assert rows == [
        ["Username", "task_b", "task_c"],
        ["'=1+1", "", ""],
        ["ada", "4.33333", ""],
        ["zoë", "", ""],
    ]


def test_the_plain_table_parses_back(course: Path) -> None:
    export(course, "csv")
    with (course / "grades_csv.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["student"], row["assignment"]): row for row in csv.DictReader(file)}
    assert len(rows) == 6
    assert rows["zoë", "task_a"] == {
        "student": "zoë",
        "name": 'Zoë O"Hara, née Łuk',
        "e-mail": "zoe@uni.pl",
        "assignment": "task_a",
        "score": "4",
        "max_score": "10",
        "timestamp": "2026-01-02T03:04:05Z",
        "needs_manual_grade": "true",
    }
    missing = rows["zoë", "task_b"]
    assert (missing["score"], missing["timestamp"]) == ("", "")
    assert missing["needs_manual_grade"] == rows["ada", "task_a"]["needs_manual_grade"] == "false"


def test_what_is_missing_is_a_zero_on_request_only(course: Path) -> None:
    rows, _ = export(course, "canvas", "--missing-as-zero")
    assert [row[-2:] for row in rows[2:]] == [["0", "0"], ["3.25", "4.33333"], ["4", "0"]]


def test_a_penalty_takes_no_more_than_there_is(course: Path) -> None:
    with nbgrader_gradebook(course / "gradebook.db") as book:
        book.find_submission("task_b", "ada").notebooks[0].late_submission_penalty = 99.0
        book.db.commit()
    rows, _ = export(course, "moodle", "--assignment", "task_b")
    assert rows[2] == ["ada", "0"]


def test_a_humans_mark_is_exported_and_nothing_waits_any_more(course: Path) -> None:
    with nbgrader_gradebook(course / "gradebook.db") as book:
        for name, mark in (("essay", 5.5), ("code", 1.0)):  # one that waits, one over the check's
            grade = book.find_grade(name, "task_a", "task_a", "zoë")
            grade.manual_score, grade.needs_manual_grade = mark, False
        book.find_grade("essay", "task_a", "task_a", "zoë").extra_credit = 0.5
        book.db.commit()
    rows, said = export(course, "moodle", "--assignment", "task_a")
    assert rows[3] == ["zoë", "7"]
    assert "waits" not in said


def test_scores_are_those_of_nbgraders_own_properties(course: Path) -> None:
    with open_gradebook(course / "gradebook.db") as ours:
        found = marks(ours).submissions
    with nbgrader_gradebook(course / "gradebook.db") as book:
        theirs = {
            (one.student.id, task.name): SubmissionScore(
                one.score, one.late_submission_penalty, one.timestamp, one.needs_manual_grade
            )
            for task in book.assignments
            for one in task.submissions
        }
    assert found == theirs and len(found) == 3


def test_a_lesson_of_this_course(tmp_path: Path) -> None:
    release = assignment(assignment_id(LESSONS[0]))
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, release)
        record(book, rejected(Submission("ada", release.id, b""), release, "for a reason"))
    with nbgrader_gradebook(tmp_path / "gradebook.db") as book:
        worth = book.find_assignment(release.id).max_score
    rows, _ = export(tmp_path, "canvas")
    assert rows[0][5:] == [release.id]
    assert rows[1][5:] == [f"{worth:g}"]
    assert rows[2] == ["ada", "", "", "ada", "", ""]


CANVAS_LIST = """\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,task_a (4711),task_b,Final Score
    Points Possible,,,,,,100.00,10.00,(read only)
,,,,,,Manual Posting,,
"Lovelace, Ada",17,s17,ADA,"Group ""1"", A",,,,
"Hara, Zoë",18,zoë,zhara,Group 2,,1,,
"Nobody, N",19,s19,nobody,Group 2,,,,
"""


def test_canvas_columns_come_from_its_own_export(course: Path) -> None:
    rows, said = export(course, "canvas", "--students", listed(course, CANVAS_LIST))
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "task_a (4711)", "task_b"],
        ["    Points Possible", "", "", "", "", "10", "10"],
        ["Lovelace, Ada", "17", "s17", "ADA", 'Group "1", A', "3.25", "4.33333"],
        ["Hara, Zoë", "18", "zoë", "zhara", "Group 2", "4", ""],
    ]
    assert "not in students.csv, and left out: =1+1\n" in said
    assert "only in students.csv, and left out: nobody\n" in said
    assert "task_a is worth 10 here and 100.00 in Canvas" in said and "task_b is" not in said


def test_with_zeros_whoever_is_in_the_list_alone_gets_them(course: Path) -> None:
    students = listed(course, CANVAS_LIST)
    rows, said = export(course, "canvas", "--students", students, "--missing-as-zero")
    assert rows[-1] == ["Nobody, N", "19", "s19", "nobody", "Group 2", "0", "0"]
    assert "only in students.csv, and given zeros: nobody\n" in said


def test_canvas_with_semicolons_a_mark_of_its_encoding_and_two_names(course: Path) -> None:
    content = "\ufeffLastName;FirstName;ID;SIS Login ID;Section\nLovelace;Ada;17;ada;A\n"
    rows, _ = export(course, "canvas", "--students", listed(course, content))
    assert rows[2][:5] == ["Lovelace, Ada", "17", "", "ada", "A"]


def test_moodle_takes_the_identifier_that_most_have(course: Path) -> None:
    content = (
        "First name,Surname,ID number,Email address\n"
        "Zoë,Hara,,zoe@uni.pl\nAda,Lovelace,ada,ada@uni.pl\nN,Nobody,n,n@uni.pl\n"
    )
    rows, said = export(course, "moodle", "--students", listed(course, content))
    assert rows == [
        ["Email address", "task_a", "task_b"],
        ["ada@uni.pl", "3.25", "4.33333"],
        ["zoe@uni.pl", "4", ""],
    ]
    assert "not in students.csv, and left out: =1+1\n" in said


def test_no_line_for_moodle_is_without_its_user(course: Path) -> None:
    content = "student_id,username,colour\nada,alovelace,red\nzoë,,\n"
    rows, said = export(course, "moodle", "--students", listed(course, content))
    assert [row[0] for row in rows] == ["Username", "alovelace"]
    assert "no Username in students.csv, and left out: zoë\n" in said
    assert "skipped colour\n" in said


@pytest.mark.parametrize(
    ("form", "content", "wanted"),
    [
        ("canvas", "", "is empty"),
        ("canvas", "colour,size\nred,1\n", "no column that identifies .*colour, size.*student_id"),
        ("moodle", "Student,SIS Login ID\nAda,ada\n", "by which Moodle knows a student: Username"),
        ("canvas", "username\nada\n", "by which Canvas knows a student: ID"),
        ("canvas", "SIS Login ID,sis_login_id\nada,ada\n", "two columns for SIS Login ID"),
        ("canvas", "SIS Login ID\nada\nzoë\nada\n", "lines 2 and 4 both have the SIS Login ID"),
        ("canvas", "SIS User ID,SIS Login ID\nzoë,ada\n", "line 2, fits ada and zoë"),
        ("moodle", "student_id,username\nada,x\nzoë,x\n", "the Username 'x' for two students"),
        ("canvas", "student_id,ID\nada,1\nzoë,1\n", "the ID '1' for two students"),
        ("canvas", "SIS Login ID,task_a (1),task_a (2)\nada,,\n", r"more than once \(task_a"),
        ("csv", 'username\n"ada\n', "line 2: unexpected end of data"),
        ("csv", b"username\n\xff\xfe\n", "not text in UTF-8"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(
    form: str, content: str | bytes, wanted: str, course: Path
) -> None:
    said = " ".join(refused(course, form, "--students", listed(course, content)).split())
    with pytest.raises(AssertionError, match=wanted):
        raise AssertionError(said)


def test_bad_usage_names_the_thing_and_the_fix(course: Path, tmp_path: Path) -> None:
    assert "no assignment 'task_x'; it has task_a, task_b" in refused(
        course, "canvas", "--assignment", "task_x"
    )
    assert "cannot be read (No such file" in refused(course, "csv", "--students", "/nowhere.csv")
    assert "cannot be read (Is a dir" in refused(course, "csv", "--students", str(course))
    assert "there is no folder" in refused(course, "csv", "--output", str(course / "no" / "f"))
    assert "is not a file" in refused(course, "csv", "--output", str(course))
    assert "cannot be written" in refused(course, "csv", "--output", "f" * 300)
    students = listed(course, CANVAS_LIST)
    for kept in (students, str(course / "gradebook.db")):
        before = Path(kept).read_bytes()
        said = refused(course, "canvas", "--students", students, "--output", kept)
        assert "what the export reads" in said and Path(kept).read_bytes() == before
    (tmp_path / "empty").mkdir()
    assert "holds no gradebook.db: grade first" in refused(tmp_path / "empty", "csv")
    assert not list((tmp_path / "empty").iterdir())
    with nbgrader_gradebook(tmp_path / "empty" / "gradebook.db"):
        pass
    assert "holds no marks" in refused(tmp_path / "empty", "csv")


def test_what_is_no_gradebook_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").write_text("marks: all of them\n" * 100)
    done = run(tmp_path, "csv")
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert "file is not a database" in done.stderr


def test_the_standard_output_holds_the_file_alone(course: Path) -> None:
    done = run(course, "moodle", "--output", "-")
    assert done.stdout_bytes.decode().splitlines()[0] == "Username,task_a,task_b"
    assert "waits" in done.stderr and "waits" not in done.stdout
    assert not (course / "grades_moodle.csv").exists()


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+SUM(A1)", "'+SUM(A1)"),
        ("-2+3", "'-2+3"),
        ("@x", "'@x"),
        ("\t=1", "'\t'=1"),  # and where it is cut at tabs
        ("\rx", "'\rx"),
        ("  =1+1", "'  =1+1"),
        ("＝1+1", "'＝1+1"),
        ("﹦1+1", "'﹦1+1"),  # a small form, of which Unicode has four
        ("-5", "-5"),
        ("+49.5", "+49.5"),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (-1.5, "-1.5"),
        (0.0, "0"),
        (10.0, "10"),
        (100.0, "100"),
        (0.1 + 0.2, "0.3"),
        (2 / 3, "0.66667"),
        (1234567.0, "1234567"),
    ],
)
def test_words_compute_nothing_and_numbers_stay(cell: str | float | None, written: str) -> None:
    assert text(cell) == written


@pytest.mark.parametrize("form", FORMS)
def test_any_name_comes_back_as_it_was(form: str) -> None:
    names = [
        'a,"b"',
        "line\nbreak",
        "semi;colon",
        "emoji 🎓",
        "Ὑπατία",
        "'quoted'",
        "\u2028",
        "tab\tin",
    ]
    people = tuple(Person(name) for name in names)
    made = sheet(form, Marks(people, (Task("t", 1.0),), {(names[0], "t"): SubmissionScore(1.0)}))
    back = list(csv.reader(io.StringIO(encode(made).decode(), newline="")))
    assert tuple(map(tuple, back)) == made.rows
    assert [row[0] for row in back][-len(names) :] == names


def of(*tasks: str, people: tuple[Person, ...] = (Person("ada"),)) -> Marks:
    submissions = {(people[0].id, task): SubmissionScore(1.0) for task in tasks}
    return Marks(people, tuple(Task(task, 1.0) for task in tasks), submissions)


@pytest.mark.parametrize(
    ("form", "tasks", "wanted"),
    [
        ("canvas", ("Task", "task "), "two columns are called 'task '"),
        ("canvas", ("section",), "two columns are called 'section'"),
        ("moodle", ("username",), "two columns are called 'username'"),
        ("canvas", ("The Final Score",), "Canvas skips a column called 'The Final Score'"),
    ],
)
def test_columns_that_clash_are_refused(form: str, tasks: tuple[str, ...], wanted: str) -> None:
    with pytest.raises(ExportError, match=wanted):
        sheet(form, of(*tasks))


def test_students_of_one_name_are_named() -> None:
    people = (Person("a", "Kim", "Lee"), Person("b", "Kim", "Lee"))
    made = sheet("canvas", of("t", people=people))
    assert made.notices == ("a, b are all called Lee, Kim: check whom Canvas chooses",)


def test_an_id_in_the_lms_goes_where_it_can_be_one() -> None:
    people = (Person("a", lms="17"), Person("b", lms="17b"))
    rows = sheet("canvas", of("t", people=people)).rows
    assert [row[:4] for row in rows[2:]] == [("a", "17", "", "a"), ("b", "", "17b", "b")]
    known = roster.read("ID,SIS Login ID\n17,x\n18,y\n", "f")
    found = roster.match(known, [("a", "", "17")])
    assert found.lines["a"].number == 2 and [line.key for line in found.unmatched] == ["y"]


def test_case_tells_two_students_apart_where_the_list_does() -> None:
    known = roster.read("username\nAda\nada\n", "f")
    found = roster.match(known, [("ada", "", ""), ("Ada", "", "")])
    assert {student: line.number for student, line in found.lines.items()} == {"ada": 3, "Ada": 2}
    with pytest.raises(ExportError, match="lines 2 and 3 both have the Username of ADA"):
        roster.match(known, [("ADA", "", "")])


def nbgrader(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (course / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    return subprocess.run(
        [sys.executable, "-m", "nbgrader", "export", *arguments],
        cwd=course,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.parametrize(
    ("form", "plugin"),
    [
        ("canvas", "CanvasExportPlugin"),
        ("moodle", "MoodleExportPlugin"),
        ("csv", "PlainExportPlugin"),
    ],
)
def test_nbgraders_own_command_writes_the_same(form: str, plugin: str, course: Path) -> None:
    ours, _ = export(course, form, "--assignment", "task_a")
    done = nbgrader(
        course,
        f"--exporter=grader.lms.export.{plugin}",
        "--to",
        "out.csv",
        "--assignment",
        "['task_a']",
    )
    assert done.returncode == 0, done.stderr
    with (course / "out.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == ours
    assert "task_a: 1 waits for a human's mark" in done.stderr


def test_nbgraders_own_command_takes_the_options(course: Path) -> None:
    done = nbgrader(
        course,
        "--exporter=grader.lms.export.CanvasExportPlugin",
        "--student=['ada', 'zoë']",
        f"--CanvasExportPlugin.students={listed(course, CANVAS_LIST)}",
        "--CanvasExportPlugin.missing_as_zero=True",
    )
    assert done.returncode == 0, done.stderr
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[2:]
    assert [[row[1], *row[5:]] for row in rows] == [["17", "3.25", "4.33333"], ["18", "4", "0"]]


def test_nbgraders_own_command_is_refused_in_a_line(course: Path) -> None:
    plugin = "--exporter=grader.lms.export.MoodleExportPlugin"
    done = nbgrader(course, plugin, "--assignment", "['task_x']")
    assert done.returncode == 2
    assert "no assignment 'task_x'" in done.stderr and "Traceback" not in done.stderr


def test_an_empty_sheet_is_an_empty_file() -> None:
    assert encode(Sheet(())) == b""


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\uff1d", "\ufe66"])
@pytest.mark.parametrize("cut", [";", "; ", "\t", "\n", ';"', ";;\t "])
def test_no_part_of_a_name_is_a_formula_where_a_spreadsheet_cuts_it(sign: str, cut: str) -> None:
    """In many countries a CSV file is cut at ; and not at commas."""
    written = without_formula(f"Ada{cut}{sign}1+1")
    assert written == f"Ada{cut}'{sign}1+1"
    assert without_formula("Ada; -3") == "Ada; '-3"
    for plain in ("Ada; Lovelace", "Ada=1", "a-b@c.d", "-3.5", "Jean-Luc; x+y"):
        assert without_formula(plain) == plain
