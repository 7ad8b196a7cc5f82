"""A model answer is shown once it is released, to those who are done; the bundle holds none."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from IPython.utils.capture import capture_output

from grader.commandline import main
from grader.course.assignments import assignment
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, assignment_id
from grader.coursefile import current
from grader.records import nbgrader_tables as tables
from grader.records.gradebook import ensure_assignment
from grader.source import handin
from grader.source.cells import normalized
from grader.student import model_answers
from grader.student.check import judge_here
from grader.student.frozen import NoSuchExercise
from grader.student.lab_folder import copy_lessons
from grader.student.model_answers import NoModelAnswer, model_answer
from grader.student.session import PASSED, WAITS, Session

LESSON = LESSONS[0]
NAME = assignment_id(LESSON)
FIRST, SECOND = (exercise.id for exercise in exercises(LESSON)[:2])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a lesson in a lab, where a kernel works in which nothing has been checked."""
    copy_lessons(NOTEBOOKS, tmp_path / "lab")
    monkeypatch.chdir(tmp_path / "lab" / NAME)
    monkeypatch.setattr(Session, "outcomes", {})
    yield Path.cwd()


def release(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["release-answers", "1", "--output", str(folder), *more])


def changed(path: Path, **values: object) -> None:
    tree = json.loads(path.read_text(encoding="utf-8")) | values
    path.write_text(json.dumps(tree), encoding="utf-8")


def test_before_its_release_there_is_none_and_after_a_pass_nothing_speaks_of_it(
    here: Path,
) -> None:
    Session.outcomes[FIRST] = PASSED
    assert model_answers.offer(FIRST) == ""
    with pytest.raises(NoModelAnswer, match=f"released.*{NAME}.*beside this notebook"):
        model_answer(FIRST)


@pytest.mark.parametrize("place", [".", ".."])
def test_it_is_shown_after_a_pass_wherever_the_file_lies(
    place: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = release(here / place)
    assert done.exit_code == 0 and NAME in done.output
    assert f'model_answer("{FIRST}")' in model_answers.offer(FIRST)
    for outcome in ("", WAITS):
        Session.outcomes[FIRST] = outcome
        with pytest.raises(NoModelAnswer, match="after its check has passed here or its lesson"):
            model_answer(FIRST)
    Session.outcomes[FIRST] = PASSED
    model_answer(FIRST)
    assert f"def {FIRST}(" in capsys.readouterr().out
    with pytest.raises(NoModelAnswer):
        model_answer(SECOND)  # each for itself


def test_students_who_share_a_bundle_find_it_there_and_a_checkout_is_no_bundle(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = dataclasses.replace(current(), root=tmp_path)
    monkeypatch.setattr(model_answers, "current", lambda: course)
    release(tmp_path / model_answers.FOLDER)
    assert model_answers.offer(FIRST) == ""
    monkeypatch.setattr(model_answers, "ENGINE", tmp_path)
    assert model_answers.offer(FIRST)


@pytest.mark.parametrize("name", [NAME, "course"])
def test_who_has_packed_the_lesson_sees_it_too(name: str, here: Path) -> None:
    release(here)
    packed = here.parent / f"{current().id if name == 'course' else name}.zip"
    packed.write_bytes(b"PK\x05\x06 no zip")
    with pytest.raises(NoModelAnswer, match="has passed"):
        model_answer(FIRST)
    packed.write_bytes(handin.write({assignment_id(LESSONS[1]): b"{}"}, {}))
    with pytest.raises(NoModelAnswer, match="has passed"):
        model_answer(FIRST)
    packed.write_bytes(handin.write({NAME: b"{}"}, {}))
    model_answer(FIRST)


def test_each_that_is_released_passes_its_check(here: Path) -> None:
    release(here)
    space: dict = {}
    exec("import numpy as np", space)
    for exercise in exercises(LESSON):
        source = model_answers.released(exercise.id).source
        exec(source, space)
        assert judge_here(exercise.id, space, source).verdict.passed, exercise.id


def other_course(path: Path) -> None:
    changed(path, course="another")


def other_format(path: Path) -> None:
    changed(path, format=99)


def asked_otherwise(path: Path) -> None:
    tree = json.loads(path.read_text(encoding="utf-8"))
    tree["answers"][FIRST]["asked"] = "0" * 16
    path.write_text(json.dumps(tree), encoding="utf-8")


def not_asked(path: Path) -> None:
    tree = json.loads(path.read_text(encoding="utf-8"))
    del tree["answers"][FIRST]
    path.write_text(json.dumps(tree), encoding="utf-8")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def a_list(path: Path) -> None:
    path.write_text("[1, 2]")


def too_deep(path: Path) -> None:
    path.write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_course, f"is from the course another, not from {current().id}"),
        (other_format, "another edition of the grader"),
        (asked_otherwise, "is from another edition of the course"),
        (not_asked, "is from another edition of the course"),
        (cut_off, "is damaged: ask your instructor"),
        (not_text, "is damaged: ask your instructor"),
        (a_list, "is damaged: ask your instructor"),
        (too_deep, "is damaged: ask your instructor"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line_and_offers_nothing(
    change, said: str, here: Path
) -> None:
    release(here)
    [path] = here.glob(f"*{model_answers.SUFFIX}")
    change(path)
    Session.outcomes[FIRST] = PASSED
    with pytest.raises(NoModelAnswer, match=said) as caught:
        model_answer(FIRST)
    [line] = caught.value._render_traceback_()
    assert "\n" not in line and path.name in line
    assert model_answers.offer(FIRST) == ""


def test_an_exercise_that_is_none(here: Path) -> None:
    with pytest.raises(NoSuchExercise, match=FIRST):
        model_answer(FIRST[:-1])


def test_a_check_that_passes_names_it_and_one_that_fails_does_not(here: Path, shell) -> None:
    release(here)
    source = model_answers.released(FIRST).source
    for text, named in ((source, True), (f"def {FIRST}(*a, **k):\n    return 7.0", False)):
        shell.run_cell(f"import numpy as np\n{text}")
        with capture_output() as said:
            shell.run_cell(f"from grader import check\ncheck({FIRST!r})")
        for form in ("text/plain", "text/html"):
            shown = "".join(output.data.get(form, "") for output in said.outputs)
            assert ("model_answer(" in shown) == named, shown


def test_in_the_grading_worker_it_does_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    release(here)
    Session.outcomes[FIRST] = PASSED
    monkeypatch.setattr(Session, "checking", False)
    model_answer(FIRST)
    assert capsys.readouterr().out == ""


# -- the instructor's command ----------------------------------------------------------------------


def due(folder: Path, hours: float, extension: float = 0) -> None:
    """Lesson 1 is due in so many hours, and one student has more."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    with tables.open_gradebook(folder / "gradebook.db") as book:
        ensure_assignment(book, assignment(NAME))
        tables.set_due(book, NAME, now + datetime.timedelta(hours=hours))
        if extension:
            more = datetime.timedelta(hours=extension)
            tables.put_student(book, "ada", "", "", "")
            tables.set_extension(book, NAME, "ada", more)


@pytest.mark.parametrize(
    ("hours", "extension", "written"),
    [(-1, 0, True), (1, 0, False), (-1, 2, False), (-3, 2, True)],
)
def test_nothing_is_released_while_somebody_has_time(
    hours: float, extension: float, written: bool, tmp_path: Path
) -> None:
    due(tmp_path, hours, extension)
    done = release(tmp_path / "out", "--course-dir", str(tmp_path))
    assert (done.exit_code == 0) == written == any(tmp_path.glob("out/*"))
    if not written:
        assert "can be handed in until" in done.output and "Traceback" not in done.output
        assert release(tmp_path / "out", "--course-dir", str(tmp_path), "--early").exit_code == 0


def test_a_lesson_that_is_none_and_a_folder_that_cannot_be_written_are_one_line(
    tmp_path: Path,
) -> None:
    done = CliRunner().invoke(main, ["release-answers", "77"])
    assert done.exit_code == 2 and "no lesson '77'; the course has" in " ".join(done.output.split())
    (tmp_path / "file").write_text("in the way")
    done = release(tmp_path / "file" / "out")
    assert done.exit_code == 1 and "cannot be written" in done.output
    assert "Traceback" not in done.output


def test_what_is_released_is_the_courses_answers_and_no_more(tmp_path: Path) -> None:
    """The file names the lesson's exercises; a stub in it is only a digest."""
    release(tmp_path)
    [path] = tmp_path.iterdir()
    tree = json.loads(path.read_text(encoding="utf-8"))
    assert set(tree["answers"]) == {exercise.id for exercise in exercises(LESSON)}
    for one in tree["answers"].values():
        assert set(one) == {"asked", "answer"} and len(one["asked"]) == 16
        assert normalized(one["answer"])
