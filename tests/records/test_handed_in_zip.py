"""The zips of `pack` in a folder of submissions: graded as they are, and nothing lost for them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.course.layout import COURSE, LESSONS, assignment_id
from grader.records.handed_in import NOTE, Unpacker
from grader.records.submissions import find_submissions, read_work
from grader.source import handin
from tests.records.test_cohort import run

FIRST, SECOND = (assignment_id(lesson) for lesson in LESSONS[:2])


def zipped(books: dict[str, bytes], packed: str = "2026-01-01T10:00:00+00:00", **more) -> bytes:
    return handin.write(books, {"format": 1, "course": COURSE.id, "packed": packed, **more})


def placed(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def unpacked(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    unpacker = Unpacker(folder)
    unpacker.unpack()
    return {
        f"{one.student}/{one.assignment}": one.path.read_bytes() for one in find_submissions(folder)
    }, unpacker.remarks


def test_a_zip_in_a_students_folder_or_named_for_one(tmp_path: Path) -> None:
    placed(tmp_path, "ada/attention.zip", zipped({FIRST: b"one", SECOND: b"two"}))
    placed(tmp_path, "Bo Ek.ZIP", zipped({FIRST: b"three"}))
    found, remarks = unpacked(tmp_path)
    assert found == {
        f"ada/{FIRST}": b"one",
        f"ada/{SECOND}": b"two",
        f"Bo Ek/{FIRST}": b"three",
    }
    assert remarks == []
    assert unpacked(tmp_path) == (found, [])  # again, nothing changes


def test_the_folder_of_all_may_be_a_link(tmp_path: Path) -> None:
    """The instructor's own choice, such as a folder on another disk: nothing is refused for it."""
    placed(tmp_path, "elsewhere/ada/attention.zip", zipped({FIRST: b"one"}))
    placed(tmp_path, "elsewhere/bo.zip", zipped({FIRST: b"two"}))
    placed(tmp_path, f"elsewhere/cy/{FIRST}.ipynb", b"three")
    submitted = tmp_path / "submitted"
    submitted.symlink_to(tmp_path / "elsewhere")
    unpacker = Unpacker(submitted)
    unpacker.unpack()
    assert unpacker.remarks == []
    works = {one.student: read_work(one) for one in find_submissions(submitted)}
    assert (works["ada"].content, works["bo"].content) == (b"one", b"two")
    assert [one.content for one in works["cy"].others] == [b"three"]


def test_what_did_not_come_from_a_zip_is_never_replaced(tmp_path: Path) -> None:
    own = placed(tmp_path, f"ada/{FIRST}/{FIRST}.ipynb", b"collected")
    placed(tmp_path, "ada/work.zip", zipped({FIRST: b"packed", SECOND: b"two"}))
    found, [remark] = unpacked(tmp_path)
    assert own.read_bytes() == b"collected" and found[f"ada/{SECOND}"] == b"two"
    assert remark.startswith("ada/work.zip: its 01") and "remove that one" in remark


def test_once_the_notebook_in_its_place_is_gone_the_zips_is_unpacked(tmp_path: Path) -> None:
    """As the remark says, also where one Unpacker looks again and again."""
    own = placed(tmp_path, f"ada/{FIRST}/{FIRST}.ipynb", b"collected")
    placed(tmp_path, "ada/work.zip", zipped({FIRST: b"packed"}))
    unpacker = Unpacker(tmp_path)
    unpacker.unpack()
    assert len(unpacker.remarks) == 1
    own.unlink()
    unpacker.unpack()
    assert own.read_bytes() == b"packed" and unpacker.remarks == []


def test_the_zip_that_was_packed_last_counts(tmp_path: Path) -> None:
    placed(tmp_path, "ada/z.zip", zipped({FIRST: b"first"}, "2026-01-01T10:00:00+00:00"))
    assert unpacked(tmp_path)[0] == {f"ada/{FIRST}": b"first"}
    placed(tmp_path, "ada/a.zip", zipped({FIRST: b"second"}, "2026-01-02T10:00:00+00:00"))
    assert unpacked(tmp_path) == ({f"ada/{FIRST}": b"second"}, [])
    placed(tmp_path, "ada/a.zip", zipped({FIRST: b"third"}, "2026-01-03T10:00:00+00:00"))
    assert unpacked(tmp_path) == ({f"ada/{FIRST}": b"third"}, [])
    placed(tmp_path, f"ada/{FIRST}/{FIRST}.ipynb", b"by hand")
    assert unpacked(tmp_path)[0] == {f"ada/{FIRST}": b"by hand"}


@pytest.mark.parametrize("name", [f"{COURSE.id}.zip", f"{FIRST}.zip"])
def test_a_zip_that_names_no_student_is_nobodys(name: str, tmp_path: Path) -> None:
    placed(tmp_path, name, zipped({FIRST: b"one"}))
    found, [remark] = unpacked(tmp_path)
    assert found == {} and "its name does not say whose it is" in remark


def test_no_link_is_written_through(tmp_path: Path) -> None:
    """A student who can put links into the folder must not choose where the judge writes."""
    folder, outside = tmp_path / "submitted", tmp_path / "outside"
    outside.mkdir()
    placed(folder, "ada/work.zip", zipped({FIRST: b"one", SECOND: b"two"}))
    (folder / "ada" / FIRST).symlink_to(outside)
    placed(folder, f"ada/{SECOND}/aside", b"")
    (folder / "ada" / SECOND / f"{SECOND}.ipynb").symlink_to(outside / "file")
    (folder / "bo").symlink_to(outside)
    placed(outside, "bo.zip", zipped({FIRST: b"x"}))
    placed(folder, "bo.zip", zipped({FIRST: b"three"}))
    (folder / "cy.zip").symlink_to(outside / "bo.zip")
    unpacker = Unpacker(folder)
    unpacker.unpack()
    remarks = unpacker.remarks
    assert sorted(path.name for path in outside.iterdir()) == ["bo.zip"]
    assert sum("symbolic link" in remark for remark in remarks) == 3
    assert not (folder / "cy").exists()


def test_a_pipe_in_the_place_of_a_notebook_does_not_wait_for_ever(tmp_path: Path) -> None:
    placed(tmp_path, "ada/work.zip", zipped({FIRST: b"one"}))
    (tmp_path / "ada" / FIRST).mkdir()
    os.mkfifo(tmp_path / "ada" / FIRST / f"{FIRST}.ipynb")
    unpacker = Unpacker(tmp_path)
    unpacker.unpack()
    assert "differs from the one in" in unpacker.remarks[0]


def test_a_note_that_lies_costs_only_its_own_student(tmp_path: Path) -> None:
    placed(tmp_path, "ada/work.zip", zipped({FIRST: b"one"}))
    for note in (b"[", b"[1]", b'{"%b": 7}' % FIRST.encode(), b"[" * 100_000, b"\xff"):
        placed(tmp_path, f"ada/{NOTE}", note)
        assert unpacked(tmp_path)[0] == {f"ada/{FIRST}": b"one"}


def test_a_damaged_zip_and_one_of_another_course_are_named(tmp_path: Path) -> None:
    good = zipped({FIRST: b"one"})
    placed(tmp_path, "ada/cut.zip", good[: len(good) // 2])
    placed(tmp_path, "ada/other.zip", handin.write({FIRST: b"x"}, {"format": 1, "course": "trees"}))
    placed(tmp_path, "ada/more.zip", zipped({"77_unknown": b"x", FIRST: b"one"}))
    found, remarks = unpacked(tmp_path)
    assert found == {f"ada/{FIRST}": b"one"}
    assert [remark.partition(":")[0] for remark in remarks] == [
        "ada/cut.zip",
        "ada/other.zip",
        "ada/more.zip",
    ]


def test_grade_takes_it_as_it_is(tmp_path: Path) -> None:
    import nbformat

    book = nbformat.writes(solved(LESSONS[0])).encode()
    folder, results = tmp_path / "submitted", tmp_path / "results.json"
    placed(folder, "ada/attention.zip", zipped({FIRST: book}))
    placed(folder, "ada/notes.zip", b"something else")
    done = run("grade", folder, "--course-dir", tmp_path, "--jobs", "1", "--json", results)
    assert done.exit_code == 0, done.output
    report = json.loads(results.read_text())
    [one] = report["submissions"]
    assert (one["student"], one["assignment"], one["outcome"]) == ("ada", FIRST, "graded")
    assert one["score"] == assignment(FIRST).max_score
    assert report["passed_over"] == ["ada/notes.zip: it is not a zip, or it is cut off"]
