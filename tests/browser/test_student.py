"""A student in JupyterLab: writes an answer, runs it and its check, reads what is said."""

from __future__ import annotations

import nbformat
from playwright.sync_api import Browser, Page, expect

from grader.course.sample import answer_text, replace_answers
from grader.course.sources import answer_source
from solutions.registry import misconceptions
from tests.browser.conftest import SCREENSHOTS, Lab

NAME = "03_masking"


def open_notebook(browser: Browser, lab: Lab, name: str) -> Page:
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(lab.url(f"doc/tree/{name}/{name}.ipynb"))
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=90_000)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=150_000)
    return page


def run_all(page: Page, until: str) -> None:
    """Run all cells until a text is there; again if a busy JupyterLab missed the click."""
    for _ in range(4):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            expect(page.get_by_text(until).first).to_be_attached(timeout=60_000)
            return
        except AssertionError:
            page.screenshot(path=SCREENSHOTS / "missed.png")
    raise AssertionError(f"{until!r} never appeared: see missed.png")


def test_a_lesson_run_from_top_to_bottom_shows_figures_and_checks(browser: Browser, lab: Lab):
    """A right answer passes; a known mistake is named; the rest waits; the run goes on."""
    path = lab.folder / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    wrong = misconceptions("masking", "causal_mask")[0]
    texts = {
        "padding_mask": answer_source("masking", "padding_mask"),
        "local_mask": answer_source("masking", "local_mask"),
        "causal_mask": answer_source("masking", "causal_mask"),
    }
    nbformat.write(replace_answers(notebook, texts), path)
    page = open_notebook(browser, lab, NAME)
    run_all(page, until="causal_mask: all 4 checks passed")
    passed = page.get_by_text("causal_mask: all 4 checks passed")
    waiting = page.get_by_text("CrossAttention: not attempted yet")
    expect(waiting.first).to_be_attached(timeout=150_000)
    passed.first.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / "lesson_passed.png")
    figures = page.locator(".jp-OutputArea img")
    expect(figures.first).to_be_attached()
    assert all(figure.get_attribute("alt") for figure in figures.all())
    assert page.locator(".jp-RenderedText[data-mime-type*=error]").count() == 0
    page.close()

    nbformat.write(replace_answers(notebook, {"causal_mask": answer_text(wrong)}), path)
    page = open_notebook(browser, lab, NAME)
    run_all(page, until=wrong.misconception.title[:40])
    table = page.locator(".jp-OutputArea table", has_text="Matches").first
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / "lesson_mistake.png")
    page.close()
