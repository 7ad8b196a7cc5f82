"""Formulas of a submission under a MathJax that knows every macro: no link, no style, no script."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from grader.judge.sanitize import clean_html, quiet_markdown, safe_markdown
from grader.records.markdown import literal
from tests.browser.observer import Beacon, watched
from tests.browser.payloads import HTML, Payload

# Without require and autoload, everything that this script can do is loaded from the start.
CONFIG = """<script>MathJax = {
  tex: {inlineMath: [["$", "$"], ["\\\\(", "\\\\)"]], packages: {"[-]": ["require", "autoload"]}}
}</script><script src="/mathjax.js"></script>"""
FORMULAS = (
    Payload("href", HTML, r"$\href{%LINK%}{x}$"),
    Payload("href-display", HTML, r"$$\href {%LINK%}{x}$$"),
    Payload("href-defined", HTML, r"$\def\a#1{\href{%LINK%}{#1}}\a{x}$"),
    Payload("href-renamed", HTML, r"$\let\b\href\b{%LINK%}{x}$"),
    Payload("href-entities", HTML, r"&#36;&#92;h&#114;ef{%LINK%}{x}&#36;"),
    Payload("href-far", HTML, r"$\href{%FAR%}{x}$"),
    Payload("style", HTML, r"$\style{background:url(%URL%)}{x}$"),
    Payload("id", HTML, r"$\cssId{submission_id}{x}$ $\class{save-icon}{y}$"),
)
MADE = """() => [...document.querySelectorAll("mjx-container *")].flatMap(one => {
  const {href, style, id, class: kind} = Object.fromEntries(
    [...one.attributes].map(({name, value}) => [name.replace("xlink:", ""), value]));
  return [href, /url|background/.test(style) && style, /save-icon/.test(kind) && kind,
    id === "submission_id" && id].filter(text => text && !text.startsWith("#MJX"));
})"""


@pytest.fixture(scope="module")
def beacon() -> Iterator[Beacon]:
    server = Beacon()
    files = importlib.metadata.files("sphinx-mathjax-offline") or []
    (script,) = [one for one in files if str(one).endswith("mathjax/tex-svg-full.js")]
    server.pages["/mathjax.js"] = Path(str(script.locate())).read_bytes()
    yield server
    server.close()


def typeset(browser: Browser, beacon: Beacon, text: str) -> tuple[list[str], list]:
    """What of the text has become active in a page with MathJax, and the faults that were seen."""
    page = f"<!doctype html><meta charset=utf-8><title>page</title>{CONFIG}<body>{text}</body>"
    beacon.pages["/formulas"] = page.encode()
    with watched(browser, beacon) as one:
        opened = one.open(f"{beacon.address}/formulas")
        opened.wait_for_function("() => window.MathJax && MathJax.startup.promise")
        opened.evaluate("async () => { await MathJax.startup.promise }")
        assert opened.locator("mjx-container").count() >= 1
        made = opened.evaluate(MADE)
        one.poke("mjx-container")
        one.settle(milliseconds=200)
        return made, one.report()


@pytest.mark.parametrize("payload", FORMULAS, ids=lambda payload: payload.name)
def test_a_careless_page_makes_them_active(
    browser: Browser, beacon: Beacon, payload: Payload
) -> None:
    """The control: this MathJax does follow the macros."""
    made, _ = typeset(browser, beacon, f"<p>{payload.filled(beacon.url)}</p>")
    assert made


@pytest.mark.parametrize("payload", FORMULAS, ids=lambda payload: payload.name)
def test_what_we_write_makes_nothing_active(
    browser: Browser, beacon: Beacon, payload: Payload
) -> None:
    """As HTML of an output, as Markdown that we render, and as Markdown that JupyterLab renders."""
    text = payload.filled(beacon.url)
    texts = [clean_html(f"<p>{text}</p>"), safe_markdown(text), f"<p>{quiet_markdown(text)}</p>"]
    made, faults = typeset(browser, beacon, "".join(texts) + "<p>$a < b$</p>")
    assert made == [] and faults == []


def test_the_script_that_ran_would_be_seen(browser: Browser, beacon: Beacon) -> None:
    """The control for the faults: a careless page's link runs its script once it is pressed."""
    _, faults = typeset(browser, beacon, FORMULAS[0].filled(beacon.url))
    assert ("script", "href") in faults


def test_dollars_in_a_comment_enclose_no_formula(browser: Browser, beacon: Beacon) -> None:
    """In the page's way of setting formulas: a backslash before a dollar makes it one."""
    texts = ["from $5 to $6", "it raised KeyError: '$x_1$ and $y$'", "$$x$$", "one $ alone"]
    config = CONFIG.replace("tex: {", "tex: {processEscapes: true, ")
    body = "".join(safe_markdown(literal(text)) for text in texts) + "<div>$a$</div>"
    page = f"<!doctype html><meta charset=utf-8><title>page</title>{config}<body>{body}</body>"
    beacon.pages["/comments"] = page.encode()
    with watched(browser, beacon) as one:
        opened = one.open(f"{beacon.address}/comments")
        opened.wait_for_function("() => window.MathJax && MathJax.startup.promise")
        opened.evaluate("async () => { await MathJax.startup.promise }")
        assert opened.locator("div mjx-container").count() == 1
        assert opened.locator("p mjx-container").count() == 0
        assert opened.locator("p").all_inner_texts() == texts
