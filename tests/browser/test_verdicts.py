"""Each kind of verdict on a laptop's screen: it fits, is announced, can be read and unfolded.

The pages have the background, the text's color and the variables that JupyterLab, VS Code and Colab
give to what a cell shows. Screenshots go to build/screenshots.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.course.versions import Version, misconceptions, solution
from grader.rules.evaluate import evaluate
from grader.student import check, figures, frozen
from grader.student.folds import fold
from grader.student.progress import Course
from grader.student.report import Report, as_html
from grader.student.summary import summary
from tests.browser.axe import serious
from tests.browser.conftest import SCREENSHOTS

SCREEN = {"width": 1366, "height": 768}
# Of the screen's height a browser takes about 130 pixels, JupyterLab's bars 110. Of its width the
# files beside a notebook and the prompts take about 480.
ROOM = {"width": 880, "height": 528}
# background, color of text, variables of the theme; as these programs set them
PAGES = {
    "jupyterlab_light": (
        "#fff", "rgba(0,0,0,.87)",
        "--jp-success-color1:#4caf50;--jp-error-color1:#f44336;--jp-ui-font-color1:rgba(0,0,0,.87);"
        "--jp-ui-font-color2:rgba(0,0,0,.54);--jp-border-color2:#e0e0e0",
    ),
    "jupyterlab_dark": (
        "#111", "#fff",
        "--jp-success-color1:#388e3c;--jp-error-color1:#d32f2f;--jp-ui-font-color1:#fff;"
        "--jp-ui-font-color2:rgba(255,255,255,.7);--jp-border-color2:#616161",
    ),
    "vscode_light": (
        "#fff", "#3b3b3b",
        "--vscode-testing-iconPassed:#73c991;--vscode-testing-iconFailed:#f14c4c;"
        "--vscode-descriptionForeground:#3b3b3b;--vscode-panel-border:#e5e5e5",
    ),
    "vscode_dark": (
        "#1f1f1f", "#ccc",
        "--vscode-testing-iconPassed:#73c991;--vscode-testing-iconFailed:#f14c4c;"
        "--vscode-descriptionForeground:#9d9d9d;--vscode-panel-border:#2b2b2b",
    ),
    "colab_light": ("#fff", "#212121", ""),
    "colab_dark": ("#383838", "#e3e3e3", ""),
}  # fmt: skip
HTML = (
    '<!doctype html><html lang="en"><head><title>a check</title></head>'
    '<body style="margin:0;background:{};color:{};{};font:14px/1.43 system-ui,sans-serif">'
    '<main style="width:{}px"><div id="shown">{}</div></main></body></html>'
)


def _halved(query, key, value):
    """A mistake without a name."""
    weights = torch.softmax(query @ key.transpose(-2, -1) / 2.9, dim=-1)
    return weights @ value, weights


def _encoding(n, d, base=10000.0):
    angle = torch.arange(n)[:, None] * base ** (-torch.arange(0, d, 2) / d * 1.02)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)


def _failing(scores, axis=-1):
    raise ValueError("operands could not be broadcast together with shapes (3,) (4,)")


def shown(exercise: str, namespace: dict, run_failed: bool = False) -> str:
    """What a notebook shows under a check."""
    answers = frozen.load(exercise)
    found = check.verdict_here(exercise, namespace)
    return Report(
        summary(found, following=answers.next, run_failed=run_failed), answers.hints
    )._repr_html_()


def wrong(lesson: str, exercise: str, name: str) -> Version:
    return next(one for one in misconceptions(lesson, exercise) if one.name == name)


def kinds() -> dict[str, str]:
    attention, quiz = "scaled_dot_product_attention", "quiz_masking"
    named = wrong("masking", "causal_mask", "hides_the_past").namespace
    right = solution("single_query_attention", "softmax").namespace
    answered = misconceptions("masking", quiz)[0]
    return {
        "named": shown("causal_mask", named),
        "numbers": shown(attention, {attention: _halved}),
        "matrices": shown("sinusoidal_encoding", {"sinusoidal_encoding": _encoding}),
        "error": shown("softmax", {"softmax": _failing}),
        "missing": shown("softmax", {}),
        "run_failed": shown("softmax", {}, run_failed=True),
        "quiz": shown(quiz, answered.namespace),
        "passed": shown("softmax", right),
    }


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return kinds()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport=SCREEN)
    yield page
    page.close()


def show(page: Page, theme: str, content: str) -> None:
    page.set_content(HTML.format(*PAGES[theme], ROOM["width"], content))


@pytest.mark.parametrize("theme", PAGES)
def test_every_kind_of_verdict_can_be_read_everywhere(page: Page, theme: str, pages: dict) -> None:
    for kind, content in pages.items():
        show(page, theme, content)
        page.screenshot(path=SCREENSHOTS / f"verdict_{kind}_{theme}.png")
        for closed in page.locator("details").all():  # each hint lies in the one before
            closed.evaluate("one => one.open = true")
        assert serious(page, within="#shown") == [], (kind, theme)


def test_text_without_its_variables_is_as_far_from_the_page_as_the_page_makes_it(
    page: Page, pages: dict
) -> None:
    """The ratio of its text to the page was 1.22 : 1 where a page has no variables."""
    show(page, "colab_dark", pages["named"])
    colors = page.locator("#shown :is(p, strong, summary, li)").evaluate_all(
        "all => all.map(one => getComputedStyle(one).color)"
    )
    assert set(colors) == {"rgb(227, 227, 227)"}


@pytest.mark.parametrize("theme", PAGES)
def test_the_course_in_a_table_can_be_read_everywhere(page: Page, theme: str, tmp_path) -> None:
    show(page, theme, Course([], ["softmax"], tmp_path)._repr_html_())
    assert serious(page, within="#shown") == []


def test_every_verdict_fits_on_a_laptops_screen_with_its_picture(page: Page, pages: dict) -> None:
    for kind, content in pages.items():
        show(page, "jupyterlab_light", content)
        box = page.locator("#shown").bounding_box()
        assert box is not None and box["height"] <= ROOM["height"], (kind, box)
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, kind
    assert "<img" in pages["named"] and "<img" in pages["matrices"]


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_named_mistake_fits_on_a_laptops_screen(page: Page, lesson: str) -> None:
    """With a picture of the largest size wherever there is one."""
    picture = figures.comparison(np.zeros((30, 30)), np.eye(30))
    boxes, names = [], []
    for exercise in exercises(lesson):
        answers = frozen.load(exercise.id)
        for known, replies in answers.known.items():
            named = functools.partial(dict, {known: replies})
            said = summary(evaluate(answers.suite, replies, named))
            shown = as_html(said, "status", picture if said.matrices is not None else "")
            boxes.append(f'<div class="box">{shown}{fold(exercise.id, exercise.hints)}</div>')
            names.append(f"{exercise.id}: {known.id}")
    show(page, "jupyterlab_light", "".join(boxes))
    heights = page.locator(".box").evaluate_all("all => all.map(one => one.offsetHeight)")
    high = {n: h for n, h in zip(names, heights, strict=True) if h > ROOM["height"]}
    assert high == {} and len(names) > 50


def test_what_is_wrong_is_announced_and_the_rest_unfolds_by_keys(page: Page, pages: dict) -> None:
    show(page, "jupyterlab_light", pages["named"])
    status = page.get_by_role("status")
    assert "hides the past" in status.inner_text() and status.locator("details").count() == 0
    group = page.locator("details", has_text="fail for the same reason").first
    item = group.locator("li").first
    assert not item.is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert item.is_visible()
    page.keyboard.press("Space")
    assert not item.is_visible()
