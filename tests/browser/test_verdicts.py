"""Each kind of verdict on a laptop's screen: it fits, is announced, can be read and unfolded.

The pages have the background, the text's color and the variables that JupyterLab, VS Code and Colab
give to what a cell shows. Screenshots go to build/screenshots.
"""

from __future__ import annotations

import functools
import html
import re
import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from playwright.sync_api import Browser, Page

from grader.course.exercises import exercises
from grader.course.layout import LESSONS
from grader.course.versions import Version, misconceptions, solution
from grader.rules.evaluate import evaluate
from grader.student import calling, check, figures, frozen
from grader.student.folds import fold
from grader.student.progress import Course
from grader.student.report import as_html
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


# Answers as students type them.
HALVED = """
def scaled_dot_product_attention(query, key, value):
    weights = torch.softmax(query @ key.transpose(-2, -1) / 2.9, dim=-1)
    return weights @ value, weights
"""  # a mistake without a name
ENCODING = """
def sinusoidal_encoding(n, d, base=10000.0):
    angle = torch.arange(n)[:, None] * base ** (-torch.arange(0, d, 2) / d * 1.02)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
"""
RAISING = """
def softmax(scores, axis=-1):
    print("the scores:", scores)
    return scores + np.zeros(7)
"""
ENDLESS = """
def softmax(scores, axis=-1):
    while True:
        scores = scores - 0
"""
STUB = """
def softmax(scores, axis=-1):
    raise NotImplementedError
"""
BLOCK_STUB = """
class TransformerBlock(nn.Module):
    def forward(self, x, mask=None):
        raise NotImplementedError
"""
RETURNING = """
def examine_attention(attention):
    query = torch.ones(1, 2, 3)
    return torch.equal(attention(query, query, query)[0], query)
"""
LIMIT = 0.5  # seconds that an answer may take here


class Notebook:
    """A notebook's shell, and what is shown under its cells."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def below(self, cell: str, cell_id: str = "") -> str:
        """All that a cell shows when it is run: what is displayed, printed, and raised."""
        with capture_output() as said:
            self.shell.run_cell(cell, store_history=True, cell_id=cell_id or cell)
        shown = (
            one.data.get("text/html") or _preformatted(one.data["text/plain"])
            for one in said.outputs
        )
        return "".join([_preformatted(said.stderr), *shown, _preformatted(said.stdout)])

    def check(self, exercise: str, *cells: str, **names: object) -> str:
        """What is shown under a check, after names are bound and then cells are run.

        Cells that define the same name are versions of one cell.
        """
        self.shell.reset()
        self.shell.push({"np": np, "torch": torch, "check": check.check, **names})
        for cell in cells:
            found = re.search(r"(?:def|class) (\w+)", cell)
            self.below(cell, found[1] if found else "")
        return self.below(f"check({exercise!r})")


def _preformatted(text: str) -> str:
    style = "margin:0;white-space:pre-wrap;font-size:13px"
    return f'<pre style="{style}">{html.escape(text.strip())}</pre>' if text.strip() else ""


def wrong(lesson: str, exercise: str, name: str) -> Version:
    return next(one for one in misconceptions(lesson, exercise) if one.name == name)


def names_of(version: Version) -> dict[str, object]:
    """What a notebook has bound after the cell with this answer."""
    return {k: v for k, v in version.namespace.items() if not k.startswith("__")}


def kinds(notebook: Notebook) -> dict[str, str]:
    """What is shown under a check, for each kind of verdict."""
    told = notebook.check
    softmax = solution("single_query_attention", "softmax").source
    feed, block, depth = (
        solution("transformer_block", name)
        for name in ("FeedForward", "TransformerBlock", "gradient_by_depth")
    )
    relu = wrong("transformer_block", "gelu", "relu").target
    scaled = wrong("multi_head_attention", "MultiHeadAttention", "sqrt_d_model").target
    masked = names_of(solution("masking", "masked_attention"))
    named = names_of(wrong("masking", "causal_mask", "hides_the_past"))
    quiz = misconceptions("masking", "quiz_masking")[0]
    no_norm = block.source.replace("self.norm1(x)", "x")
    assert no_norm != block.source
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calling, "LIMIT", LIMIT)
        endless = told("softmax", ENDLESS)
    return {
        "missing": told("softmax"),
        "run_failed": told("softmax", f"import nothing_there\n{softmax}"),
        "not_attempted": told("softmax", STUB),
        "error": told("softmax", RAISING),
        "still_running": endless,
        "earlier_version": told("softmax", softmax, f"{softmax}\nreturn ("),
        "earlier_version_wrong": told("softmax", RAISING, f"{RAISING}\nreturn ("),
        "passed": told("softmax", softmax),
        "named": told("causal_mask", **named),
        "numbers": told("scaled_dot_product_attention", HALVED),
        "matrices": told("sinusoidal_encoding", ENCODING),
        "earlier_answer_wrong": told("FeedForward", feed.source, **names_of(feed) | {"gelu": relu}),
        "both_wrong": told(
            "TransformerBlock", no_norm, **names_of(block) | {"MultiHeadAttention": scaled}
        ),
        "not_judged": told("gradient_by_depth", BLOCK_STUB, depth.source, **names_of(depth)),
        "test_returns": told("examine_attention", RETURNING, **masked),
        "quiz": told(quiz.exercise, **names_of(quiz)),
    }


# What only this kind says; the others are tests of `check` itself.
SAYS = {
    "not_attempted": "not attempted yet",
    "run_failed": "The last run of its cell failed",
    "still_running": f"still running after {LIMIT} s in line ",
    "earlier_version": "the earlier version passes, but the cell now holds a new one",
    "earlier_version_wrong": "This is a check of an earlier version of softmax",
    "earlier_answer_wrong": "Fix gelu first",
    "both_wrong": "Fix MultiHeadAttention first",
    "not_judged": "gradient_by_depth is not judged here yet",
    "test_returns": "but only an error, such as a failed assert, refuses a candidate",
}


@pytest.fixture(scope="module")
def pages() -> Iterator[dict[str, str]]:
    main = sys.modules["__main__"]
    try:
        yield kinds(Notebook(InteractiveShell.instance()))
    finally:
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = main


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


def test_every_kind_of_verdict_says_what_it_is(pages: dict) -> None:
    for kind, words in SAYS.items():
        shown = html.unescape(re.sub(r"<[^>]+>", "", pages[kind]))
        assert words in re.sub(r"\s+", " ", shown), kind


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
