"""The gradebook when something is wrong with it: said in a line, with what to do."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from nbconvert.filters import markdown2html
from nbgrader.api import Gradebook
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.utils import parse_utc

from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.exercises import find
from grader.course.layout import LESSONS, assignment_id
from grader.errors import GradebookError
from grader.judge.outcome import Outcome, Shown
from grader.judge.run import Submission, rejected
from grader.pages.feedback import feedback_page
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Misconception
from grader.records.gradebook import ensure_assignment, record
from grader.records.manual_grading import fill_slots, read_manual_grades
from grader.records.nbgrader_tables import SCHEMA, open_gradebook, read_gradebook
from grader.rules.evaluate import evaluate
from grader.source.assembly import HUMAN
from tests.nbgrader_gradebook import nbgrader_gradebook

WHEN = "2026-02-03 04:05:06.789 UTC"


def tables_of(path: Path) -> set[tuple]:
    with sqlite3.connect(path) as database:
        made = database.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
        courses = database.execute("SELECT id FROM course").fetchall()
    statements = [(kind, name, " ".join((sql or "").split())) for kind, name, sql in made]
    return {*statements, *versions, *courses}


def test_a_new_gradebook_is_whole_and_an_old_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a new folder" / "gradebook.db"
    with open_gradebook(path):
        pass
    with nbgrader_gradebook(path) as book:
        book.add_student("ada")
    with open_gradebook(path) as ours:
        assert ours.execute("SELECT id FROM student").fetchall() == [("ada",)]
    assert [file.name for file in path.parent.iterdir()] == ["gradebook.db"]


def test_an_assignment_that_somebody_removed_is_named(tmp_path: Path) -> None:
    release = assignment(assignment_id(LESSONS[0]))
    outcome = rejected(Submission("ada", release.id, b""), release, "no notebook")
    with (
        pytest.raises(GradebookError, match=f"no longer has the assignment {release.id}"),
        open_gradebook(tmp_path / "gradebook.db") as book,
    ):
        record(book, outcome)


def test_the_revision_of_its_tables_is_the_newest_that_alembic_finds() -> None:
    assert ScriptDirectory(ALEMBIC_DIR).get_current_head() == SCHEMA


def test_a_new_gradebook_is_the_one_that_nbgrader_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_gradebook(tmp_path / "ours.db"):
        pass
    # nbgrader runs a program for the version of its tables.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    Gradebook(f"sqlite:///{tmp_path / 'theirs.db'}").close()
    assert tables_of(tmp_path / "ours.db") == tables_of(tmp_path / "theirs.db")


def test_tables_of_another_nbgrader_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    with open_gradebook(path):
        pass
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '724cde206c17'")
    before = path.read_bytes()
    for opened in (open_gradebook, read_gradebook):
        named = pytest.raises(GradebookError, match=f"revision 724cde206c17.*{SCHEMA}.*db upgrade")
        with named, opened(path):
            pass
    assert path.read_bytes() == before


def test_with_another_nbgrader_no_gradebook_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "0.10.1")
    named = pytest.raises(GradebookError, match=r"nbgrader 0\.10\.1 is installed")
    with named, open_gradebook(tmp_path / "gradebook.db"):
        pass
    with read_gradebook(tmp_path / "gradebook.db") as book:
        assert book is None


def test_what_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    """A submission whose marks cannot all be written has none of its rows."""
    release = assignment(assignment_id(LESSONS[0]))
    found = rejected(Submission("ada", release.id, b""), release, "a reason")
    unknown = dataclasses.replace(found.verdicts[0], exercise="not_there")
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, release)
        with pytest.raises(GradebookError, match="does not know check_not_there"):
            record(book, dataclasses.replace(found, verdicts=(unknown,)))
        for table in ("student", "submitted_assignment", "submitted_notebook", "grade"):
            assert book.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_submission_is_recorded_in_the_rows_that_nbgrader_makes(tmp_path: Path) -> None:
    release = assignment(assignment_id(LESSONS[0]))
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, release)
        record(book, rejected(Submission("ours", release.id, b""), release, "for a reason"))
    with nbgrader_gradebook(tmp_path / "gradebook.db") as book:
        book.add_student("theirs")
        book.add_submission(release.id, "theirs")
        ours, theirs = (
            book.find_submission(release.id, student).notebooks[0] for student in ("ours", "theirs")
        )
        assert ours.name == theirs.name
        assert sorted(grade.name for grade in ours.grades) == sorted(
            grade.name for grade in theirs.grades
        )
        assert sorted(comment.name for comment in ours.comments) == sorted(
            comment.name for comment in theirs.comments
        )


def test_a_gradebook_held_by_another_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    with open_gradebook(path):
        pass
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    named = pytest.raises(GradebookError, match=r"gradebook\.db: .* locked.*close that one")
    with named, open_gradebook(path, patience=0.1) as book:
        ensure_assignment(book, assignment(assignment_id(LESSONS[0])))
    other.close()


def test_a_gradebook_on_a_full_disk_is_named(tmp_path: Path) -> None:
    """The pages that it may have are bounded: to SQLite that is a disk without room."""
    named = pytest.raises(GradebookError, match="full.*make room")
    with named, open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, assignment(assignment_id(LESSONS[0])))
        book.execute("PRAGMA max_page_count = 1")
        release = assignment(assignment_id(LESSONS[0]))
        for number in range(2000):
            student = Submission(f"student-{number}", release.id, b"")
            record(book, rejected(student, release, "a reason"))


@pytest.mark.parametrize("command", ["grade", "verify"])
def test_what_is_no_gradebook_is_no_traceback(command: str, tmp_path: Path) -> None:
    (tmp_path / "gradebook.db").write_text("marks: all of them\n" * 100)
    (tmp_path / "submitted" / "ada" / assignment_id(LESSONS[0])).mkdir(parents=True)
    where = [str(tmp_path / "submitted")] if command == "grade" else []
    arguments = [command, *where, "--course-dir", str(tmp_path), "--salt", "s"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert "file is not a database" in done.output and "backup" in done.output
    assert (tmp_path / "gradebook.db").read_text().startswith("marks: all of them")


def rows_of(path: Path) -> set[tuple]:
    """A submission's rows by the names of what they belong to, without ids."""
    joins = {
        "grade": "auto_score, manual_score, extra_credit, needs_manual_grade",
        "comment": "auto_comment, manual_comment",
    }
    with sqlite3.connect(path) as database:
        return {
            (table, *row)
            for table, columns in joins.items()
            for row in database.execute(
                f"SELECT base_cell.name, student.id, assignment.name, {columns}, flagged,"
                " late_submission_penalty, timestamp, extension, first_name, lms_user_id"
                f" FROM {table} JOIN base_cell ON base_cell.id = cell_id"
                f" JOIN submitted_notebook ON submitted_notebook.id = {table}.notebook_id"
                " JOIN submitted_assignment"
                " ON submitted_assignment.id = submitted_notebook.assignment_id"
                " JOIN assignment ON assignment.id = submitted_assignment.assignment_id"
                " JOIN student ON student.id = student_id"
            )
        }


@pytest.mark.parametrize("answered", [False, True])
def test_a_new_submissions_rows_are_those_that_nbgrader_makes(
    tmp_path: Path, answered: bool
) -> None:
    """Made by nbgrader first and filled in then, or written at once: nobody can tell."""
    release = assignment(assignment_id("masking"))
    found = rejected(Submission("ada", release.id, b""), release, "a reason")
    humans = {name: (points, answered) for name, (points, _) in found.humans.items()}
    found = dataclasses.replace(found, humans=humans, unsure=frozenset())
    for name in ("theirs", "ours"):
        with open_gradebook(tmp_path / name) as book:
            ensure_assignment(book, release)
        if name == "theirs":
            with nbgrader_gradebook(tmp_path / name) as theirs:
                theirs.add_student("ada")
                theirs.add_submission(release.id, "ada", timestamp=WHEN)
        with open_gradebook(tmp_path / name) as book:
            record(book, found, None if name == "theirs" else parse_utc(WHEN))
            record(book, found)  # graded again: nothing is there twice
        with nbgrader_gradebook(tmp_path / name) as theirs:
            submission = theirs.find_submission(release.id, "ada")
            assert submission.max_score == release.max_score + sum(p for p, _ in humans.values())
            assert submission.needs_manual_grade is answered
    ours = rows_of(tmp_path / "ours")
    assert ours == rows_of(tmp_path / "theirs")
    assert len(ours) > len(release.exercises)


@pytest.mark.parametrize("known", [None, Misconception("one", "leaves out `axis`", "It *sums*.")])
def test_what_a_comment_quotes_of_a_student_is_no_markup(
    tmp_path: Path, known: Misconception | None
) -> None:
    """nbgrader renders comments as Markdown, and an answer chooses what its error says.

    The course's own words, which name a mistake, keep their code and their emphasis beside it.
    """
    release = assignment(assignment_id("single_query_attention"))
    said = "<b>all right</b> [here](elsewhere) **5 of 5** `5`"

    def softmax(scores, axis=-1):
        raise ValueError(said)

    suite = find("softmax").suite(b"comment")
    replies = DirectCalls({"softmax": softmax}).ask(case.ask for case in suite.cases)
    verdict = dataclasses.replace(evaluate(suite, replies, dict), attempted=True)
    checks = tuple(dataclasses.replace(one, misconception=known) for one in verdict.checks)
    verdict = dataclasses.replace(verdict, checks=checks)
    found = rejected(Submission("ada", release.id, b""), release, "a reason")
    found = dataclasses.replace(found, verdicts=(verdict,), unsure=frozenset())
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, release)
        record(book, found, parse_utc(WHEN))
    with nbgrader_gradebook(tmp_path / "gradebook.db") as theirs:
        comments = [
            one.auto_comment
            for one in theirs.find_submission(release.id, "ada").notebooks[0].comments
        ]
    page = "".join(markdown2html(comment) for comment in comments if comment)
    assert html.escape(said, quote=False) in page
    assert not any(tag in page for tag in ("<b>", "<a ", "<strong>"))
    own = ("<code>axis</code>", "<em>sums</em>")
    assert [page.count(tag) for tag in own] == [int(known is not None)] * 2
    assert page.count("<code>") == int(known is not None)


def cells_of(path: Path) -> set[tuple]:
    """What an assignment is in the gradebook, without ids."""
    with sqlite3.connect(path) as database:
        return {
            *database.execute("SELECT name, duedate, course_id FROM assignment"),
            *database.execute(
                "SELECT notebook.name, assignment.name, kernelspec FROM notebook"
                " JOIN assignment ON assignment.id = assignment_id"
            ),
            *database.execute(
                "SELECT base_cell.name, notebook.name, type, max_score, cell_type,"
                " solution_cells.id IS NOT NULL FROM base_cell"
                " JOIN notebook ON notebook.id = notebook_id"
                " LEFT JOIN grade_cells ON grade_cells.id = base_cell.id"
                " LEFT JOIN solution_cells ON solution_cells.id = base_cell.id"
            ),
            *database.execute(
                "SELECT source_cell.name, notebook.name, cell_type, locked, source, checksum"
                " FROM source_cell JOIN notebook ON notebook.id = notebook_id"
            ),
        }


def test_an_assignments_rows_are_those_that_nbgrader_makes(tmp_path: Path) -> None:
    """Also where they were others before: points and texts may change from year to year."""
    release = assignment(assignment_id("masking"))
    document = json.loads(release.path.read_bytes())
    with nbgrader_gradebook(tmp_path / "theirs") as book:
        book.add_assignment(release.id)
        book.add_notebook(release.id, release.id, kernelspec=json.dumps(
            document["metadata"]["kernelspec"]
        ))  # fmt: skip
        for cell in document["cells"]:
            marks, kind = cell["metadata"].get("nbgrader"), cell["cell_type"]
            if marks is None:
                continue
            where = (marks["grade_id"], release.id, release.id)
            if marks["grade"]:
                book.add_grade_cell(*where, max_score=marks["points"], cell_type=kind)
            if marks["solution"]:
                book.add_solution_cell(*where)
            book.add_source_cell(
                *where, cell_type=kind, source="".join(cell["source"]), locked=marks["locked"],
                checksum=marks["checksum"],
            )  # fmt: skip
    with open_gradebook(tmp_path / "ours") as book:
        ensure_assignment(book, release)
    expected = cells_of(tmp_path / "theirs")
    assert cells_of(tmp_path / "ours") == expected and len(expected) > len(release.exercises)
    with open_gradebook(tmp_path / "ours") as book:
        book.execute("UPDATE grade_cells SET max_score = 77, cell_type = 'markdown'")
        book.execute("UPDATE source_cell SET source = '', checksum = '', locked = NOT locked")
        book.execute("UPDATE notebook SET kernelspec = ''")
        ensure_assignment(book, release)
    assert cells_of(tmp_path / "ours") == expected


def test_a_persons_marks_stay_and_are_looked_at_again(tmp_path: Path) -> None:
    release = assignment(assignment_id("masking"))
    found = rejected(Submission("ada", release.id, b""), release, "a reason")
    name = f"check_{release.exercises[0].id}"
    with open_gradebook(tmp_path / "gradebook.db") as book:
        ensure_assignment(book, release)
        record(book, found)
    with nbgrader_gradebook(tmp_path / "gradebook.db") as theirs:
        grade = theirs.find_grade(name, release.id, release.id, "ada")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        theirs.db.commit()
    with open_gradebook(tmp_path / "gradebook.db") as book:
        record(book, found)
    with nbgrader_gradebook(tmp_path / "gradebook.db") as theirs:
        grade = theirs.find_grade(name, release.id, release.id, "ada")
        assert (grade.manual_score, grade.score, grade.needs_manual_grade) == (1.5, 1.5, True)


# -- answers in writing ----------------------------------------------------------------------------

WRITTEN = "masking_in_words"


def handed_in(text: str | None) -> Outcome:
    """What grading finds in a notebook with this answer in writing; None: as it was given out."""
    release = assignment(assignment_id("masking"))
    found = rejected(Submission("ada", release.id, b""), release, "a reason")
    cells = (Shown(HUMAN, "markdown", WRITTEN, text or "*Write here.*"),)
    humans = {WRITTEN: (3.0, text is not None)}
    return dataclasses.replace(found, cells=cells, humans=humans, unsure=frozenset())


def written(path: Path) -> tuple:
    """Points, extra points, does it wait, a person's comment, the automatic comment."""
    name = assignment_id("masking")
    with nbgrader_gradebook(path) as book:
        grade = book.find_grade(WRITTEN, name, name, "ada")
        note = book.find_comment(WRITTEN, name, name, "ada")
        waits = grade.needs_manual_grade
        extra = grade.extra_credit or 0.0
        return grade.manual_score, extra, waits, note.manual_comment, note.auto_comment


def read_by_a_person(path: Path, score: float | None, comment: str, extra: float = 0.0) -> None:
    """As Formgrader writes it."""
    name = assignment_id("masking")
    with nbgrader_gradebook(path) as book:
        grade = book.find_grade(WRITTEN, name, name, "ada")
        grade.manual_score, grade.extra_credit = score, extra
        grade.needs_manual_grade = score is None
        book.find_comment(WRITTEN, name, name, "ada").manual_comment = comment
        book.db.commit()


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """A gradebook in which a person gave an answer 2 points, half a point more, and a comment."""
    path = tmp_path / "gradebook.db"
    assert hand_in_again(path, "The first two.") == []
    assert written(path)[:3] == (None, 0.0, True)
    read_by_a_person(path, 2.0, "Say *why*.", extra=0.5)
    return path


def hand_in_again(path: Path, text: str | None) -> list[str]:
    with open_gradebook(path) as book:
        ensure_assignment(book, assignment(assignment_id("masking")))
        return record(book, handed_in(text))


def test_the_same_text_keeps_its_points_and_nobody_reads_it_twice(answers: Path) -> None:
    for text in ("The first two.", "\n The first two. \n"):
        assert hand_in_again(answers, text) == []
        assert written(answers) == (2.0, 0.5, False, "Say *why*.", None)


def test_another_text_keeps_no_points_and_waits_with_the_old_ones_shown(answers: Path) -> None:
    assert hand_in_again(answers, "All of them.") == [WRITTEN]
    score, extra, waits, comment, shown = written(answers)
    assert (score, extra, waits, comment) == (None, 0.0, True, None)
    assert shown == (
        "An earlier text of this answer got 2.5 of 3 points.\n\n"
        "The comment on the earlier text: Say *why*."
    )
    name = assignment_id("masking")
    grades = read_manual_grades(answers)["ada", name]
    assert grades.cells[WRITTEN].earlier == 2.5 and grades.cells[WRITTEN].score is None
    page = feedback_page(handed_in("All of them."), assignment(name))
    assert "waits for a person; an earlier text got 2.5<" in "".join(
        fill_slots(page, grades).decode().splitlines()
    )
    # Once more, before anybody has read it: the old points are still those that were given last.
    assert hand_in_again(answers, "None of them.") == []
    assert written(answers)[4] == shown and written(answers)[2]
    read_by_a_person(answers, 1.0, "Yes.")
    assert read_manual_grades(answers)["ada", name].cells[WRITTEN].earlier is None
    assert hand_in_again(answers, "None of them.") == []
    assert written(answers) == (1.0, 0.0, False, "Yes.", None)


def test_an_answer_that_is_gone_is_no_silent_zero(answers: Path) -> None:
    """As it was given out, or in a file that nobody can read: a person decides."""
    assert hand_in_again(answers, None) == [WRITTEN]
    score, _, waits, _, shown = written(answers)
    assert (score, waits) == (None, True)
    assert shown.startswith("No response.\n\nAn earlier text of this answer got 2.5 of 3")
    page = feedback_page(handed_in(None), assignment(assignment_id("masking")))
    grades = read_manual_grades(answers)["ada", assignment_id("masking")]
    said = "".join(fill_slots(page, grades).decode().splitlines())
    assert "a person decides, since an earlier text got 2.5" in said


def test_points_whose_text_was_not_noted_stay(answers: Path) -> None:
    """A gradebook that an older version of this grader wrote."""
    with sqlite3.connect(answers) as database:
        database.execute("DROP TABLE grader_answer")
    assert hand_in_again(answers, "Another text.") == []
    assert written(answers)[:3] == (2.0, 0.5, False)
    assert hand_in_again(answers, "And another.") == [WRITTEN]


def test_nbgrader_lives_with_the_table_that_is_not_its_own(answers: Path) -> None:
    with nbgrader_gradebook(answers) as book:
        book.remove_submission(assignment_id("masking"), "ada")
        assert book.find_assignment(assignment_id("masking")).submissions == []
    assert hand_in_again(answers, "Once more.") == []
    assert written(answers)[:3] == (None, 0.0, True)
