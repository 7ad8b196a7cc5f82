"""What a student meets first: the start page, a lesson opened from it, hints opened by keys."""

from __future__ import annotations

import nbformat
from playwright.sync_api import Browser, expect

from grader.authoring.sample import answer_text, replace_answers
from grader.course.layout import LESSONS
from grader.course.versions import misconceptions
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS, Lab

NAME = "03_masking"


def test_from_the_start_page_to_a_lesson_to_a_hint(browser: Browser, lab: Lab):
    """The address that `lab` opens shows every lesson as it was made; all the rest by keyboard."""
    path = lab.folder / NAME / f"{NAME}.ipynb"
    wrong = answer_text(misconceptions("masking", "local_mask")[0])
    notebook = nbformat.read(path, as_version=4)
    nbformat.write(replace_answers(notebook, {"local_mask": wrong}), path)

    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(lab.url(""))
    table = page.locator(".jp-OutputArea-output table", has_text="In writing")
    expect(table.locator("tbody tr")).to_have_count(len(LESSONS))
    # Signed, so that nothing of it is left out, as colors are in a page that is not trusted.
    expect(table.locator("caption[style*='color:var']")).to_have_count(1)
    assert page.get_by_text("official Jupyter news").count() == 0  # nothing lies over it
    page.screenshot(path=SCREENSHOTS / "start.png")
    assert serious(page, within=page.locator(".jp-OutputArea-output", has_text="In writing")) == []

    link = table.get_by_role("link", name="3 · Masking")
    link.focus()
    page.keyboard.press("Enter")
    lesson = page.locator(".jp-NotebookPanel", has_text="Lesson 3 · Masking")
    expect(lesson).to_be_visible()
    assert page.url.startswith(lab.address) and len(page.context.pages) == 1
    expect(page.get_by_text("Python 3 (ipykernel) | Idle").last).to_be_visible(timeout=150_000)

    hint = lesson.locator("summary", has_text="Hint 1 of 3 for local_mask")
    for _ in range(4):  # a busy JupyterLab may miss a click
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            expect(hint).to_be_attached()
            break
        except AssertionError:
            page.screenshot(path=SCREENSHOTS / "missed.png")
    second = lesson.locator("summary", has_text="Hint 2 of 3 for local_mask")
    expect(second).to_be_hidden()
    hint.focus()
    page.keyboard.press("Enter")
    expect(second).to_be_visible()
    page.keyboard.press("Tab")
    expect(second).to_be_focused()
    page.keyboard.press("Space")
    expect(lesson.locator("summary", has_text="Hint 3 of 3 for local_mask")).to_be_visible()
    hint.scroll_into_view_if_needed()
    page.screenshot(path=SCREENSHOTS / "hints.png")

    waiting = lesson.locator("summary", has_text="Hint 1 of 3 for causal_mask")
    expect(waiting).to_be_attached(timeout=150_000)  # not attempted: its hints are there, too

    page.locator(".lm-TabBar-tab", has_text="start.ipynb").first.click()
    start = page.locator(".jp-NotebookPanel", has_text="Open a lesson from the table")
    start.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(start.get_by_role("row", name="3 · Masking")).to_contain_text("begun")
    expect(start.get_by_text("Go on with")).to_be_visible()
    expect(start.locator(".jp-CodeCell")).to_have_count(2)  # running it makes no cell below
    page.screenshot(path=SCREENSHOTS / "start_again.png")
    page.close()
