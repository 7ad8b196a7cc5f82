"""Marks in the files that Moodle, Blackboard and Brightspace gave: only the marks' cells change."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest

from grader.lms import roster, worksheet
from grader.lms.sheets import Marks, Person, SubmissionScore, Task, chosen
from grader.records import origin
from tests.lms.test_export import course, filled, hand_in, listed, run

__all__ = ["course", "filled"]  # fixtures

WORKSHEET = (
    "\ufeffIdentifier,\"Full name\",\"Email address\",Status,Grade,\"Maximum Grade\","
    "\"Grade can be changed\",\"Last modified (submission)\",\"Last modified (grade)\","
    "\"Feedback comments\"\r\n"
    "\"Participant 4711\",\"O'Hara, Zoë\",zoe@uni.pl,\"Submitted for grading - Graded\",,10.00,Yes,"
    "\"Sunday, 1 February 2026, 11:59 AM\",-,\"<p>=1+1, \"\"well\"\"\r\ndone</p>\"\r\n"
    "\"Participant 4712\",Ada,hidden@uni.pl,\"No submission\",7.00,10.00,Yes,-,-,\r\n"
    "\"Participant 4713\",\"=1+1\",eve@uni.pl,\"No submission\",2.00,10.00,No,-,-,\r\n"
    "\"Participant 4714\",Cy,cy@uni.pl,\"No submission\",5.00,10.00,Yes,-,-,"
)  # fmt: skip


def came_as(course: Path, student: str, number: int, task: str = "task_a") -> None:
    """What `collect` writes of a file from Moodle's archive."""
    folder = course / "submitted" / student / task
    folder.mkdir(parents=True, exist_ok=True)
    path = f"Somebody Else_{number}_assignsubmission_file/deep/work.ipynb"
    own = origin.Origin("Moodle", "all.zip", path, "0" * 64)
    origin.write(folder, own)


def test_moodles_worksheet_gets_grades_and_stays_as_it_was(course: Path) -> None:
    """Zoë by her e-mail address, Ada by the number in the archive; of a locked one nothing."""
    came_as(course, "ada", 4712)
    came_as(course, "=1+1", 4713)
    done = run(course, "moodle-worksheet", "--students", listed(course, WORKSHEET),
               "--assignment", "task_a")  # fmt: skip
    assert done.exit_code == 0, done.output
    expected = WORKSHEET.replace(
        'Graded",,10.00', 'Graded",4,10.00'
    ).replace('submission",7.00', 'submission",3.25')  # fmt: skip
    assert (course / "grades_moodle-worksheet.csv").read_bytes() == expected.encode()
    assert "locked in students.csv, and left unchanged: =1+1" in done.stderr
    done = run(course, "moodle-worksheet", "--students", listed(course, WORKSHEET),
               "--assignment", "task_a", "--missing-as-zero")  # fmt: skip
    assert done.exit_code == 0, done.output
    # Cy has a grade in Moodle already, which nobody here knows about.
    assert (course / "grades_moodle-worksheet.csv").read_bytes() == expected.encode()


def test_an_origin_that_a_student_could_write_is_ignored_and_named(course: Path) -> None:
    """It would send Ada's mark and page to the participant of her choice."""
    folder = course / "submitted" / "ada" / "task_a"
    folder.mkdir(parents=True)
    forged = origin.Origin("Moodle", "all.zip", "Eve_4713_assignsubmission_file/x", "0" * 64)
    (folder / origin.NAME).write_bytes(forged.as_bytes())
    open_to_change = WORKSHEET.replace(",No,", ",Yes,")
    done = run(course, "moodle-worksheet", "--students", listed(course, open_to_change),
               "--assignment", "task_a")  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = list(csv.reader(io.StringIO(
        (course / "grades_moodle-worksheet.csv").read_text(encoding="utf-8"), newline=""
    )))  # fmt: skip
    assert [row[4] for row in rows[1:]] == ["4", "7.00", "2.00", "5.00"]
    said = " ".join(done.stderr.split())
    assert "ada: its origin.json is where students can write" in said
    page = course / "feedback" / "ada" / "task_a" / "task_a.html"
    page.parent.mkdir(parents=True)
    page.write_text("a page")
    done = run(course, "moodle-feedback", "--assignment", "task_a")
    assert "not in the zip: ada: its origin.json is where students can write" in done.stderr
    with zipfile.ZipFile(course / "feedback_moodle_task_a.zip") as back:
        assert back.namelist() == []


def test_who_is_unknown_here_gets_a_zero_only_where_moodle_allows_a_change() -> None:
    empty = WORKSHEET.replace(",2.00,", ",,").replace(",5.00,", ",,")  # Eve, locked, and Cy
    marks = Marks((Person("zoe@uni.pl"),), (Task("a", 10.0),), {})

    def grades(everybody: bool) -> list[str]:
        content, _ = worksheet.filled(
            "moodle-worksheet", roster.Content(empty), "w.csv", marks, {}, 0.0, everybody
        )
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]
        return [row[4] for row in rows]

    assert grades(True) == ["0", "7.00", "", "0"]
    assert grades(False) == ["0", "7.00", "", ""], "others may have handed in"


def test_a_zero_is_only_for_the_students_that_were_named(course: Path) -> None:
    """By nbgrader's own option ``student``: Ada has marks, and is not asked about."""
    from grader.lms.export import EXPORTERS

    empty = WORKSHEET.replace(",7.00,", ",,")
    exporter = EXPORTERS["moodle-worksheet"](
        to=str(course / "out.csv"), assignment=["task_a"], student=["zoë"], missing_as_zero=True,
        students=listed(course, empty), submitted=str(course / "submitted"),
    )  # fmt: skip
    exporter.write(course / "gradebook.db")
    assert (course / "out.csv").read_bytes() == empty.replace(
        'Graded",,10.00', 'Graded",4,10.00'
    ).encode()  # fmt: skip


def test_a_worksheet_knows_nobody_by_a_number_that_is_another(course: Path) -> None:
    """A student's id is no participant's number, even where the two are written alike."""
    marks = Marks((Person("4711"),), (Task("a", 10.0),), {("4711", "a"): SubmissionScore(9.0)})
    content, notices = worksheet.filled(
        "moodle-worksheet", roster.Content(WORKSHEET), "w.csv", marks, {}
    )
    assert content == WORKSHEET.encode() and notices == ["not in w.csv, and left out: 4711"]


def test_two_students_with_one_participants_number_get_no_marks(course: Path) -> None:
    came_as(course, "ada", 4712)
    came_as(course, "zoë", 4712)
    done = run(course, "moodle-worksheet", "--students", listed(course, WORKSHEET),
               "--assignment", "task_a")  # fmt: skip
    assert done.exit_code == 2 and "ada and zoë both came as" in done.output


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (WORKSHEET, (), "is for one assignment: name it with --assignment (task_a, task_b)"),
        (None, (), "download that file, and name it with --students"),
        (WORKSHEET.replace("Grade,", "Bewertung,", 1), ("--assignment", "task_a"),
         "needs one; download the file in English"),
        ("Username\nada\n", ("--assignment", "task_a"), "it has no column Identifier"),
        ('Identifier,Grade\n"Participant 1,7\n', ("--assignment", "task_a"), "line 2"),
        ("", ("--assignment", "task_a"), "is empty"),
    ],
)  # fmt: skip
def test_a_bad_worksheet_is_one_line(
    course: Path, content: str | None, arguments: tuple[str, ...], said: str
) -> None:
    students = () if content is None else ("--students", listed(course, content))
    done = run(course, "moodle-worksheet", *students, *arguments)
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit), done.output
    assert said in done.output, done.output


def test_what_an_assignment_is_worth_there_is_compared(course: Path) -> None:
    content = WORKSHEET.replace("10.00", "100.00")
    done = run(course, "moodle-worksheet", "--students", listed(course, content),
               "--assignment", "task_a")  # fmt: skip
    assert "task_a is worth 10 here and 100.00 there" in done.stderr


BLACKBOARD = (
    '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Last Access"\t'
    '"task_a [Total Pts: 10 Score] |4711"\t"task_b [Total Pts: up to 20 Score] |4712"\n'
    '"Hara"\t"Zoë"\t"zoë"\t""\t"2026-02-01 ""12:00"""\t"1.00"\t""\n'
    '"Lovelace"\t"Ada"\t"ADA"\t""\t""\t""\t"Needs Grading"\n'
    '"Nobody"\t"N"\t"nobody"\t""\t""\t"3.00"\t""\n'
)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_blackboards_grade_center_gets_marks_in_its_own_columns(course: Path, codec: str) -> None:
    content = BLACKBOARD.encode(codec)
    done = run(course, "blackboard", "--students", listed(course, content))
    assert done.exit_code == 0, done.output
    expected = BLACKBOARD.replace('"1.00"', "4").replace(
        '""\t"Needs Grading"', "3.25\t4.33333"
    )  # fmt: skip
    assert (course / "grades_blackboard.csv").read_bytes() == expected.encode(codec)
    assert "task_b is worth 10 here and 20 there" in done.stderr


def test_a_column_that_blackboard_would_make_anew_is_refused(course: Path) -> None:
    """Without a column's number it makes one of text, worth nothing."""
    done = run(course, "blackboard", "--students",
               listed(course, BLACKBOARD.replace(" |4711", "")))  # fmt: skip
    assert done.exit_code == 2 and "no column for task_a" in done.output


BRIGHTSPACE = (
    "OrgDefinedId,Username,task_a Points Grade <Numeric MaxPoints:10 Weight:5>,End-of-Line "
    "Indicator\r\n#811,#ada,,#\r\n#812,#zo\u00eb,2,#\r\n#813,#nobody,1,#\r\n"
)


def test_brightspaces_grades_get_marks(course: Path) -> None:
    done = run(course, "brightspace", "--students", listed(course, BRIGHTSPACE),
               "--assignment", "task_a")  # fmt: skip
    assert done.exit_code == 0, done.output
    expected = BRIGHTSPACE.replace("#ada,,", "#ada,3.25,").replace("#zoë,2,", "#zoë,4,")
    assert (course / "grades_brightspace.csv").read_bytes() == expected.encode()
    assert "here and" not in done.stderr


def test_what_could_not_be_read_has_no_mark_or_a_zero_by_choice(course: Path) -> None:
    """A file that was rejected waits for a person in every cell; a person's mark ends that."""
    from tests.nbgrader_gradebook import nbgrader_gradebook

    with nbgrader_gradebook(course / "gradebook.db") as book:
        hand_in(book, "=1+1", "task_a", 0.0)
        for grade in book.find_submission("task_a", "=1+1").notebooks[0].grades:
            grade.auto_score, grade.needs_manual_grade = 0.0, True
        book.db.commit()

    def mark(form: str, *more: str) -> str:
        done = run(course, form, *more)
        assert done.exit_code == 0, done.output
        with (course / f"grades_{form}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        row = next(row for row in rows if row[0] == "'=1+1" and (form != "csv" or "task_a" in row))
        assert ("the cell is empty (--unreadable zero gives 0): =1+1" in done.stderr) == (
            "zero" not in more
        )
        return row[{"canvas": 5, "moodle": 1, "csv": 4}[form]]

    for form in ("canvas", "moodle", "csv"):
        assert mark(form) == ""
        assert mark(form, "--unreadable", "zero") == "0"
    with nbgrader_gradebook(course / "gradebook.db") as book:
        for grade in book.find_submission("task_a", "=1+1").notebooks[0].grades:
            grade.manual_score, grade.needs_manual_grade = 1.0, False
        book.db.commit()
    done = run(course, "canvas")
    assert done.exit_code == 0 and "no mark" not in done.stderr
    assert "'=1+1,,,'=1+1,,2," in (course / "grades_canvas.csv").read_text()


def test_only_what_has_a_mark_is_filled_in() -> None:
    """Of a submission that nobody could read the LMS keeps what it has."""
    marks = Marks((Person("zoe@uni.pl"),), (Task("a", 10.0),),
                  {("zoe@uni.pl", "a"): SubmissionScore(0.0, unread=True)})  # fmt: skip
    for zero, cell in ((False, ""), (True, "0")):
        wanted, _ = chosen(marks, (), (), zero)
        content, _ = worksheet.filled(
            "moodle-worksheet", roster.Content(WORKSHEET), "w.csv", wanted, {}
        )
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
        assert rows[1][4] == cell


@pytest.mark.parametrize("seed", range(20))
def test_any_csv_is_spliced_without_a_change_elsewhere(seed: int) -> None:
    """Quotes, line ends and separators as they come: read by the csv module, only marks differ."""
    import random

    rng = random.Random(seed)
    end, separator = rng.choice(["\n", "\r\n"]), rng.choice([",", ";", "\t"])
    titles = ["Identifier", "Username", "Notes", "Grade"]
    rng.shuffle(titles)
    notes = ["", "plain", 'a "quoted" one', f"with{separator}it", "two\nlines", "two\r\nlines", "ü"]
    table = [titles]
    for number in range(6):
        own = {"Identifier": f"Participant {number}", "Username": f"u{number}",
               "Notes": rng.choice(notes), "Grade": rng.choice(["", "1.00"])}  # fmt: skip
        table.append([own[title] for title in titles])
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator=end,
               quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])).writerows(table)  # fmt: skip
    people = tuple(Person(f"u{number}") for number in (1, 4))
    marks = Marks(people, (Task("a", 9.0),),
                  {(one.id, "a"): SubmissionScore(8.5) for one in people})  # fmt: skip
    content, _ = worksheet.filled(
        "moodle-worksheet", roster.Content(out.getvalue()), "w.csv", marks, {}
    )
    expected = [list(row) for row in table]
    for number in (1, 4):
        expected[number + 1][titles.index("Grade")] = "8.5"
    found = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=separator)
    assert list(found) == expected


# -- the way back ----------------------------------------------------------------------------------


def test_feedback_goes_back_under_the_names_of_moodles_archive(course: Path) -> None:
    for student in ("ada", "zoë", "by hand"):
        page = course / "feedback" / student / "task_a" / "task_a.html"
        page.parent.mkdir(parents=True)
        page.write_text(f"the page of {student}")
    came_as(course, "ada", 4711)
    came_as(course, "zoë", 4712)
    came_as(course, "late", 4713)
    done = run(course, "moodle-feedback", "--assignment", "task_a")
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(course / "feedback_moodle_task_a.zip") as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    # Moodle takes the number after the first _, and what follows the fourth part for the name.
    assert {(name.split("_")[1], name.split("_", 4)[3]): text for name, text in found.items()} == {
        ("4711", "file/task"): "the page of ada",
        ("4712", "file/task"): "the page of zoë",
    }
    assert all(name.endswith("/task_a.html") for name in found)
    assert "not in the zip: by hand: not collected from a Moodle archive" in done.stderr
    assert "not in the zip: late: no page yet: grade first" in done.stderr


def test_a_zip_of_feedback_goes_into_a_file(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = run(course, "moodle-feedback", "--assignment", "task_a", "--output", "-")
    assert done.exit_code == 2 and "name a file with --output" in done.output
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("arguments", [(), ("--assignment", "task_a", "--assignment", "task_b")])
def test_a_zip_of_feedback_is_of_one_assignment(course: Path, arguments: tuple[str, ...]) -> None:
    done = run(course, "moodle-feedback", *arguments)
    assert done.exit_code == 2 and "for one assignment" in done.output
