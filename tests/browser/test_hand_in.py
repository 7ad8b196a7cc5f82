"""Run all with a mistake, read the end, pack by button and from the start page, grade the zip."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Page, expect

from grader.authoring.sample import replace_answers
from grader.authoring.solve import solved
from grader.course.exercises import exercises
from grader.course.layout import COURSE, LESSONS, assignment_id
from grader.records import handed_in
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS, Lab, run_cell
from tests.records.test_cohort import run

LESSON = LESSONS[0]
NAME = assignment_id(LESSON)
FIRST = exercises(LESSON)[0].id
WRONG = f"def {FIRST}(*args, **kwargs):\n    return 7.0"  # cells below it fail, too


def run_all(page: Page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def graded(packed: Path, folder: Path) -> dict:
    """What `grade` says of a zip that lies in a student's folder as it was handed in."""
    submitted, results = folder / "submitted", folder / "results.json"
    place = submitted / "ada" / packed.name
    place.parent.mkdir(parents=True)
    shutil.copyfile(packed, place)
    done = run(
        "grade", folder / "submitted", "--course-dir", folder, "--jobs", 1, "--json", results
    )
    assert done.exit_code == 0, done.output
    [one] = json.loads(results.read_text(encoding="utf-8"))["submissions"]
    return one


def test_from_a_failed_check_to_the_marks(browser: Browser, lab: Lab, tmp_path: Path):
    path = lab.folder / NAME / f"{NAME}.ipynb"
    nbformat.write(replace_answers(solved(LESSON), {FIRST: WRONG}), path)
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(lab.url(f"lab/tree/{NAME}/{NAME}.ipynb"))
    lesson = page.locator(".jp-NotebookPanel", has_text="Lesson 1")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle").last).to_be_visible(timeout=300_000)
    end = lesson.locator(".lesson-end")
    for _ in range(4):  # a busy JupyterLab may miss a click
        run_all(page)
        try:
            expect(end).to_be_attached(timeout=120_000)
            break
        except AssertionError:
            page.screenshot(path=SCREENSHOTS / "end_missed.png")
    expect(end).to_contain_text(f"Failed: 1 ({FIRST})")
    count = len(exercises(LESSON))
    expect(lesson).to_contain_text(f"CheckFailed: 1 of {count} checks failed: {FIRST}")
    button = lesson.get_by_role("button", name="Check and pack this lesson")
    button.scroll_into_view_if_needed()
    shots = ((800, "narrow"), (1400, "wide"))
    for width, name in shots:
        page.set_viewport_size({"width": width, "height": 1000})
        button.scroll_into_view_if_needed()
        page.screenshot(path=SCREENSHOTS / f"lesson_end_{name}.png")
    assert serious(page, within=end) == []

    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    button.click()
    packed = lesson.locator("[role=status]", has_text="Packed into")
    expect(packed).to_be_visible(timeout=300_000)
    expect(packed).to_contain_text(f"{FIRST} is not right yet")
    packed.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "packed.png")
    assert serious(page, within=packed) == []
    found = handed_in.read((lab.folder / f"{NAME}.zip").read_bytes())
    assert found.notebooks == {NAME: path.read_bytes()}
    marks = graded(lab.folder / f"{NAME}.zip", tmp_path)
    assert (marks["student"], marks["assignment"], marks["outcome"]) == ("ada", NAME, "graded")
    earned = {one["id"]: one["score"] for one in marks["exercises"]}
    possible = {exercise.id: exercise.points for exercise in exercises(LESSON)}
    assert {name for name in possible if earned[name] != possible[name]} == {FIRST}
    [receipt] = found.receipt["notebooks"]
    assert receipt["exercises"] == earned  # what the student was told

    end.get_by_role("link", name="all lessons").click()
    start = page.locator(".jp-NotebookPanel", has_text="Open a lesson from the table")
    expect(start).to_be_visible()
    run_cell(start.locator(".jp-CodeCell").last)
    all_packed = start.locator("[role=status]", has_text="Packed into")
    expect(all_packed).to_be_visible(timeout=300_000)
    page.screenshot(path=SCREENSHOTS / "start_packed.png")
    assert (lab.folder / f"{COURSE.id}.zip").is_file()
    page.close()
