"""Live through an instructor's day once: everybody gets what is due to them."""

from __future__ import annotations

import zipfile

import pytest

from grader.course.layout import ROOT
from tests.campaigns.day import NAME, START, Day, expected, live, marks, results, table
from tests.nbgrader_gradebook import nbgrader_gradebook
from tests.records.test_cohort import run


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    return live(tmp_path_factory.mktemp("day"))


def said(day: Day, stage: str) -> list[str]:
    return [text for name, _, text in day.rows if name == stage]


def test_each_mark_is_the_one_worked_out_by_hand(day: Day) -> None:
    """Late by one, two and three days; twice; extended; looked at again; unreadable; nothing."""
    found = marks(day)
    for one in day.people.values():
        if one.id in ("ivy", "mia"):
            assert found[one.id] == ""
        else:
            assert float(found[one.id]) == pytest.approx(expected(one)), one
    assert {one.id: one.days_late for one in day.people.values() if one.days_late} == {
        "dee": 1, "eli": 2, "fay": 3
    }  # fmt: skip
    zero = run("export", "--to", "csv", "--course-dir", day.course, "--output", "-",
               "--unreadable", "zero")  # fmt: skip
    [ivy] = [line for line in zero.output.splitlines() if line.startswith("ivy@")]
    assert f",{NAME},0,28," in ivy


def test_what_each_step_said(day: Day) -> None:
    assert said(day, "roster in") == ["13 students, 13 of them new"]
    assert said(day, "collect")[0].startswith("1 collected, 0 need you")
    assert said(day, "again, all of them") == [
        "10 collected, 2 need you, 1 on the roster handed in nothing"
    ]
    assert said(day, "what would change?") == [
        "dry run over 12 submissions: 2 marks would change. Nothing was written"
    ]
    assert said(day, "whose marks changed") == ["2 marks changed"]
    assert said(day, "the old one, kept")[0].endswith("no differences")


def test_the_first_try_is_kept_and_does_not_count(day: Day) -> None:
    kept = day.course / "submitted-earlier" / "gil@example.edu" / NAME / "1"
    assert (kept / f"{NAME}.ipynb").exists()


def test_every_page_goes_back_to_its_student(day: Day) -> None:
    """Pages go by Moodle's number; each has the name, the comment and the lateness."""
    with zipfile.ZipFile(day.course / f"feedback_moodle_{NAME}.zip") as archive:
        pages = {name.partition("/")[0]: archive.read(name).decode() for name in archive.namelist()}
    assert set(pages) == {one.folder for one in day.people.values() if one.id != "mia"}
    for one in day.people.values():
        if one.id != "mia":
            assert one.name.replace("'", "&#39;") in pages[one.folder]
            assert ("It came late" in pages[one.folder]) == bool(one.days_late)
    assert "You are right" in pages[day.people["kim"].folder]


def test_the_report_shows_the_class_by_name(day: Day) -> None:
    page = (day.course / "report.html").read_text(encoding="utf-8")
    assert "Ada Lovelace" in page and 'class="map"' in page
    assert page.index("Identical files") < page.index("Near-identical answers")


def test_the_next_term_begins_with_nothing_of_the_last(day: Day) -> None:
    salts = [(day.top / term / ".grader" / "salt").read_bytes() for term in ("spring", "autumn")]
    assert salts[0] != salts[1]
    with nbgrader_gradebook(day.top / "autumn" / "gradebook.db") as book:
        assert [one.id for one in book.students] == ["nia"]


def test_the_page_shows_this_day(day: Day) -> None:
    """The page's commands and marks are this day's; what each command said is not compared."""
    page = (ROOT / "docs" / "instructors" / "a-day.md").read_text(encoding="utf-8")
    done, got = (part.splitlines() for part in page.partition(START)[2].strip().split("\n\n"))
    assert [line.split("|")[1:3] for line in done] == [line.split("|")[1:3] for line in table(day)]
    assert got == list(results(day))
