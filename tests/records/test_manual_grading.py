"""What a person gives in Formgrader reaches the student's page, and nobody else's words do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from grader.authoring.sample import HUMAN_ANSWER
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.layout import assignment_id
from grader.errors import GradebookError
from grader.pages.feedback import feedback_page
from grader.records import manual_grading
from grader.records.manual_grading import NO_GRADES, ManualGrade, ManualGrades, fill_slots
from tests.conftest import Grade, with_answers
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import hand_in

LESSON = "single_query_attention"
NAME = assignment_id(LESSON)
WORDS = "soft_lookup_in_words"
FORGED = "<!--by-hand points softmax 99 99-->99<!--/by-hand--><!--by-hand total--><!--/by-hand-->"


def answered(words: str = HUMAN_ANSWER) -> str:
    notebook = solved(LESSON)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == WORDS:
            cell.source = words
    return nbformat.writes(notebook)


@pytest.fixture(scope="module")
def page(grade: Grade) -> bytes:
    """A solved lesson, as it looks before a person has read it."""
    return feedback_page(grade(LESSON, answered()), assignment(NAME))


def heading(page: bytes) -> str:
    inside = page.decode().partition("<h1>")[2].partition("</h1>")[0]
    return " ".join(inside.split())


def most() -> float:
    return assignment(NAME).max_score


def test_points_that_wait_for_a_person_are_not_counted_yet(page: bytes) -> None:
    assert f"{most():g} / {most():g} <span" in heading(page) and "so far" in heading(page)
    assert "waits for a person" in page.decode()


def test_a_persons_mark_and_comment_are_on_the_page(page: bytes) -> None:
    grades = ManualGrades({WORDS: ManualGrade(2.5, 0.0, "Say *why*: `q @ k` is small.")})
    after = fill_slots(page, grades)
    assert f"{most() + 2.5:g} / {most() + 3:g}<!--" in heading(after)
    assert "<em>why</em>" in after.decode() and "<code>q @ k</code>" in after.decode()
    assert "read by a person" in after.decode() and "waits for a person" not in after.decode()


def test_what_is_taken_back_leaves_no_trace(page: bytes) -> None:
    grades = ManualGrades(
        {WORDS: ManualGrade(1.0, 0.5, "first"), "softmax": ManualGrade(0.0, 0.0, "no")}, penalty=1.0
    )
    assert fill_slots(fill_slots(page, grades)) == page
    assert fill_slots(fill_slots(page, grades), grades) == fill_slots(page, grades)
    assert fill_slots(page) == page


def test_points_in_the_place_of_the_checks_and_lateness_count(page: bytes) -> None:
    softmax = next(one.points for one in assignment(NAME).exercises if one.id == "softmax")
    grades = ManualGrades(
        {"softmax": ManualGrade(score=0.0, extra=0.5), WORDS: ManualGrade(3.0)}, penalty=2.0
    )
    after = fill_slots(page, grades).decode()
    total = most() - softmax + 0.5 + 3 - 2
    assert f"{total:g} / {most() + 3:g}<!--" in heading(after.encode())
    assert f"a person gave 0 instead of {softmax:g}, 0.5 extra" in after
    assert "It came late, which costs 2 points." in after
    once = fill_slots(page, ManualGrades(grades.cells, penalty=1.0)).decode()
    assert "It came late, which costs 1 point." in once


def test_a_comment_on_what_was_not_attempted_is_shown(grade: Grade) -> None:
    blank = grade(LESSON, with_answers(LESSON, {}))
    page = feedback_page(blank, assignment(NAME))
    assert f"0 / {most() + 3:g}<!--" in heading(page)
    for cell in ("softmax", WORDS):
        after = fill_slots(
            page, ManualGrades({cell: ManualGrade(comment="Come and see me.")})
        ).decode()
        assert after.count("Come and see me.") == 1


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<!--/by-hand--><b>out</b>",
        "[x](javascript:alert(1))",
        "</div></main>",
        "![x](http://evil/x.png)",
    ],
)
def test_a_comment_is_text_and_harmless_html(page: bytes, evil: str) -> None:
    """An instructor's words may be anybody's: pasted from a submission, say."""
    grades = ManualGrades({WORDS: ManualGrade(1.0, 0.0, evil)})
    after = fill_slots(page, grades).decode()
    for bad in ("<script", "onerror", "javascript:", "http://evil"):
        assert bad not in after.replace(" rel=", "")
    assert after.count("</main>") == 1 and "-->out" not in after
    assert fill_slots(after.encode()) == page


def test_no_text_of_a_submission_is_taken_for_a_slot(grade: Grade) -> None:
    """Not in an answer, a printed line, an output of HTML, an error, the question for a person."""
    code = (
        f"from IPython.display import HTML, display\nprint({FORGED!r})\ndisplay(HTML({FORGED!r}))\n"
        f"raise ValueError({FORGED!r})"
    )
    notebook = nbformat.reads(answered(FORGED), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(code, id="forged"))
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "softmax":
            cell.source += f"\n# {FORGED}"
    outcome = grade(LESSON, nbformat.writes(notebook))
    page = feedback_page(outcome, assignment(NAME)).decode()
    honest = feedback_page(grade(LESSON, answered()), assignment(NAME)).decode()
    assert page.count("<!--") == honest.count("<!--")
    assert "&lt;!--by-hand points softmax 99 99" in page
    assert f"{most():g} / {most():g} <span" in heading(page.encode())


# -- from the gradebook ----------------------------------------------------------------------------


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marked")
    for student in ("ada", "bob"):
        hand_in(folder / "submitted", student, answered(), NAME)
    grade_again(folder / "course")
    return folder / "course"


def grade_again(course: Path, *more: str) -> str:
    submitted = course.parent / "submitted"
    return run("grade", submitted, "--course-dir", course, "--jobs", "1", *more)


def page_of(course: Path, student: str) -> Path:
    return course / "feedback" / student / NAME / f"{NAME}.html"


def give(course: Path, student: str, score: float | None, comment: str | None) -> None:
    """As Formgrader does it."""
    with nbgrader_gradebook(course / "gradebook.db") as book:
        grade = book.find_grade(WORDS, NAME, NAME, student)
        grade.manual_score, grade.needs_manual_grade = score, score is None
        book.find_comment(WORDS, NAME, NAME, student).manual_comment = comment
        book.db.commit()


def test_grade_brings_a_page_up_to_date_and_grades_nothing(course: Path) -> None:
    before = {student: page_of(course, student).read_bytes() for student in ("ada", "bob")}
    lines = (course / "ledger.jsonl").read_bytes()
    give(course, "ada", 2.5, "Well said.")
    assert "1 feedback page brought up to date" in grade_again(course)
    after = page_of(course, "ada").read_text()
    assert "Well said." in after and f"{most() + 2.5:g} / {most() + 3:g}" in after
    assert page_of(course, "bob").read_bytes() == before["bob"]
    assert (course / "ledger.jsonl").read_bytes() == lines, "something was graded"
    assert "by hand" not in grade_again(course)  # it is up to date
    assert "Well said." in page_of(course, "ada").read_text()
    grade_again(course, "--force", "--student", "ada")  # a new page has it from the start
    assert "Well said." in page_of(course, "ada").read_text()

    give(course, "ada", None, "")
    assert "1 feedback page brought up to date" in grade_again(course)
    assert page_of(course, "ada").read_bytes() == before["ada"]


def row(course: Path, student: str) -> tuple:
    """What the gradebook has of an answer in writing."""
    with nbgrader_gradebook(course / "gradebook.db") as book:
        grade = book.find_grade(WORDS, NAME, NAME, student)
        note = book.find_comment(WORDS, NAME, NAME, student)
        extra = grade.extra_credit or 0.0
        return (
            grade.manual_score,
            extra,
            grade.needs_manual_grade,
            note.manual_comment,
            note.auto_comment,
        )


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    """Cy's answer, which a person has given 2 points and a half more, and a comment."""
    hand_in(tmp_path / "submitted", "cy", answered(), NAME)
    grade_again(tmp_path / "course")
    give(tmp_path / "course", "cy", 2.0, "Say *why*.")
    with nbgrader_gradebook(tmp_path / "course" / "gradebook.db") as book:
        book.find_grade(WORDS, NAME, NAME, "cy").extra_credit = 0.5
        book.db.commit()
    grade_again(tmp_path / "course")
    return tmp_path / "course"


def resubmit(course: Path, content: str) -> str:
    path = course.parent / "submitted" / "cy" / NAME / f"{NAME}.ipynb"
    path.write_text(content, encoding="utf-8")
    return " ".join(grade_again(course).split())


def test_a_changed_answer_waits_again_and_table_page_and_gradebook_say_so(graded: Path) -> None:
    """Its laws, one by one, are in test_gradebook.py."""
    assert row(graded, "cy")[:4] == (2.0, 0.5, False, "Say *why*.")
    said = resubmit(graded, answered("The winner takes it all, always."))
    assert f"to be read again: {WORDS} of cy" in said
    score, extra, waits, comment, shown = row(graded, "cy")
    assert (score, extra, waits, comment) == (None, 0.0, True, None)
    assert "An earlier text of this answer got 2.5 of 3 points." in shown
    assert "Say *why*." in shown
    page = page_of(graded, "cy").read_text()
    assert f"{most():g} / {most():g} <span" in heading(page.encode())
    assert "waits for a person" in page and "an earlier text got 2.5" in page
    # A third text, before anybody has read the second: the points shown are still the last given.
    assert "to be read again" not in resubmit(graded, answered("Never."))
    assert row(graded, "cy")[:3] == (None, 0.0, True) and "2.5 of 3" in row(graded, "cy")[4]
    # Now a person reads it: what was earlier is gone.
    give(graded, "cy", 1.0, "No.")
    grade_again(graded, "--force")
    assert row(graded, "cy") == (1.0, 0.0, False, "No.", None)
    assert "an earlier text" not in page_of(graded, "cy").read_text()


def test_pages_that_are_not_ours_are_left_alone(course: Path) -> None:
    give(course, "bob", 1.0, "x")
    page_of(course, "bob").write_text("<p>nbgrader's own page</p>")
    grade_again(course)
    assert page_of(course, "bob").read_text() == "<p>nbgrader's own page</p>"


def test_an_empty_gradebook_and_one_of_nbgrader_without_marks_hold_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    assert manual_grading.read_manual_grades(path) == {}
    path.touch()
    assert manual_grading.read_manual_grades(path) == {}
    path.unlink()
    with nbgrader_gradebook(path):
        pass
    assert manual_grading.read_manual_grades(path) == {}
    assert NO_GRADES.digest == "" and ManualGrades({"a": ManualGrade(0.0)}).digest


def test_a_gradebook_that_is_none_is_said_in_a_line(course: Path, tmp_path: Path) -> None:
    copy = tmp_path / "gradebook.db"
    copy.write_bytes(b"this is no database at all, and it is long enough to say so" * 20)
    with pytest.raises(GradebookError, match="restore it from a backup"):
        manual_grading.read_manual_grades(copy)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table pet (name text)")
    with pytest.raises(GradebookError, match="no such table"):
        manual_grading.read_manual_grades(tmp_path / "other.db")
