"""A new edition replaces what was never touched, and nothing that a student wrote is lost."""

from __future__ import annotations

import dataclasses
import functools
import json
import platform
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result
from nbformat import NotebookNode

from grader.authoring.sample import HUMAN_ANSWER, replace_answers
from grader.commandline import main
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, assignment_id
from grader.course.versions import solution
from grader.coursefile import current
from grader.student import editions, lessons, packing, records, runner
from grader.student.commands import lab as commands_lab
from grader.student.judged_apart import Judged
from grader.student.notebooks import read
from grader.student.packing import pack_lessons

LESSON = LESSONS[0]
NAME, OTHER = assignment_id(LESSON), assignment_id(LESSONS[1])
FIRST, SECOND, THIRD = (exercise.id for exercise in exercises(LESSON)[:3])
WRITTEN = "soft_lookup_in_words"
RIGHT = solution(LESSON, FIRST).source
PICTURE = {"image.png": {"image/png": "aGVsbG8="}}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The course's notebooks, in a folder where a test can bring out a new edition."""
    course = dataclasses.replace(current(), root=tmp_path / "course")
    monkeypatch.setattr(commands_lab, "current", lambda: course)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands_lab, "start_page", lambda folder: folder / "start.ipynb")
    for name in (NAME, OTHER):
        shutil.copytree(NOTEBOOKS / name, course.root / course.notebooks / name)
    return course.root / course.notebooks


@pytest.fixture
def lab(source: Path, tmp_path: Path) -> Path:
    opened()
    return tmp_path / "lab"


def opened(*more: str) -> Result:
    """What ``lab`` prepares and says, without JupyterLab."""
    return CliRunner().invoke(main, ["lab", "--copy-only", *more])


def path_in(folder: Path, name: str = NAME) -> Path:
    return folder / name / f"{name}.ipynb"


def changed(path: Path, change: Callable[[NotebookNode], object]) -> bytes:
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.language_info.version = platform.python_version()
    change(notebook)
    nbformat.write(notebook, path)
    return path.read_bytes()


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    [found] = [
        cell
        for cell in notebook.cells
        if name in (cell.id, cell.metadata.get("nbgrader", {}).get("grade_id"))
    ]
    return found


def new_edition(notebook: NotebookNode) -> None:
    """Another first text, and another stub of the second exercise."""
    notebook.cells[0].source += "\n\nSecond edition."
    cell_of(notebook, SECOND).source += "\n    # a new remark in the stub"


def worked_on(notebook: NotebookNode) -> None:
    """The first exercise, the question in writing with a picture, and a cell of one's own."""
    replace_answers(notebook, {FIRST: RIGHT, WRITTEN: f"{HUMAN_ANSWER}\n![](attachment:image.png)"})
    cell_of(notebook, WRITTEN).attachments = PICTURE
    place = notebook.cells.index(cell_of(notebook, FIRST)) + 1
    notebook.cells.insert(place, nbformat.v4.new_code_cell("a_try = 1", id="mine"))


def test_what_was_never_touched_is_brought_up_to_date(lab: Path, source: Path) -> None:
    new = changed(path_in(source), new_edition)
    done = opened()
    assert done.exit_code == 0 and path_in(lab).read_bytes() == new
    assert NAME in done.output and OTHER not in done.output and "--update" not in done.output
    assert NAME not in opened().output
    newest = changed(path_in(source), lambda n: n.cells[0].update(source="# Third edition"))
    opened()
    assert path_in(lab).read_bytes() == newest


def test_another_version_of_python_is_no_change(lab: Path, source: Path) -> None:
    """Jupyter writes the kernel's version into a notebook that is saved without a change."""

    def by_another_python(notebook: NotebookNode) -> None:
        assert notebook.metadata.language_info.version == platform.python_version()
        notebook.metadata.language_info.version = "3.99.1"

    own = path_in(lab)
    changed(own, by_another_python)
    copy = own.with_name("mine.ipynb")
    copy.write_bytes(changed(own, worked_on))
    shutil.copyfile(path_in(source), own)
    changed(own, lambda n: n.metadata.language_info.update(version="3.99.1"))
    assert lessons.file_in(own.parent) == copy
    copy.unlink()
    new = changed(path_in(source), new_edition)
    assert NAME in opened().output and own.read_bytes() == new


def test_what_was_touched_is_left_byte_for_byte_and_named_in_one_line(
    lab: Path, source: Path
) -> None:
    own = [changed(path_in(lab, name), worked_on) for name in (NAME,)]
    own.append(changed(path_in(lab, OTHER), lambda n: n.cells[0].update(source="# Notes")))
    assert "--update" not in opened().output  # of the present edition
    for name in (NAME, OTHER):
        changed(path_in(source, name), lambda n: n.cells[-2].update(source="Another end."))
    for _ in range(2):
        [line] = [line for line in opened().output.splitlines() if "--update" in line]
        assert NAME in line and OTHER in line
        assert line.endswith("python -m grader lab --update 01 --update 02")
    assert [path_in(lab, name).read_bytes() for name in (NAME, OTHER)] == own


def test_a_lab_without_a_note_counts_as_touched_unless_equal(lab: Path, source: Path) -> None:
    (lab / editions.NOTE).unlink()
    own = changed(path_in(lab), worked_on)
    assert "--update" not in opened().output  # all that is the course's is the present edition's
    (lab / editions.NOTE).write_text("{damaged")
    changed(path_in(source), new_edition)
    before = path_in(lab, OTHER).read_bytes()
    changed(path_in(source, OTHER), lambda n: n.cells[0].update(source="# Anew"))
    assert "--update 01 --update 02" in opened().output
    assert path_in(lab).read_bytes() == own and path_in(lab, OTHER).read_bytes() == before


@pytest.mark.parametrize("wanted", ["01", "1", NAME, LESSON, f"lab/{NAME}/"])
def test_answers_are_carried_over_and_the_old_file_is_kept(
    wanted: str, lab: Path, source: Path
) -> None:
    own = changed(path_in(lab), worked_on)
    changed(path_in(source), new_edition)
    done = opened("--update", wanted)
    kept = path_in(lab).with_name(f"before-update-{NAME}.ipynb")
    assert done.exit_code == 0 and str(kept.relative_to(lab.parent)) in done.output
    assert "your answers (2) and your own cells (1)" in done.output
    assert kept.read_bytes() == own
    notebook, given = nbformat.read(path_in(lab), 4), nbformat.read(path_in(source), 4)
    nbformat.validate(notebook)
    assert cell_of(notebook, FIRST).source == RIGHT.strip()
    written = cell_of(notebook, WRITTEN)
    assert HUMAN_ANSWER.strip() in written.source and written.attachments == PICTURE
    added = notebook.cells.pop(notebook.cells.index(cell_of(notebook, FIRST)) + 1)
    assert added.source == "a_try = 1" and added.metadata == {}
    assert [cell.metadata for cell in notebook.cells] == [cell.metadata for cell in given.cells]
    rest = {cell.id: cell.source for cell in notebook.cells if cell.id not in (FIRST, WRITTEN)}
    assert rest == {c.id: c.source for c in given.cells if c.id not in (FIRST, WRITTEN)}
    assert "is already up to date" in opened("--update", wanted).output
    assert "--update" not in opened().output


def test_an_answer_to_an_exercise_that_is_gone_stays_as_a_cell_of_ones_own(
    lab: Path, source: Path
) -> None:
    changed(path_in(lab), lambda n: replace_answers(n, {FIRST: RIGHT}))
    gone = {FIRST, f"check_{FIRST}", SECOND, f"check_{SECOND}"}

    def without(notebook: NotebookNode) -> None:
        notebook.cells = [
            cell
            for cell in notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id") not in gone
        ]

    changed(path_in(source), without)
    opened("--update", NAME)
    sources = [cell.source for cell in nbformat.read(path_in(lab), 4).cells]
    given = [cell.source for cell in nbformat.read(path_in(source), 4).cells]
    assert [text for text in sources if text not in given] == [RIGHT.strip()]  # no stub, no check


def test_a_second_update_keeps_both_old_files(lab: Path, source: Path) -> None:
    olds = []
    for edition in range(3):
        answer = {FIRST: f"{RIGHT}\n# thought {edition}"}
        olds.append(changed(path_in(lab), functools.partial(replace_answers, texts=answer)))
        changed(path_in(source), new_edition)
        opened("--update", NAME)
    kept = sorted(path_in(lab).parent.glob("before-update*"))
    assert sorted(path.read_bytes() for path in kept) == sorted(olds)


def test_the_kept_file_is_no_second_copy(
    lab: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "judge", lambda path, seconds: Judged())
    changed(path_in(lab), worked_on)
    changed(path_in(source), new_edition)
    opened("--update", NAME)
    packed = pack_lessons([], lab, say=lambda line: None)
    assert [item.path for item in packed.items] == [path_in(lab)]
    assert "before-update" not in repr(packed)
    shutil.copyfile(path_in(NOTEBOOKS), path_in(lab))  # begun anew: that is the lesson's file
    assert lessons.lessons(lab)[0].path == path_in(lab)


def test_a_renamed_lesson_is_found_named_and_updated_in_place(lab: Path, source: Path) -> None:
    """Beside it lies the fresh copy that each ``lab`` makes; that one is no answer."""
    mine = path_in(lab).rename(path_in(lab).with_name("my lesson.ipynb"))
    own = changed(mine, worked_on)
    assert "--update" not in opened().output
    new = changed(path_in(source), new_edition)
    for _ in range(2):
        [line] = [line for line in opened().output.splitlines() if "--update" in line]
        assert f"{NAME} (your my lesson.ipynb)" in line
    assert path_in(lab).read_bytes() == new and mine.read_bytes() == own
    done = opened("--update", "1")
    assert f"{NAME} (your my lesson.ipynb) is now up to date" in done.output
    assert "your answers (2) and your own cells (1)" in done.output
    assert mine.with_name("before-update-my lesson.ipynb").read_bytes() == own
    notebook, given = nbformat.read(mine, 4), nbformat.read(path_in(source), 4)
    assert cell_of(notebook, FIRST).source == RIGHT.strip()
    assert cell_of(notebook, SECOND).source == cell_of(given, SECOND).source  # not the old stub
    assert path_in(lab).read_bytes() == new
    assert "is already up to date" in opened("--update", "1").output
    assert "--update" not in opened().output


def test_a_lesson_renamed_after_a_new_edition_was_refused_is_updated_all_the_same(
    lab: Path, source: Path
) -> None:
    changed(path_in(lab), worked_on)
    changed(path_in(source), new_edition)
    assert "--update 01" in opened().output
    mine = path_in(lab).rename(path_in(lab).with_name("mine.ipynb"))
    assert f"{NAME} (your mine.ipynb)" in opened().output
    opened("--update", "1")
    notebook, given = nbformat.read(mine, 4), nbformat.read(path_in(source), 4)
    assert cell_of(notebook, FIRST).source == RIGHT.strip()
    assert cell_of(notebook, SECOND).source == cell_of(given, SECOND).source
    assert len(notebook.cells) == len(given.cells) + 1  # no second stub, no old text


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is not a notebook"), (path_in(NOTEBOOKS, OTHER).read_text(), "holds nothing of")],
)
def test_what_cannot_be_updated_is_one_line_and_left(
    content: str, said: str, lab: Path, source: Path
) -> None:
    path_in(lab).write_text(content)
    done = opened("--update", NAME)
    assert done.exit_code == 1 and said in done.output and len(done.output.splitlines()) == 1
    assert path_in(lab).read_text() == content
    assert "there is no lesson '77'; the course has" in opened("--update", "77").output


def test_a_full_disk_leaves_the_old_file(lab: Path, source: Path) -> None:
    own = changed(path_in(lab), worked_on)
    changed(path_in(source), new_edition)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # no file may grow beyond that
    try:
        done = opened("--update", NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.exit_code == 1 and "--folder" in done.output and "Traceback" not in done.output
    assert path_in(lab).read_bytes() == own


def test_the_note_is_no_record_of_a_check(lab: Path) -> None:
    assert records.read(lab) == ({}, [])
    assert set(json.loads((lab / editions.NOTE).read_text())) == {NAME, OTHER}


# -- a notebook of another edition, as check says it -----------------------------------------------


def renamed(notebook: NotebookNode) -> None:
    """The first exercise under another name, as an edition before may have had it."""
    for name in (FIRST, f"check_{FIRST}"):
        cell = cell_of(notebook, name)
        cell.id = cell.metadata.nbgrader["grade_id"] = name.replace(FIRST, "former_name")
        cell.source = cell.source.replace(FIRST, "former_name")


def without_an_exercise(notebook: NotebookNode) -> None:
    for name in (FIRST, f"check_{FIRST}"):
        notebook.cells.remove(cell_of(notebook, name))


def said_of(path: Path) -> str:
    notebook = read(path)
    found = runner.recognize(notebook)
    assert found is not None
    return editions.other_edition(path, found.assignment, notebook, found.assembly)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (renamed, f"is of another edition of {NAME} (it has former_name"),
        (without_an_exercise, f"seems to be of another edition of {NAME} (it lacks {FIRST})"),
    ],
)
def test_another_edition_is_told_by_its_cells(change, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.ipynb"
    shutil.copyfile(path_in(NOTEBOOKS), path)
    changed(path, change)
    said = said_of(path)
    assert words in said and "`python -m grader lab --update 01`" in said and "\n" not in said


def test_another_edition_is_told_by_the_labs_note(
    lab: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (lessons, runner):
        monkeypatch.setattr(module, "current", commands_lab.current)
    records.make(lab)
    changed(path_in(lab), worked_on)
    assert said_of(path_in(lab)) == ""
    changed(path_in(source), new_edition)
    assert f"is of another edition of {NAME}:" in said_of(path_in(lab))
    opened("--update", NAME)
    assert said_of(path_in(lab)) == ""


def clumsy(notebook: NotebookNode) -> None:
    """A check's cell deleted, an answer in a cell of one's own, one copied from another lesson."""
    worked_on(notebook)
    without_an_exercise(notebook)
    notebook.cells.remove(cell_of(notebook, f"check_{SECOND}"))
    notebook.cells.insert(4, nbformat.v4.new_code_cell(RIGHT))
    other = nbformat.read(path_in(NOTEBOOKS, OTHER), 4)
    notebook.cells.append(cell_of(other, exercises(LESSONS[1])[0].id))


def without_ids(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        cell.pop("id")
    notebook.nbformat_minor = 4


@pytest.mark.parametrize("change", [worked_on, clumsy, without_ids])
def test_a_clumsy_notebook_of_this_edition_is_not_said_to_be_of_another(
    change: Callable[[NotebookNode], None], tmp_path: Path
) -> None:
    path = tmp_path / f"{NAME}.ipynb"
    shutil.copyfile(path_in(NOTEBOOKS), path)
    changed(path, change)
    assert said_of(path) == ""


def test_check_says_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_judgements", lambda *_: iter(()))  # nothing is run here
    path = tmp_path / "mine.ipynb"
    shutil.copyfile(path_in(NOTEBOOKS), path)
    changed(path, renamed)
    lines = CliRunner().invoke(main, ["check", str(path)]).output.splitlines()
    assert len([line for line in lines if "another edition" in line]) == 1
