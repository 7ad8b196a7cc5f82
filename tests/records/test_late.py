"""Late work: every door comes to nbgrader's own figure, and a figure is taken back again."""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_notebook
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import PyFileConfigLoader

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import ROOT, assignment_id
from grader.errors import GradebookError
from grader.records import late
from grader.records import nbgrader_tables as tables
from grader.records.gradebook import ensure_assignment
from grader.records.late import Lateness, duration, lateness
from grader.records.nbgrader_tables import Timing, open_gradebook
from grader.records.submissions import read_timestamp, to_utc
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import run

LESSON = "masking"
NAME = assignment_id(LESSON)
MOST = assignment(NAME).max_score
PART = 2.0  # the points of causal_mask
DUE = datetime.datetime(2026, 2, 1, 12)
NONE = datetime.timedelta()
ZERO = "\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
PER_DAY = """
c.AssignLatePenalties.plugin_class = "grader.records.late_policy.PerDay"
c.PerDay.percent_per_day = 10
c.PerDay.grace_minutes = 15
c.PerDay.most_percent = 50
"""


def new_course(folder: Path, policy: str = ZERO) -> Path:
    folder.mkdir(parents=True)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (folder / "nbgrader_config.py").write_text(config + policy, encoding="utf-8")
    return folder


def hand_in(course: Path, student: str, when: str, full: bool = True) -> None:
    path = course / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(solved(LESSON, None if full else {"causal_mask"})))
    (path.parent / "timestamp.txt").write_text(when)


def grade(course: Path, *more: str) -> str:
    done = run("grade", course / "submitted", "--course-dir", course, "--jobs", "1", *more)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.replace("│", " ").split())


def exported(course: Path) -> dict[str, float]:
    done = run("export", "--to", "csv", "--course-dir", course)
    assert done.exit_code == 0, done.output
    rows = csv.DictReader(io.StringIO((course / "grades_csv.csv").read_text()))
    return {row["student"]: float(row["score"]) for row in rows}


def on_page(course: Path, student: str) -> float:
    text = (course / "feedback" / student / NAME / f"{NAME}.html").read_text()
    found = re.search(r"<!--by-hand total-->\s*([\d.]+) / ", text)
    assert found is not None
    return float(found[1])


def in_report(course: Path, student: str) -> str:
    done = run("report", "--course-dir", course, "--html", course / "report.html")
    assert done.exit_code == 0, done.output
    text = (course / "report.html").read_text()
    (row,) = re.findall(rf'<tr><th scope="row">{student}</th>(.*?)</tr>', text, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", row).split())


def verified(course: Path) -> str:
    done = run("verify", "--course-dir", course)
    assert (done.exit_code == 0) == ("no difference" in done.output), done.output
    return " ".join(done.output.replace("│", " ").split())


def autograded(course: Path, *more: str) -> dict[str, float]:
    """The marks after nbgrader's own command, as nbgrader's own objects give them."""
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", NAME, *more],
        cwd=course, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return of_nbgrader(course)


def of_nbgrader(course: Path) -> dict[str, float]:
    with nbgrader_gradebook(course / "gradebook.db") as book:
        return {
            one.student.id: one.score - (one.notebooks[0].late_submission_penalty or 0.0)
            for one in book.find_assignment(NAME).submissions
        }


def test_the_four_sequences_end_with_one_figure_in_every_door(tmp_path: Path) -> None:
    ours, theirs = new_course(tmp_path / "ours"), new_course(tmp_path / "theirs")
    for course in (ours, theirs):
        hand_in(course, "ada", "2026-02-03 12:00:00 UTC", full=False)
        assert run("due", NAME, "2026-02-01 12:00 UTC", "--course-dir", course).exit_code == 0

    # Two days late, and the policy takes everything.
    said = grade(ours)
    assert f"2 days late: {PART:g} points off 0 {MOST:g}" in said, said
    assert exported(ours) == of_nbgrader(ours) == autograded(theirs) == {"ada": 0.0}
    assert on_page(ours, "ada") == 0.0
    assert in_report(ours, "ada").startswith("0 ") and "2 days late: 2 off" in in_report(
        ours, "ada"
    )
    assert "no difference" in verified(ours)

    # The due date is moved: the points come back, with and without --force.
    for course in (ours, theirs):
        moved = run("due", NAME, "2026-02-04 12:00 UTC", "--course-dir", course)
        assert "2026-02-04 12:00 UTC" in moved.output
    said = verified(ours)
    assert "the gradebook says 2, but the time, the due date and the policy give 0" in said
    stale = run("export", "--to", "csv", "--course-dir", ours)
    assert f"late penalties out of date: 1 (ada/{NAME})" in stale.output
    assert "days late" not in grade(ours)
    assert exported(ours) == of_nbgrader(ours) == {"ada": PART}
    assert on_page(ours, "ada") == PART and in_report(ours, "ada").startswith("2 ")
    assert "no difference" in verified(ours)
    grade(ours, "--force")
    assert exported(ours) == autograded(theirs, "--force") == {"ada": PART}

    # Late again, and then a new, punctual, perfect file.
    for course in (ours, theirs):
        run("due", NAME, "2026-02-01 12:00 UTC", "--course-dir", course)
    grade(ours)
    assert exported(ours) == {"ada": 0.0}
    for course in (ours, theirs):
        hand_in(course, "ada", "2026-02-01 11:59:59 UTC")
    grade(ours)
    assert exported(ours) == of_nbgrader(ours) == autograded(theirs, "--force") == {"ada": MOST}
    assert on_page(ours, "ada") == MOST
    assert "no difference" in verified(ours)

    # Late under a policy that takes nothing: it is said all the same.
    config = ours / "nbgrader_config.py"
    config.write_text(config.read_text().replace(ZERO, ""))
    hand_in(ours, "ada", "2026-02-09 12:00:00 UTC")
    said = grade(ours)
    assert f"8 days late: nothing off {MOST:g} {MOST:g}" in said, said
    assert "8 days late" in in_report(ours, "ada")
    assert exported(ours) == {"ada": MOST}

    # The clock was wrong, and the instructor corrects the file: the bytes stay, the mark moves.
    config.write_text(config.read_text() + ZERO)
    said = grade(ours)
    assert f"{MOST:g} points off 0 {MOST:g}" in said, said
    hand_in(ours, "ada", "2026-02-01 11:00:00 UTC")
    assert "days late" not in grade(ours)
    assert exported(ours) == {"ada": MOST} and "no difference" in verified(ours)


def gradebook(course: Path, score: float = 10.0) -> Path:
    """A gradebook in which ada has ``score`` points for one exercise."""
    path = course / "gradebook.db"
    with open_gradebook(path) as book:
        ensure_assignment(book, assignment(NAME))
        with tables.at_once(book):
            (notebook,) = tables.put_submission(book, NAME, "ada", None)
            tables.set_grades(book, [(score, False, next(iter(notebook.grades.values())))])
    return path


def nbgraders(course: Path) -> float:
    """What nbgrader's own preprocessor takes off."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    path = course / "gradebook.db"
    place = {"notebook": NAME, "assignment": NAME, "student": "ada", "db_url": f"sqlite:///{path}"}
    AssignLatePenalties(config=config).preprocess(new_notebook(), {"nbgrader": place})
    with nbgrader_gradebook(path) as book:
        return book.find_submission(NAME, "ada").notebooks[0].late_submission_penalty or 0.0


def settled(course: Path, lines: list[dict]) -> float:
    with open_gradebook(course / "gradebook.db") as book:
        timing = tables.standings(book)["ada", NAME]
        return late.settle(course, book, ("ada", NAME), lines.append, timing).penalty or 0.0


HOURS = [-30.0, 0.0, 0.2, 0.25, 0.26, 23.9, 24.25, 24.3, 49.0, 2000.0]


@pytest.mark.parametrize("policy", ["", ZERO, PER_DAY], ids=["none", "zero", "per day"])
@pytest.mark.parametrize("extension", [0, 1, 3])
def test_penalties_are_nbgraders_own(tmp_path: Path, policy: str, extension: int) -> None:
    """For every delay, with a grace period and an extension given by nbgrader's own means."""
    course = new_course(tmp_path / "course", policy)
    gradebook(course)
    with nbgrader_gradebook(course / "gradebook.db") as book:
        book.update_or_create_assignment(NAME, duedate="2026-02-01 12:00:00 UTC")
        book.grant_extension(NAME, "ada", days=extension)
    for hours in HOURS:
        with open_gradebook(course / "gradebook.db") as book:
            tables.set_timestamp(book, NAME, "ada", DUE + datetime.timedelta(hours=hours))
        ours = settled(course, [])
        assert ours == nbgraders(course), hours
        late_by = hours - 24 * extension
        expected = {
            "": 0.0,
            ZERO: 10.0 if late_by > 0 else 0.0,
            PER_DAY: min(5.0, max(0.0, -(-(late_by - 0.25) // 24))),  # a tenth a day, at most half
        }[policy]
        assert ours == pytest.approx(expected), hours


def test_the_ledger_gets_a_line_for_each_change_and_no_other(tmp_path: Path) -> None:
    course = new_course(tmp_path / "course")
    gradebook(course)
    lines: list[dict] = []
    with open_gradebook(course / "gradebook.db") as book:
        tables.set_timestamp(book, NAME, "ada", DUE + datetime.timedelta(days=2))
    for due, extension in ((None, None), (DUE, None), (DUE, None), (DUE, 3), (DUE, 1)):
        with open_gradebook(course / "gradebook.db") as book:
            tables.set_due(book, NAME, due)
            span = None if extension is None else datetime.timedelta(days=extension)
            tables.set_extension(book, NAME, "ada", span)
        settled(course, lines)
    assert [line["points"] for line in lines] == [10.0, 0.0, 10.0]
    assert lines[1] == {
        "student": "ada",
        "assignment": NAME,
        "points": 0.0,
        "handed_in": "2026-02-03T12:00:00Z",
        "due": "2026-02-01T12:00:00Z",
        "extension": 3 * 86400.0,
    }


def test_a_persons_points_are_late_too(tmp_path: Path) -> None:
    """Points given in Formgrader after the penalty was worked out do not escape it."""
    course = new_course(tmp_path / "course")
    path = gradebook(course)
    with open_gradebook(path) as book:
        tables.set_due(book, NAME, DUE)
        tables.set_timestamp(book, NAME, "ada", DUE + datetime.timedelta(days=1))
    assert settled(course, []) == 10.0
    with nbgrader_gradebook(path) as book:
        grades = book.find_submission(NAME, "ada").notebooks[0].grades
        next(grade for grade in grades if grade.auto_score is None).manual_score = 2.5
        book.db.commit()
    assert settled(course, []) == 12.5 == nbgraders(course)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-02-01 12:00:00 UTC", (12, 0)),
        ("2026-02-01 12:00:00.250000 UTC", (12, 0)),
        ("2026-02-01 13:00:00 Europe/Berlin", (12, 0)),
        ("2026-02-01 14:00:00 +0200", (12, 0)),  # nbgrader would read 200 seconds
        ("2026-02-01 17:30:00 +05:30", (12, 0)),  # nbgrader would read UTC
        ("2026-02-01T04:00:00-08:00", (12, 0)),
        ("2026-02-01 12:00:00", (12, 0)),
        ("2026-02-01 12:00", (12, 0)),
    ],
)
def test_every_zone_is_read(tmp_path: Path, stamp: str, expected: tuple[int, int]) -> None:
    (tmp_path / "timestamp.txt").write_text(stamp)
    when, fault = read_timestamp(tmp_path)
    assert when is not None and (when.hour, when.minute) == expected and not fault


def test_the_hour_before_and_after_the_clocks_change() -> None:
    """At 1 UTC of 2026-03-29, the clocks in Berlin go from 2 to 3."""
    assert to_utc("2026-03-29 01:59 Europe/Berlin") == datetime.datetime(2026, 3, 29, 0, 59)
    assert to_utc("2026-03-29 03:00 Europe/Berlin") == datetime.datetime(2026, 3, 29, 1, 0)


@pytest.mark.parametrize(
    "stamp",
    [
        b"yesterday", b"\xff\xfe", b"2026-02-30 12:00:00 UTC", b"2026-02-01 12:00:00 CEST", b"",
        b"2026-02-01 12:00:00 ../../etc/passwd", b"0001-01-01 00:00:00 +0200", b"x" * 1000,
    ],
)  # fmt: skip
def test_a_stamp_that_says_no_time_is_named(tmp_path: Path, stamp: bytes) -> None:
    (tmp_path / "timestamp.txt").write_bytes(stamp)
    when, fault = read_timestamp(tmp_path)
    assert when is None and "it is not known if this is late" in fault and len(fault) < 150


def test_no_stamp_is_no_fault(tmp_path: Path) -> None:
    assert read_timestamp(tmp_path) == (None, "")


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (datetime.datetime(1980, 1, 1), "dated 1980"),
        (datetime.datetime(2999, 1, 1), "in the future"),
        (DUE, ""),
    ],
)
def test_a_clock_that_is_wrong_is_named(tmp_path: Path, when: datetime.datetime, said: str) -> None:
    found = lateness(tmp_path, "ada", Timing(when, DUE, NONE, 1.0, None))
    assert said in found.doubt and bool(found.doubt) == bool(said)
    assert lateness(tmp_path, "ada", Timing(when, None, NONE, 1.0, None)) == Lateness()


POLICIES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "raises": ("raise ValueError('no such table')", lambda said: "no such table" in said),
    "a text": ("return 'all'", lambda said: "could not convert" in said),
    "no number": ("return float('nan')", lambda said: "not a number" in said),
}


@pytest.mark.parametrize("what", POLICIES)
def test_a_policy_that_fails_is_named_in_one_line(tmp_path: Path, what: str) -> None:
    body, expected = POLICIES[what]
    policy = f"""
from nbgrader.plugins import LateSubmissionPlugin
class Own(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        {body}
c.AssignLatePenalties.plugin_class = Own
"""
    course = new_course(tmp_path / "course", policy)
    timing = Timing(DUE + datetime.timedelta(hours=1), DUE, NONE, 1.0, None)
    with pytest.raises(GradebookError) as error:
        lateness(course, "ada", timing)
    assert expected(str(error.value)) and "nbgrader_config.py" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("returned", "penalty"), [("-3", 0.0), ("99", 1.0), ("None", None)])
def test_a_policy_stays_within_the_score(
    tmp_path: Path, returned: str, penalty: float | None
) -> None:
    policy = f"""
from nbgrader.plugins import LateSubmissionPlugin
class Own(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return {returned}
c.AssignLatePenalties.plugin_class = Own
"""
    course = new_course(tmp_path / "course", policy)
    timing = Timing(DUE + datetime.timedelta(hours=1), DUE, NONE, 1.0, None)
    assert lateness(course, "ada", timing) == Lateness(3600.0, penalty)


def test_an_extension_before_anything_was_handed_in_is_no_submission(tmp_path: Path) -> None:
    course = new_course(tmp_path / "course")
    done = run("due", NAME, "2026-02-01 12:00 Europe/Berlin", "--extend", "ada=36h",
               "--course-dir", course)  # fmt: skip
    assert done.exit_code == 0
    assert "ada: 1 day 12 hours more, 2026-02-02 23:00 UTC" in done.output
    with nbgrader_gradebook(course / "gradebook.db") as book:
        submission = book.find_submission(NAME, "ada")
        assert submission.duedate == datetime.datetime(2026, 2, 2, 23)
    exported = run("export", "--to", "csv", "--assignment", NAME, "--course-dir", course,
                   "--output", "-")  # fmt: skip
    assert (
        f"ada,ada,,{NAME},,{MOST:g}" not in exported.output
    )  # the questions in writing count, too
    assert re.search(rf"^ada,ada,,{NAME},,", exported.output, re.M), exported.output
    (course / ".grader").mkdir()
    (course / ".grader" / "salt").write_text("a salt of some length, for this test alone")
    assert "no difference" in verified(course)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([NAME, "2026-02-01 12:00"], "is not a time with a zone"),
        ([NAME, "tomorrow"], "is not a time with a zone"),
        (["no_such", "never"], "no assignment 'no_such'"),
        ([NAME, "--extend", "ada=2d"], "has no due date to extend"),
        ([NAME, "2026-02-01 12:00 UTC", "--extend", "ada"], "write STUDENT=SPAN"),
        ([NAME, "2026-02-01 12:00 UTC", "--extend", "../x=2d"], "is not a student id"),
        (["--extend", "ada=2d"], "name the assignment first"),
        ([], "set a due date first"),
    ],
)
def test_bad_due_dates_are_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run("due", *arguments, "--course-dir", tmp_path)
    assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "less than a second"), (1, "1 second"), (3660, "1 hour 1 minute"),
     (86400, "1 day"), (86400 + 59, "1 day"), (8 * 86400 + 7200, "8 days 2 hours")],
)  # fmt: skip
def test_spans_read_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("penalty", "said"),
    [
        (1.0, "1 day late: 1 point off"),
        (0.5, "1 day late: 0.5 points off"),
        (4 / 3, "1 day late: 1.33333 points off"),
        (0.0, "1 day late: nothing off"),
    ],
)
def test_one_point_is_one(penalty: float, said: str) -> None:
    assert Lateness(86400.0, penalty).words == said
