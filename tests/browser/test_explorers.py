"""Figures to play with, in a real JupyterLab: they move by keyboard, and stand still when left."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import Browser, Locator, Page, expect

from grader.authoring.sample import replace_answers
from grader.course.sources import answer_source
from grader.student.explore_live import STYLE
from tests.browser.axe import serious
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
    """Press a key in the window's number field; the picture then shows what is expected."""
    page.get_by_role("spinbutton", name="window").press(key)
    expect(page.locator(f'.explorer-moved img[alt*="{until}"]')).to_be_visible()


def drag(page: Page, handle: Locator, distance: float) -> None:
    """Drag a slider's handle sideways with the mouse."""
    handle.scroll_into_view_if_needed()
    place = handle.bounding_box()
    assert place is not None
    middle = (place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + distance, middle[1], steps=8)
    page.mouse.up()


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


SLIDER = """<!doctype html><html lang="en"><title>a slider as ipywidgets makes it</title><body>
<style>.noUi-touch-area { height: 100%; width: 100%; }</style>
<div class="explorer"><label>window <input type="number" value="2"></label>
<div class="jupyter-widget-slider" style="position:relative;height:60px">
<div class="noUi-handle" role="slider" tabindex="0" aria-valuemin="0" aria-valuemax="4"
aria-valuenow="2" style="position:absolute;left:100px;top:20px;width:16px;height:16px">
<div class="noUi-touch-area"></div></div></div></div>"""


def test_a_handle_without_a_name_is_left_to_the_mouse(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 200})
    page.set_content(SLIDER)
    assert [fault.split()[1] for fault in serious(page, ".explorer")] == ["aria-input-field-name:"]
    page.set_content(SLIDER.replace("<style>", f"{STYLE}<style>"))
    assert serious(page, ".explorer") == [] and page.get_by_role("slider").count() == 0
    place = page.locator(".noUi-touch-area").bounding_box()
    assert place is not None
    middle = [place["x"] + place["width"] / 2, place["y"] + place["height"] / 2]
    hit = page.evaluate("([x, y]) => document.elementFromPoint(x, y).className", middle)
    assert hit == "noUi-touch-area"
    page.close()


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
    move(page, "ArrowUp", "window 3")
    move(page, "ArrowUp", "window 4")
    drag(page, page.locator(".explorer .noUi-touch-area").first, -400)
    field = page.get_by_role("spinbutton", name="window")
    expect(field).to_have_value(field.get_attribute("min") or "")
    while field.input_value() != "3":
        field.press("ArrowUp")
    expect(page.locator('.explorer-moved img[alt*="window 3"]')).to_be_visible()
    assert page.get_by_role("slider").count() == 0  # nothing that a screen reader finds nameless
    page.get_by_role("checkbox", name="causal").press("Space")
    expect(page.locator('.explorer-moved img[alt*="window 3, causal"]')).to_be_visible()
    assert "window 3, causal" in picture(page)  # in place of the still one, not beside it
    snapshot(page, "moved")
    assert serious(page, within=".explorer") == []
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    still, controls = saved_outputs(path)
    assert VIEW not in still and "window 2" in still["text/html"]
    assert VIEW in controls
    page.close()

    page = Notebook(browser, lab, LESSON).page  # the kernel runs on: so do the controls
    expect(page.locator(".explorer-moved img")).to_be_visible()
    move(page, "ArrowDown", "window 2, causal")
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
