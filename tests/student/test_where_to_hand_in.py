"""Where to hand in: said once, in ``course.toml``, and told wherever a student hands in."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from grader.course.layout import LESSONS, NOTEBOOKS, ROOT, SOLUTIONS, assignment_id
from grader.coursefile import NAME, VARIABLE, current
from grader.student import packing
from grader.student.judged_apart import Judged
from grader.student.lab_folder import copy_lessons, start_page
from grader.student.lesson_end import lesson_end

SAID = "Upload it to Moodle > Week 3 & tell Mira, by Friday noon."


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A lab of a course whose instructor has set the text; nothing else of it differs."""
    text = (ROOT / NAME).read_text(encoding="utf-8")
    assert text.count('hand_in = ""') == 1
    course = tmp_path / "course"
    course.mkdir()
    (course / NAME).write_text(text.replace('hand_in = ""', f'hand_in = "{SAID}"'))
    for folder in (NOTEBOOKS, SOLUTIONS):
        (course / folder.name).symlink_to(folder)
    monkeypatch.setenv(VARIABLE, str(course))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    current.cache_clear()
    copy_lessons(NOTEBOOKS, tmp_path / "lab")
    yield tmp_path / "lab"
    current.cache_clear()


def test_the_start_page_says_it(lab: Path) -> None:
    cells = nbformat.read(start_page(lab), as_version=4).cells
    assert [cell.id for cell in cells if SAID in cell.source] == ["hand_in"]


def test_each_lessons_end_says_it(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for lesson in LESSONS:
        monkeypatch.chdir(lab / assignment_id(lesson))
        said = lesson_end(lesson, {})
        assert SAID in repr(said) and html.escape(SAID) in said._repr_html_()
        assert packing.ASK not in repr(said)


def test_the_receipt_says_it(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "judge", lambda path, seconds: Judged())
    done = packing.pack_lessons(["1"], lab, say=lambda line: None)
    assert SAID in repr(done) and html.escape(SAID) in done._repr_html_()
    assert packing.ASK not in repr(done)
