"""Files that come with the course: found by their name, wherever the notebook is."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader import bundles, data_file
from grader.coursefile import Course, CourseError
from grader.student import data


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Course:
    """A course of two lessons; the first has a file of numbers for its notebook."""
    for lesson in ("averages", "slopes"):
        (tmp_path / "solutions" / lesson / "public").mkdir(parents=True)
    (tmp_path / "solutions" / "averages" / "public" / "numbers.npz").write_bytes(b"1 2 3")
    (tmp_path / "course.toml").write_text("")
    course = Course(tmp_path, "small", "A small course", ("averages", "slopes"))
    monkeypatch.setattr(data, "current", lambda: course)
    return course


def test_a_file_is_found_from_every_folder(course: Course, tmp_path: Path, monkeypatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert data_file("numbers.npz").read_bytes() == b"1 2 3"


def test_a_file_that_is_not_there_or_there_twice_is_named(course: Course) -> None:
    with pytest.raises(CourseError, match=r"“A small course” has no file other\.npz"):
        data_file("other.npz")
    (course.root / "solutions" / "slopes" / "public" / "numbers.npz").touch()
    with pytest.raises(CourseError, match=r"has 2 files numbers\.npz"):
        data_file("numbers.npz")


def test_it_goes_where_the_checks_go(course: Course, tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    bundles.copy(bundles.STUDENT, course, target)
    there = target / "solutions" / "averages" / "public" / "numbers.npz"
    assert there.read_bytes() == b"1 2 3"
