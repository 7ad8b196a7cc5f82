"""The start page: there before any kernel, signed, and never over a student's own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.sign import NotebookNotary

from grader.commandline import main
from grader.course import fingerprint
from grader.course.layout import LESSONS, NOTEBOOKS, assignment_id
from grader.coursefile import CourseError, current, load
from grader.protocol.values import CheckResult, Verdict
from grader.student import lab_folder, lesson_end, records, start
from grader.student.commands import lab as commands_lab
from grader.student.lab_folder import copy_lessons, start_page
from grader.student.packing import where
from tests.student.test_pack import as_nobody


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    folder = tmp_path / "lab"
    copy_lessons(NOTEBOOKS, folder)
    return folder


def shown(path: Path) -> str:
    [output] = nbformat.read(path, as_version=4).cells[1].outputs
    return output.data["text/html"]


def test_every_lesson_stands_there_before_anything_has_run(lab: Path) -> None:
    path = start_page(lab)
    for lesson in LESSONS:
        name = assignment_id(lesson)
        assert shown(path).count(f'href="{name}/{name}.ipynb"') >= 1
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[1].execution_count is None


def test_it_is_signed_so_that_jupyter_shows_it_as_it_is(lab: Path) -> None:
    notebook = nbformat.read(start_page(lab), as_version=4)
    assert NotebookNotary().check_signature(notebook)
    notebook.cells[1].outputs[0].data["text/html"] += "<script>alert(1)</script>"
    assert not NotebookNotary().check_signature(notebook)


def test_it_is_up_to_date_each_time_the_lab_is_opened(lab: Path) -> None:
    path = start_page(lab)
    assert "◐ begun" not in shown(path)
    results = (CheckResult("one", True), CheckResult("two", False))
    assert records.note(Verdict("softmax", 1.5, 3.0, True, results), lab) == ""
    notebook = nbformat.read(path, as_version=4)  # as if its cell had been run, and saved
    notebook.cells[1].execution_count = 4
    notebook.cells[1].outputs = []
    notebook.cells.append(nbformat.v4.new_code_cell(""))  # Shift+Enter makes one at the end
    nbformat.write(notebook, path)
    assert "◐ begun" in shown(start_page(lab))


@pytest.mark.parametrize("change", ["a note", "another cell", "someone else's", "damaged"])
def test_what_a_student_wrote_is_left_byte_for_byte(change: str, lab: Path) -> None:
    path = start_page(lab)
    notebook = nbformat.read(path, as_version=4)
    if change == "a note":
        notebook.cells[0].source += "\n\nTuesday: lesson 3 with Mira."
    if change == "another cell":
        notebook.cells.append(nbformat.v4.new_code_cell("1 + 1"))
    if change == "someone else's":
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("mine")])
    nbformat.write(notebook, path)
    if change == "damaged":
        path.write_text("{")
    before = path.read_bytes()
    assert start_page(lab) == path
    assert path.read_bytes() == before


def test_it_says_how_to_hand_in_and_which_lessons_build_on_others(lab: Path) -> None:
    cells = nbformat.read(start_page(lab), as_version=4).cells
    assert "lessons 6, 8, 9 and 10 build on your own answers" in cells[0].source
    assert [cell.source for cell in cells if cell.id == "pack"] == [start.PACK]
    assert where() in next(cell.source for cell in cells if cell.id == "hand_in")
    assert cells[-1].cell_type == "markdown"  # Shift+Enter in a last cell would add another


@pytest.mark.parametrize("others", ["renamed", "a copy beside the untouched one"])
def test_it_follows_the_real_name_of_the_work(others: str, lab: Path) -> None:
    name = assignment_id(LESSONS[2])
    path, own = lab / name / f"{name}.ipynb", lab / name / "my masks.ipynb"
    untouched = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("x = 1", id="mine"))
    nbformat.write(notebook, own)
    path.unlink()
    if others != "renamed":
        path.write_bytes(untouched)
    page = shown(start_page(lab))
    assert page.count(f'href="{name}/my%20masks.ipynb"') == 1
    assert f"{name}.ipynb" not in page and page.count("3 · Masking") == 1
    nbformat.write(notebook, path)  # as soon as the right one has work in it, it counts again
    assert f'href="{name}/{name}.ipynb"' in shown(start_page(lab))


def started(monkeypatch: pytest.MonkeyPatch, lab: Path, *more: str) -> tuple[list[str], dict]:
    """The command line that `lab` runs, and its environment."""
    ran: list[tuple[list[str], dict]] = []

    def run(command: list[str], settings: dict) -> int:
        ran.append((command, settings))
        return 0

    monkeypatch.setattr(commands_lab, "run_until_it_ends", run)
    monkeypatch.setattr(commands_lab, "answers_in_the_background", contextlib.nullcontext)
    done = CliRunner().invoke(main, ["lab", "--folder", str(lab), *more])
    assert done.exit_code == 0, done.output
    return ran[0]


def test_jupyterlab_opens_on_it_unless_told_otherwise(lab: Path, monkeypatch) -> None:
    assert "--LabApp.default_url=/lab/tree/start.ipynb" in started(monkeypatch, lab)[0]
    other = "--ServerApp.default_url=/lab"
    command, _ = started(monkeypatch, lab, other)
    assert [one for one in command if "default_url" in one] == [other]


def test_the_labs_own_settings_come_first_and_are_the_students_to_change(
    lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/somewhere/else")
    _, settings = started(monkeypatch, lab)
    first, rest = settings["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    page = Path(first) / "labconfig" / "page_config.json"
    assert "announcements" in page.read_text() and rest == "/somewhere/else"
    page.write_text("{}")
    started(monkeypatch, lab)
    assert page.read_text() == "{}"


def test_a_folder_that_cannot_be_written_is_one_line(lab: Path) -> None:
    (lab / records.FOLDER).write_text("in the way")
    done = CliRunner().invoke(main, ["lab", "--folder", str(lab), "--copy-only"])
    assert done.exit_code == 1 and "--folder" in done.output and "Traceback" not in done.output


@pytest.mark.parametrize("page", [True, False])
def test_a_read_only_folder_is_opened_for_reading_and_one_line_says_so(
    page: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], settings: dict) -> int:
        ran.append(command)
        return 0

    monkeypatch.setattr(commands_lab, "run_until_it_ends", run)
    monkeypatch.setattr(commands_lab, "answers_in_the_background", contextlib.nullcontext)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "lab"
        copy_lessons(NOTEBOOKS, folder)
        if page:
            start_page(folder)
        folders = [Path(name), *(path for path in folder.rglob("*") if path.is_dir()), folder]
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in (*folders, *files):
            path.chmod(0o555 if path.is_dir() else 0o444)
        before = {path: path.read_bytes() for path in files}
        with as_nobody():
            done = CliRunner().invoke(main, ["lab", "--folder", str(folder)])
            empty = CliRunner().invoke(main, ["lab", "--folder", str(folder / "none")])
        assert {path: path.read_bytes() for path in files} == before
        for path in folders:
            path.chmod(0o755)
    assert done.exit_code == 0, done.output
    said = [line for line in done.output.splitlines() if not line.startswith("Starting")]
    assert len(said) == 1 and "--folder" in said[0] and "you can read" in said[0]
    [command] = ran
    assert f"--LabApp.default_url=/lab{'/tree/start.ipynb' if page else ''}" in command
    assert empty.exit_code == 1 and "--folder" in empty.output  # nothing is there to read


@pytest.mark.parametrize("address", ["", "https://forum.example.org/a?b=1&c=2", "mailto:a@b.org"])
def test_a_place_to_ask_is_linked_where_it_is_set(
    address: str, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the start page, and at a lesson's end: as text, and as a link."""
    course = dataclasses.replace(current(), ask=address)
    for module in (start, lesson_end):
        monkeypatch.setattr(module, "current", lambda: course)
    welcome = nbformat.read(start_page(lab), as_version=4).cells[0].source
    said = lesson_end.lesson_end(LESSONS[0], {})
    assert ("Ask here" in welcome + repr(said) + said._repr_html_()) == bool(address)
    if address:
        assert f"[Ask here]({address})" in welcome and address in repr(said)
        assert f'href="{address.replace("&", "&amp;")}"' in said._repr_html_()


def described(folder: Path, ask: str) -> Path:
    text = f'id = "it"\ntitle = "It"\nlessons = []\nask = {ask}\n'
    (folder / "course.toml").write_text(text)
    return folder


@pytest.mark.parametrize(
    "ask", ["7", '"the forum"', '"javascript:alert(1)"', '"https://a.org/ x"', '"https://a.org/)"']
)
def test_what_is_no_address_is_one_line_of_the_course(ask: str, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="ask must be an address .*https://"):
        load(described(tmp_path, ask))


def test_no_mark_depends_on_where_students_ask(tmp_path: Path) -> None:
    seen = set()
    for ask in ('""', '"https://a.org"'):
        described(tmp_path, ask)
        seen.add(fingerprint.fingerprint((), engine=tmp_path, root=tmp_path))
    assert len(seen) == 1 and load(tmp_path).ask == "https://a.org"


def test_the_file_browser_leaves_its_width_to_the_names(lab: Path) -> None:
    """By settings that this JupyterLab documents, as it reads them from the lab's own folder."""
    start_page(lab)
    path = lab / lab_folder.CONFIG / "labconfig" / "default_setting_overrides.json"
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    for plugin, settings in json.loads(path.read_text()).items():
        package, _, name = plugin.partition(":")
        known = json.loads((schemas / package / f"{name}.json").read_text())["properties"]
        for key, value in settings.items():
            assert known[key]["type"] == "boolean" and known[key]["default"] is not value
    path.write_text("{}")  # the student's to change
    start_page(lab)
    assert path.read_text() == "{}"
