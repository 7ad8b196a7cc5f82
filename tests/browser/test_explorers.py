"""Figures to play with, in a real JupyterLab: they move by keyboard, and stand still when left."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import Browser, Page, expect

from grader.authoring.sample import replace_answers
from grader.course.sources import answer_source
from tests.browser.conftest import SCREENSHOTS, Lab
from tests.browser.test_student import Notebook

LESSON, NAME = "masking", "03_masking"
ANSWERS = ("causal_mask", "local_mask", "combine_masks", "masked_attention")
VIEW = "application/vnd.jupyter.widget-view+json"
LOST = "Error displaying widget"


def picture(page: Page) -> str:
    """The alternative text of the one picture of the explorer that can be seen."""
    shown = page.locator(".explorer-still img, .explorer-moved img").locator("visible=true")
    expect(shown).to_have_count(1)
    return shown.get_attribute("alt") or ""


def move(page: Page, key: str, until: str) -> None:
    """Press a key on the window's slider until the picture shows what is expected."""
    page.locator(".explorer [role=slider]").first.focus()
    page.keyboard.press(key)
    expect(page.locator(f'.explorer-moved img[alt*="{until}"]')).to_be_visible()


def end_kernels(lab: Lab) -> None:
    with urllib.request.urlopen(lab.url("api/sessions"), timeout=30) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(lab.url(f"api/sessions/{session['id']}"), method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()


def snapshot(page: Page, name: str) -> None:
    page.locator(".jp-OutputArea", has=page.locator(".explorer-still")).scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / f"explorer_{name}.png")


def watched(page: Page) -> set[str]:
    """Hosts that the page asks for anything, from now on."""
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname or ""))
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).hostname or ""))
    return hosts


def saved_outputs(path: Path) -> list[dict]:
    cells = nbformat.read(path, as_version=4).cells
    (played,) = (c for c in cells if c.cell_type == "code" and "\n    explore(" in c.source)
    return [output.get("data", {}) for output in played.outputs]


def test_a_figure_moves_by_keyboard_and_outlives_its_kernel(browser: Browser, lab: Lab) -> None:
    """Moved; closed and opened with the kernel alive; opened with it gone. Nothing from afar."""
    path = lab.folder / NAME / f"{NAME}.ipynb"
    answers = {name: answer_source(LESSON, name) for name in ANSWERS}
    nbformat.write(replace_answers(nbformat.read(path, as_version=4), answers), path)
    notebook = Notebook(browser, lab, LESSON)
    page = notebook.page
    hosts = watched(page)
    notebook.restart_and_run_all()
    expect(page.locator(".explorer")).to_be_attached(timeout=150_000)
    assert "window 2" in picture(page)
    assert page.locator(".explorer-note").is_hidden()
    snapshot(page, "start")
    move(page, "ArrowRight", "window 3")
    field = page.get_by_role("spinbutton", name="window")
    field.press("ArrowUp")
    expect(page.locator('.explorer-moved img[alt*="window 4"]')).to_be_visible()
    move(page, "ArrowLeft", "window 3")
    expect(field).to_have_value("3")
    page.get_by_role("checkbox", name="causal").press("Space")
    expect(page.locator('.explorer-moved img[alt*="window 3, causal"]')).to_be_visible()
    assert "window 3, causal" in picture(page)  # in place of the still one, not beside it
    snapshot(page, "moved")
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    still, controls = saved_outputs(path)
    assert VIEW not in still and "window 2" in still["text/html"]
    assert VIEW in controls
    page.close()

    page = Notebook(browser, lab, LESSON).page  # the kernel runs on: so do the controls
    expect(page.locator(".explorer-moved img")).to_be_visible()
    move(page, "ArrowLeft", "window 2, causal")
    page.close()

    end_kernels(lab)
    page = Notebook(browser, lab, LESSON).page  # with a kernel that knows of nothing
    expect(page.get_by_text(LOST).first).to_be_attached()
    for lost in page.get_by_text(LOST).all():
        expect(lost).to_be_hidden()
    assert "window 2, to both sides" in picture(page)
    expect(page.locator(".explorer-note")).to_be_visible()
    snapshot(page, "still")
    page.close()
    end_kernels(lab)
    assert hosts <= {"127.0.0.1", "localhost", ""}, hosts
