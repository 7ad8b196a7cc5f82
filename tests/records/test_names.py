"""Names from a roster: in the gradebook, the table, the pages and the ledger, and as text only."""

from __future__ import annotations

import csv
import html
import io
import json
import unicodedata
import zipfile
from pathlib import Path

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.layout import COURSE, assignment_id, notebook_path
from grader.judge import intake
from grader.records.handed_in import Unpacker
from grader.records.manual_grading import read_names
from grader.records.submissions import find_submissions, folder_of
from grader.source import handin
from tests.conftest import with_answers
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import hand_in, run

NAME = assignment_id("masking")
EVIL = "<script>alert(1)</script>"
ROSTER = f"""student_id,Full name,First name,Last name,Email address
ada,,Ada,Lovelace,ada@example.edu
bo,"Öberg, Bo",,,
cy,{EVIL}\x1b[31m,,,
dee,Wu Dee,,,
"""


def names(course: Path) -> dict[str, str]:
    return read_names(course / "gradebook.db")


def test_a_roster_is_entered_and_entered_again(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(ROSTER, encoding="utf-8")
    roster = ("roster", tmp_path / "r.csv", "--course-dir", tmp_path / "course")
    assert run(*roster).output == "4 students, 4 of them new\n"
    with nbgrader_gradebook(tmp_path / "course" / "gradebook.db") as book:
        found = {one.id: (one.first_name, one.last_name, one.email) for one in book.students}
    assert found["ada"] == ("Ada", "Lovelace", "ada@example.edu")
    assert found["bo"] == ("Bo", "Öberg", None) and found["dee"] == (None, "Wu Dee", None)
    (tmp_path / "r.csv").write_text('student_id,Full name\nada,"Byron, Ada"\neve,\n')
    again = run(*roster).output
    assert again.startswith("2 students, 1 of them new\nin the gradebook, but not on r.csv: bo, cy")
    assert names(tmp_path / "course")["ada"] == "Ada Byron"
    with nbgrader_gradebook(tmp_path / "course" / "gradebook.db") as book:
        assert book.find_student("ada").email == "ada@example.edu"  # an empty cell takes nothing
    verify = run("verify", "--course-dir", tmp_path / "course")
    assert verify.exit_code == 0, verify.output


def test_names_in_table_page_and_results(tmp_path: Path) -> None:
    """On the first page as on a later one, and whoever changes a name makes the page anew."""
    (tmp_path / "r.csv").write_text(ROSTER, encoding="utf-8")
    course, submitted = tmp_path / "course", tmp_path / "submitted"
    roster = ("roster", tmp_path / "r.csv", "--course-dir", course)
    grade = ("grade", submitted, "--course-dir", course, "--jobs", "1", "--json", tmp_path / "x")
    assert run(*roster).exit_code == 0
    work = with_answers("masking", {"causal_mask": "def causal_mask(n):\n    return None"})
    hand_in(submitted, "ada", work)
    hand_in(submitted, "cy", notebook_path("masking").read_text(encoding="utf-8"))
    hand_in(submitted, "nobody", notebook_path("masking").read_text(encoding="utf-8"))
    done = run(*grade)
    assert done.exit_code == 0 and "ada (Ada Lovelace)" in done.output, done.output
    assert "\x1b[31m" not in done.output and "nobody " in done.output
    results = json.loads((tmp_path / "x").read_text())["submissions"]
    assert [one["name"] for one in results][::2] == ["Ada Lovelace", ""]

    def page(student: str) -> str:
        return (course / "feedback" / student / NAME / f"{NAME}.html").read_text(encoding="utf-8")

    assert "Ada Lovelace ·<!--/by-hand--> <bdi>ada</bdi> ·" in page("ada")
    assert EVIL not in page("cy") and "&lt;script&gt;alert(1)" in page("cy")
    assert "\x1b" not in page("cy") and "name--><!--/by-hand--> <bdi>nobody</bdi> ·" in page(
        "nobody"
    )
    assert run("verify", "--course-dir", course).exit_code == 0
    (tmp_path / "r.csv").write_text('student_id,Full name\nada,"Byron, Ada"\n')
    assert run(*roster).exit_code == 0
    said = run("verify", "--course-dir", course)
    assert said.exit_code == 1 and "shows another name" in " ".join(said.output.split())
    assert "1 feedback page brought up to date" in run(*grade).output
    assert "Ada Byron ·" in page("ada")
    assert run("verify", "--course-dir", course).exit_code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("", "is empty"),
        ("student_id\nada\nADA\n", "lines 2 and 3 both have the id 'ADA'"),
    ],
)
def test_a_bad_roster_is_one_line(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "r.csv").write_text(text)
    done = run("roster", tmp_path / "r.csv", "--course-dir", tmp_path / "course")
    assert done.exit_code == 2 and said in done.output
    assert not (tmp_path / "course").exists()


# -- names in every script, through all commands ---------------------------------------------------

# What a system writes, and what Moodle makes of it in its archive: it leaves out ' and some others.
SCRIPTS = {
    "Jose\u0301 Nu\u0301n\u0303ez": "José Núñez",  # decomposed in the list, composed in the archive
    "Nguyễn Thị Ánh": unicodedata.normalize("NFD", "Nguyễn Thị Ánh"),
    "Pat O'Brien": "Pat OBrien",
    "Doe, Jane": "Doe, Jane",
    "हिन्दी शर्मा": "हिन्दी शर्मा",
    "ไทย ใจดี": "ไทย ใจดี",
    "李小龙": "李小龙",
    "محمد علي": "محمد علي",
    "علی\u200cرضا": "علی\u200cرضا",  # two words of one name, which a joiner keeps apart
    "Zoë 👩🏽\u200d💻": "Zoë 👩🏽\u200d💻",
    "<b>&amp;": "bamp;",
}
IDS = ["josé", "nguyễn.ánh", "o'brien", "Doe, Jane", "हिन्दी", "ไทย", "李小龙", "محمد"]


@pytest.mark.parametrize(
    ("name", "line", "word"),
    [
        ("علی\u200cرضا", "علی\u200cرضا", "علی\u200cرضا"),
        ("👩🏽\u200d💻", "👩🏽\u200d💻", "👩🏽\u200d💻"),
        ("ada\u200d", "ada", "ada\\u200d"),  # hides a difference, and joins nothing
        ("é\u200d\u200dé", "éé", "\\xe9\\u200d\\u200d\\xe9"),
        ("a\u202eb\n c", "ab c", "a\\u202eb\\n c"),
    ],
)
def test_joiners_stay_where_letters_are_joined(name: str, line: str, word: str) -> None:
    assert intake.in_one_line(name) == line and intake.shown(name) == word


def graded_at_once(course: Path, count: int) -> list[dict]:
    """Grade, verify, and write report and plain export; the results as JSON."""
    grade = ("grade", course / "submitted", "--course-dir", course, "--json", course / "x.json")
    done = run(*grade)
    assert done.exit_code == 0, done.output
    results = json.loads((course / "x.json").read_text(encoding="utf-8"))["submissions"]
    assert len(results) == count and all(one["outcome"] == "graded" for one in results), results
    verified = run("verify", "--course-dir", course)
    assert verified.exit_code == 0, verified.output
    report = run("report", "--course-dir", course, "--html", course / "report.html")
    assert report.exit_code == 0, report.output
    export = run("export", "--to", "csv", "--course-dir", course)
    assert export.exit_code == 0, export.output
    return results


def solved_in_part() -> bytes:
    return nbformat.writes(solved("masking", {"causal_mask"})).encode()


def test_names_in_every_script_come_back_to_moodle(tmp_path: Path) -> None:
    people = dict(enumerate(SCRIPTS, 4701))
    out = io.StringIO(newline="")
    rows = csv.writer(out)
    rows.writerow(["Identifier", "Full name", "Email address", "Status", "Grade",
                   "Maximum Grade", "Grade can be changed", "Last modified (submission)",
                   "Last modified (grade)", "Feedback comments"])  # fmt: skip
    for number, name in people.items():
        rows.writerow([f"Participant {number}", name, f"s{number}@example.edu", "Submitted", "",
                       "30.00", "Yes", "Sunday, 1 February 2026, 11:59 AM", "-", ""])  # fmt: skip
    worksheet = tmp_path / "worksheet.csv"
    worksheet.write_text(out.getvalue(), encoding="utf-8")
    folders = {
        number: f"{SCRIPTS[name]}_{number}_assignsubmission_file" for number, name in people.items()
    }
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for folder in folders.values():
            file.writestr(f"{folder}/my work.ipynb", solved_in_part())
    course = tmp_path / "course"
    entered = run("roster", worksheet, "--course-dir", course)
    assert entered.output == f"{len(people)} students, {len(people)} of them new\n"
    collected = run("collect", tmp_path / "all.zip", "--roster", worksheet, "--output",
                    course / "submitted")  # fmt: skip
    end = f"{len(people)} collected, 0 need you, 0 on the roster handed in nothing"
    assert collected.output.strip().splitlines()[-1] == end, collected.output

    results = graded_at_once(course, len(people))
    shown = {f"s{number}@example.edu": name for number, name in people.items()}
    shown["s4704@example.edu"] = "Jane Doe"
    assert {one["student"]: one["name"] for one in results} == shown
    report = html.unescape((course / "report.html").read_text(encoding="utf-8"))
    for student, name in shown.items():
        page = course / "feedback" / student / NAME / f"{NAME}.html"
        text = page.read_text(encoding="utf-8")
        assert f"{name} ·" in html.unescape(text) and "<b>&" not in text
        assert name in report
    assert "\u2068محمد علي\u2069 (s4708@example.edu)" in report  # and so the number does not turn

    options = ("--assignment", NAME, "--course-dir", course)
    for form in ("moodle-worksheet", "moodle-feedback"):
        students = () if form.endswith("feedback") else ("--students", worksheet)
        done = run("export", "--to", form, *students, *options)
        assert done.exit_code == 0, done.output
        assert "not in the zip" not in done.output
    with (course / "grades_moodle-worksheet.csv").open(encoding="utf-8", newline="") as filled:
        found = {row["Full name"]: row["Grade"] for row in csv.DictReader(filled)}
    assert list(found) == list(SCRIPTS) and set(map(float, found.values())) == {2.0}
    with zipfile.ZipFile(course / f"feedback_moodle_{NAME}.zip") as back:
        assert set(back.namelist()) == {f"{one}/{NAME}.html" for one in folders.values()}
        for number, folder in folders.items():
            page = back.read(f"{folder}/{NAME}.html").decode()
            assert f"<bdi>s{number}@example.edu</bdi>" in page


def test_ids_in_every_script_name_folders_and_come_back(tmp_path: Path) -> None:
    """Ids of one's own; in the archive each folder has the other spelling of its accents."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["student_id"], *[[one] for one in IDS]])
    (tmp_path / "r.csv").write_text(out.getvalue(), encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for one in IDS:
            file.writestr(f"{unicodedata.normalize('NFD', one)}/work.ipynb", solved_in_part())
    course = tmp_path / "course"
    assert run("roster", tmp_path / "r.csv", "--course-dir", course).exit_code == 0
    done = run("collect", tmp_path / "all.zip", "--roster", tmp_path / "r.csv", "--output",
               course / "submitted")  # fmt: skip
    end = f"{len(IDS)} collected, 0 need you, 0 on the roster handed in nothing"
    assert done.output.strip().splitlines()[-1] == end, done.output
    results = graded_at_once(course, len(IDS))
    assert {one["student"] for one in results} == set(IDS)
    report = html.unescape((course / "report.html").read_text(encoding="utf-8"))
    assert all(one in report for one in IDS)
    with (course / "grades_csv.csv").open(encoding="utf-8", newline="") as table:
        assert {row["student"]: float(row["score"]) for row in csv.DictReader(table)} == (
            dict.fromkeys(IDS, 2.0)
        )


COMPOSED = "jos\u00e9"
APART = unicodedata.normalize("NFD", COMPOSED)


def test_two_folders_of_one_name_are_both_named_and_neither_is_marked(tmp_path: Path) -> None:
    """The second may be anybody's: it must not count instead of the first, nor hide it."""
    submitted, work = tmp_path / "submitted", solved_in_part()
    for name in (COMPOSED, APART, "ada"):
        path = submitted / name / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(work)
    found = {one.path.parent.name if one.has_place else one.path.name: one
             for one in find_submissions(submitted)}  # fmt: skip
    assert set(found) == {COMPOSED, APART, NAME} and found[NAME].student == "ada"
    for name, other in ((COMPOSED, APART), (APART, COMPOSED)):
        assert not found[name].has_place
        assert ascii(name) in found[name].refused and ascii(other) in found[name].refused
        assert "spelled differently: move what counts into one" in found[name].refused
        assert [one.path.name for one in find_submissions(submitted, student=name)] == sorted(
            (COMPOSED, APART)
        )
    with pytest.raises(intake.Rejected, match="spelled differently"):
        folder_of(submitted, COMPOSED)
    (submitted / f"{COMPOSED}.zip").write_bytes(b"whichever it is, it waits")
    unpacker = Unpacker(submitted)
    unpacker.unpack()
    [remark] = unpacker.remarks
    assert remark.startswith(f"{COMPOSED}.zip: the folders ") and ascii(APART) in remark
    # A link is refused for itself, and costs the folder nothing.
    (submitted / APART).rename(tmp_path / "away")
    (submitted / APART).symlink_to(tmp_path / "away")
    assert COMPOSED in {one.student for one in find_submissions(submitted) if one.has_place}


@pytest.mark.parametrize(("there", "named"), [(COMPOSED, APART), (APART, COMPOSED)])
def test_a_zip_and_an_archive_find_the_folder_in_its_other_spelling(
    tmp_path: Path, there: str, named: str
) -> None:
    """No second folder is made, in which other work would count."""
    submitted = tmp_path / "submitted"
    own = submitted / there / NAME / f"{NAME}.ipynb"
    own.parent.mkdir(parents=True)
    own.write_bytes(solved_in_part())
    packed = {"format": 1, "course": COURSE.id, "packed": "2026-01-01T10:00:00+00:00"}
    other = notebook_path("masking").read_bytes()
    (submitted / f"{named}.zip").write_bytes(handin.write({NAME: other}, packed))
    unpacker = Unpacker(submitted)
    unpacker.unpack()
    assert own.read_bytes() == solved_in_part() and len(unpacker.remarks) == 1
    assert "which counts: remove that one" in unpacker.remarks[0]
    (tmp_path / "r.csv").write_text(f"student_id\n{named}\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / f"{named}.zip", "w") as file:
        file.writestr("x.ipynb", other)
    done = run("collect", tmp_path / f"{named}.zip", "--roster", tmp_path / "r.csv", "--output",
               submitted)  # fmt: skip
    assert "1 collected, 0 need you" in done.output, done.output
    assert own.read_bytes() == other
    assert [path.name for path in submitted.iterdir() if path.is_dir()] == [there]
