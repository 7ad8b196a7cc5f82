"""A lesson that is opened and read stays unchanged; its answers unfold by mouse and by key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SCREENSHOTS, Lab
from tests.browser.test_student import LESSON, Notebook


@pytest.fixture(scope="module")
def opened(browser: Browser, lab: Lab) -> Iterator[Notebook]:
    """Lesson 1 as the lab has copied it."""
    seen = Notebook(browser, lab, LESSON)
    yield seen
    seen.page.close()


def test_it_does_not_ask_to_be_saved(opened: Notebook) -> None:
    opened.page.wait_for_timeout(3_000)
    expect(opened.page.locator(".jp-mod-dirty")).to_have_count(0)


def test_folded_code_shows_one_line(opened: Notebook) -> None:
    first = opened.page.locator(".jp-CodeCell").first
    expect(first.get_by_text("Where the course is not installed")).to_be_visible()
    expect(first.locator(".cm-content")).to_be_hidden()
    opened.page.screenshot(path=SCREENSHOTS / "folded.png")


def test_an_answer_unfolds_by_mouse_and_by_key_and_changes_nothing(opened: Notebook) -> None:
    fold = opened.page.locator(".jp-MarkdownOutput details").first
    inside = fold.locator("p").first
    expect(inside).to_be_hidden()
    fold.locator("summary").click()
    expect(inside).to_be_visible()
    opened.page.screenshot(path=SCREENSHOTS / "unfolded.png")
    for key in ("Space", "Enter"):
        fold.locator("summary").focus()
        shown = inside.is_visible()
        opened.page.keyboard.press(key)
        (expect(inside).to_be_hidden if shown else expect(inside).to_be_visible)()
    expect(opened.page.locator(".jp-mod-dirty")).to_have_count(0)
