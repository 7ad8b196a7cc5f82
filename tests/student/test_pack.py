"""Packing: the saved file as `check NOTEBOOK` judges it, whatever clumsy state the lab is in."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat import NotebookNode

from grader.authoring.sample import HUMAN_ANSWER, replace_answers
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.exercises import exercises
from grader.course.layout import LESSONS, NOTEBOOKS, assignment_id
from grader.course.versions import solution
from grader.protocol.values import CheckResult, Verdict
from grader.records import handed_in
from grader.source import handin
from grader.student import packing, records, runner
from grader.student.cell_versions import Run, compare
from grader.student.judged_apart import Judged, judge
from grader.student.lab_folder import copy_lessons
from grader.student.notebooks import Cell
from grader.student.packing import NothingPacked, Packed, pack_lessons

LESSON = LESSONS[0]
NAME = assignment_id(LESSON)
FIRST, SECOND = (exercise.id for exercise in exercises(LESSON)[:2])
WRITTEN = "soft_lookup_in_words"
RIGHT = solution(LESSON, FIRST).source


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    copy_lessons(NOTEBOOKS, folder)
    records.make(folder)
    return folder


@pytest.fixture
def unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a test is not about running the answers."""
    monkeypatch.setattr(packing, "judge", lambda path, seconds: Judged())


def path_in(lab: Path, name: str = NAME) -> Path:
    return lab / name / f"{name}.ipynb"


def changed(path: Path, change: Callable[[NotebookNode], object]) -> Path:
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)
    return path


def answered(lab: Path, **answers: str) -> Path:
    """The lesson with these answers, given by exercise, and nothing else."""
    return changed(path_in(lab), lambda notebook: replace_answers(notebook, answers))


def packed(lab: Path, *wanted: str, **more) -> Packed:
    return pack_lessons(wanted, lab, say=lambda line: None, **more)


def members(done: Packed) -> dict[str, bytes]:
    return handed_in.read(done.path.read_bytes()).notebooks


def warnings(lab: Path, *wanted: str, **more) -> str:
    return "\n".join(line for item in packed(lab, *wanted, **more).items for line in item.warnings)


def test_a_zip_holds_the_saved_bytes_under_the_right_name_and_a_receipt(lab: Path) -> None:
    notebook = replace_answers(solved(LESSON), {WRITTEN: HUMAN_ANSWER})
    nbformat.write(notebook, path_in(lab))
    done = CliRunner().invoke(main, ["pack", "--folder", str(lab)])
    assert done.exit_code == 0, done.output
    content = (lab / "attention.zip").read_bytes()
    found = handed_in.read(content)
    assert found.notebooks == {NAME: path_in(lab).read_bytes()}
    [said] = found.receipt["notebooks"]
    assert said["file"] == f"{NAME}/{NAME}.ipynb" and said["warnings"] == []
    assert said["sha256"] == handin.digest(path_in(lab).read_bytes())
    assert said["points"] == sum(exercise.points for exercise in exercises(LESSON))
    assert handin.digest(content) in done.output and "!" not in done.output
    assert packing.where() in done.output


def test_it_says_what_check_says(lab: Path, shell) -> None:
    """One set of eyes: the same points, exercise by exercise, as `check NOTEBOOK`."""
    path = answered(lab, **{FIRST: RIGHT, SECOND: f"def {SECOND}(*args):\n    return args[0]"})
    checked = runner.run_notebook(path)
    expected = {v.exercise: (v.attempted, v.score, v.max_score) for v in checked.verdicts}
    found = judge(path)
    assert {r.exercise: (r.attempted, r.points, r.possible) for r in found.results} == expected
    assert {attempted for attempted, _, _ in expected.values()} == {True, False}


# -- clumsy states ---------------------------------------------------------------------------------


def test_1_the_work_is_in_a_copy(lab: Path, unjudged) -> None:
    copy = path_in(lab).with_name(f"{NAME}-Copy1.ipynb")
    shutil.copyfile(path_in(lab), copy)
    changed(copy, lambda notebook: replace_answers(notebook, {FIRST: RIGHT}))
    assert members(packed(lab)) == {NAME: copy.read_bytes()}  # the right one was never saved
    path_in(lab).write_bytes(path_in(lab).read_bytes() + b"\n")  # saved, with nothing written
    with pytest.raises(NothingPacked, match="-Copy1.ipynb holds answers .* is unchanged"):
        packed(lab)
    assert "-Copy1" in warnings(lab, NAME)
    done = packed(lab, str(copy))  # as the warning says
    assert members(done) == {NAME: copy.read_bytes()}
    assert done.path.name == f"{NAME}.zip"


@pytest.mark.parametrize("name", [f"{NAME}-Copy1", f"{NAME} (1)", "my lesson", "Untitled"])
def test_2_a_later_copy_under_any_name(name: str, lab: Path, unjudged) -> None:
    answered(lab, **{FIRST: RIGHT})
    other = lab / f"{name}.ipynb"
    shutil.copyfile(path_in(lab), other)
    assert "too" not in warnings(lab)  # the same answers
    changed(other, lambda notebook: replace_answers(notebook, {SECOND: "x = 1"}))
    os.utime(other, (time.time() + 60, time.time() + 60))
    assert f"{name}.ipynb holds answers to {NAME}, too, and was saved later" in warnings(lab)


def test_3_a_cell_that_does_not_run(lab: Path) -> None:
    path = answered(lab, **{FIRST: RIGHT})
    own = nbformat.v4.new_code_cell("# a try\nnumbers = [1, 2][7]", id="mine")
    changed(path, lambda notebook: notebook.cells.insert(3, own))
    done = packed(lab)
    said = "\n".join(done.items[0].warnings)
    assert "your cell `numbers = [1, 2][7]` raises IndexError: list index out of range" in said
    results = {one.exercise: one for one in done.items[0].judged.results}
    assert results[FIRST].right and not results[SECOND].attempted
    assert f"{SECOND} is not attempted" in said


def test_3_cells_of_the_lesson_that_a_wrong_answer_breaks_are_one_line(lab: Path) -> None:
    wrong = f"def {FIRST}(*args, **kwargs):\n    return 7.0"
    nbformat.write(replace_answers(solved(LESSON), {FIRST: wrong}), path_in(lab))
    said = packed(lab).items[0].warnings
    assert sum("raises" in line for line in said) == 1
    assert any(
        line.startswith("the lesson's cell") and "more of its cells" in line for line in said
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True: pass", f"the cell of {FIRST} was still running after 20 seconds"),
        ("import os; os._exit(3)", f"the cell of {FIRST} ended the process that ran it"),
    ],
)
def test_4_a_cell_that_never_ends_or_ends_everything(body: str, said: str, lab: Path) -> None:
    answered(lab, **{FIRST: body})
    done = packed(lab, seconds=20)
    assert said in "\n".join(done.items[0].warnings)
    assert handed_in.read(done.path.read_bytes()).notebooks[NAME] == path_in(lab).read_bytes()


def test_5_an_answer_changed_after_its_check_ran(lab: Path, unjudged) -> None:
    path = answered(lab, **{FIRST: RIGHT, SECOND: "x = 1"})
    for name, text in ((FIRST, RIGHT), (SECOND, "x = 1")):
        verdict = Verdict(name, 1.0, 1.0, True, (CheckResult("one", True),))
        assert records.note(verdict, path.parent, text) == ""
    assert "changed after" not in warnings(lab)
    answered(lab, **{FIRST: RIGHT + "\n# one more thought\n"})
    assert f"changed after the last run: {FIRST};" in warnings(lab)


def test_6_the_question_in_writing_is_untouched(lab: Path, unjudged) -> None:
    path = answered(lab, **{FIRST: RIGHT})
    assert f"the question in writing, {WRITTEN}, is not answered (3 points" in warnings(lab)
    changed(path, lambda notebook: replace_answers(notebook, {WRITTEN: HUMAN_ANSWER}))
    assert "in writing" not in warnings(lab)


@pytest.mark.parametrize("content", ["", "{", '{"cells": [', "# a note", "[]"])
def test_7_a_damaged_file(content: str, lab: Path, unjudged) -> None:
    path_in(lab).write_text(content)
    with pytest.raises(NothingPacked, match=f"{NAME}.ipynb is not a notebook"):
        packed(lab)
    second = assignment_id(LESSONS[1])
    changed(path_in(lab, second), lambda notebook: notebook.cells.append(own_cell()))
    done = packed(lab)  # the other lesson is packed, and the loss is said
    assert [item.assignment for item in done.items] == [second]
    assert f"{NAME}.ipynb is not a notebook" in repr(done)
    arguments = ["pack", "--folder", str(lab)]
    assert CliRunner().invoke(main, arguments).exit_code == 1


def own_cell() -> NotebookNode:
    return nbformat.v4.new_code_cell("y = 1", id="mine")


def test_8_another_lesson_copied_over_it(lab: Path, unjudged) -> None:
    other = path_in(lab, assignment_id(LESSONS[1]))
    changed(other, lambda notebook: notebook.cells.append(own_cell()))
    shutil.copyfile(other, path_in(lab))
    with pytest.raises(NothingPacked, match=f"holds {assignment_id(LESSONS[1])}, not {NAME}"):
        packed(lab, NAME)


def test_9_a_wrong_name_is_put_right(lab: Path, unjudged) -> None:
    path = answered(lab, **{FIRST: RIGHT})
    path.rename(lab / "final FINAL.ipynb")
    done = packed(lab, "final FINAL.ipynb")
    with zipfile.ZipFile(done.path) as archive:
        assert archive.namelist() == [f"{NAME}/{NAME}.ipynb", "receipt.json"]
    shutil.copyfile(lab / "final FINAL.ipynb", path)
    with pytest.raises(NothingPacked, match=f"are both {NAME}"):
        packed(lab, NAME, "final FINAL.ipynb")


@pytest.mark.parametrize("way", ["all", "by name", "by number", "from its folder", "command"])
def test_9_a_lesson_renamed_in_its_folder_is_packed(way: str, lab: Path, unjudged) -> None:
    """The start page counts it, so it is packed: under the right name, and that is said."""
    own = answered(lab, **{FIRST: RIGHT}).rename(lab / NAME / "my lesson.ipynb")
    if way == "command":
        done = CliRunner().invoke(main, ["pack", "--folder", str(lab)])
        assert done.exit_code == 0, done.output
        found, said = handed_in.read((lab / "attention.zip").read_bytes()).notebooks, done.output
    else:
        wanted = {"by name": [NAME], "by number": ["1"]}.get(way, [])
        start = own.parent if way == "from its folder" else lab
        packing_done = packed(start, *wanted)
        found, said = members(packing_done), repr(packing_done)
    assert found == {NAME: own.read_bytes()}
    assert f"! my lesson.ipynb was packed; in the zip it is {NAME}/{NAME}.ipynb" in said


def test_9_a_right_name_is_not_remarked_on(lab: Path, unjudged) -> None:
    answered(lab, **{FIRST: RIGHT})
    assert "was packed" not in warnings(lab)


def test_9_a_notebook_of_another_edition_says_so_first_and_once(lab: Path, unjudged) -> None:
    def former(notebook: NotebookNode) -> None:
        """The second exercise under the name that an edition before gave it."""
        for cell in notebook.cells:
            marks = cell.metadata.get("nbgrader", {})
            if marks.get("grade_id") in (SECOND, f"check_{SECOND}"):
                cell.id = marks["grade_id"] = marks["grade_id"].replace(SECOND, "former_name")
                cell.source = cell.source.replace(SECOND, "former_name")

    changed(answered(lab, **{FIRST: RIGHT}), former)
    said = warnings(lab, NAME)
    assert said.startswith(f"{NAME}.ipynb is of another edition of {NAME} (it has former_name")
    assert said.count("another edition") == 1 and "lab --update 01" in said
    changed(path_in(lab), lambda notebook: notebook.cells.pop(0))
    assert warnings(lab, NAME).count("another edition") == 1


@pytest.mark.parametrize("in_a_lab", [True, False])
def test_9_a_file_that_is_named_is_packed_from_any_folder(
    in_a_lab: bool, lab: Path, tmp_path: Path, unjudged
) -> None:
    """The zip is beside the lessons, or beside a file that is in no folder of lessons."""
    path = answered(lab, **{FIRST: RIGHT})
    far = tmp_path / "far" / "away"
    far.mkdir(parents=True)
    if not in_a_lab:
        path = path.rename(far.parent.parent / "mine.ipynb")
    done = packed(far, str(path))
    assert members(done) == {NAME: path.read_bytes()}
    assert done.path.parent == (lab if in_a_lab else path.parent)
    with pytest.raises(NothingPacked, match="there is no lesson in"):
        packed(far, "nowhere.ipynb")


def test_10_nothing_is_written_yet(lab: Path, unjudged) -> None:
    with pytest.raises(NothingPacked, match="no lesson in .* holds an answer"):
        packed(lab)
    assert "it holds no answer" in warnings(lab, "1")  # asked for by name, it is packed
    with pytest.raises(NothingPacked, match="there is no lesson '77'"):
        packed(lab, "77")
    with pytest.raises(NothingPacked, match="there is no file"):
        packed(lab, "nowhere.ipynb")


def test_11_a_full_disk_leaves_the_zip_of_before(lab: Path, unjudged) -> None:
    answered(lab, **{FIRST: RIGHT})
    path = packed(lab).path
    before, beside = path.read_bytes(), sorted(lab.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # no file may grow beyond that
    try:
        with pytest.raises(NothingPacked) as caught:
            packed(lab)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "the disk is full" in str(caught.value) and "zip is unchanged" in str(caught.value)
    assert path.read_bytes() == before and sorted(lab.iterdir()) == beside


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """As a user to whom a read-only folder is one; root may write anywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_12_a_folder_that_is_read_only(unjudged) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        lab, elsewhere = base / "lab", base / "elsewhere"
        copy_lessons(NOTEBOOKS, lab)
        answered(lab, **{FIRST: RIGHT})
        elsewhere.mkdir()
        elsewhere.chmod(0o777)
        for folder in (base, lab, *lab.iterdir()):
            if folder.is_dir():
                folder.chmod(0o555)
        with as_nobody():
            with pytest.raises(NothingPacked, match="cannot be written .*--output FOLDER"):
                packed(lab)
            done = packed(lab, output=elsewhere)
            assert done.path == elsewhere / "attention.zip" and done.path.is_file()
        for folder in (base, lab, *lab.iterdir()):
            folder.chmod(0o755)


def test_each_lesson_is_run_without_the_names_of_the_one_before(lab: Path) -> None:
    """Judged side by side in one process, the second would find what the first has defined."""
    answered(lab, **{FIRST: RIGHT + "\nleft_behind = 1"})
    second = path_in(lab, assignment_id(LESSONS[1]))
    changed(second, lambda n: n.cells.append(nbformat.v4.new_code_cell("left_behind", id="mine")))
    done = packed(lab)
    assert [item.assignment for item in done.items] == [NAME, assignment_id(LESSONS[1])]
    assert "your cell `left_behind` raises NameError" in "\n".join(done.items[1].warnings)


def test_a_receipt_names_all_that_was_warned_of(lab: Path, unjudged) -> None:
    answered(lab, **{FIRST: RIGHT})
    done = packed(lab)
    receipt = json.loads(zipfile.ZipFile(done.path).read("receipt.json"))
    assert receipt["notebooks"][0]["warnings"] == list(done.items[0].warnings) != []
    assert receipt["packed"].endswith("+00:00")
    assert abs(time.time() - done.when.timestamp()) < 60


def test_what_is_shown_cannot_be_a_page_of_somebody_elses_making(lab: Path, unjudged) -> None:
    """A file's name stands in the report."""
    answered(lab, **{FIRST: RIGHT})
    other = lab / "<img src=x onerror=alert(1)>.ipynb"
    shutil.copyfile(path_in(lab), other)
    changed(other, lambda notebook: replace_answers(notebook, {SECOND: "x = 1"}))
    shown = packed(lab)._repr_html_()
    assert "&lt;img" in shown and "<img" not in shown


# -- what a kernel knows more ----------------------------------------------------------------------


def run(cell: str, text: str, at: float) -> Run:
    return Run(cell, text, text, "", at)


def test_a_kernel_tells_what_is_not_saved_from_what_was_changed_since() -> None:
    cells = [Cell("code", "a", "", "x = 1"), Cell("code", "b", FIRST, "y = 2")]
    assert compare(cells, 100, [run("a", "x = 1", 90), run("b", "y = 2\n", 110)]).unsaved == ()
    newer = compare(cells, 100, [run("a", "x = 0", 90), run("a", "x = 5", 110)])
    assert newer.unsaved == ("x = 1",) and newer.changed == ()
    older = compare(cells, 100, [run("b", "y = 3", 90)])
    assert older.changed == (FIRST,) and older.unsaved == ()
    added = compare(cells, 100, [run("a", "x = 1", 90), run("c", "def f(): ...", 110)])
    assert added.unsaved == ("def f(): ...",)
    deleted = compare(cells, 100, [run("a", "x = 1", 90), run("c", "def f(): ...", 95)])
    assert deleted == compare(cells, 100, [run("vscode:1", "x = 7", 110)])  # its ids are others
    assert deleted.unsaved == deleted.changed == ()
