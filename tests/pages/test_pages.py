"""What people open shows a submission and runs none of it."""

from __future__ import annotations

import base64
import html
import json
import re

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.assignments import assignment
from grader.judge.sanitize import (
    clean_html,
    clean_outputs,
    is_image,
    plain,
    quiet_markdown,
    safe_markdown,
)
from grader.pages.executed import executed_notebook
from grader.pages.feedback import colored, feedback_page
from tests.conftest import Grade

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<a href='javascript:alert(1)'>x</a>",
    "<div style='background:url(http://evil/x)'>x</div>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%'>x</div>",
    "<style>body{display:none}</style>",
    "<link rel=stylesheet href=http://evil/x.css>",
    "<meta http-equiv=refresh content='0;url=http://evil'>",
    "<form action=http://evil><input name=x></form>",
    "<img src='http://evil/pixel.png'>",
    "<img src='data:image/svg+xml;base64,PHN2Zz4='>",
    "<math><mtext></p><script>alert(1)</script></math>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<base href='http://evil/'>",
    "</div></body><script>alert(1)</script>",
]
ACTIVE = re.compile(
    r"<script|<iframe|<object|<svg|<link|<meta|<form|<base|<style|\son\w+\s*=|javascript:"
    r"|url\(|position\s*:|https?://evil",
    re.I,
)


@pytest.mark.parametrize("text", EVIL)
def test_html_and_markdown_lose_everything_active(text: str) -> None:
    assert not ACTIVE.search(clean_html(text)), clean_html(text)
    assert not ACTIVE.search(safe_markdown(f"Before\n\n{text}\n\n*after*"))


def test_honest_html_stays() -> None:
    table = '<table><tr><td style="color: red">1</td></tr></table>'
    assert (
        clean_html(table) == '<table><tbody><tr><td style="color: red">1</td></tr></tbody></table>'
    )
    assert safe_markdown("**bold** $a < b$").strip() == "<p><strong>bold</strong> $a &lt; b$</p>"
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 8 + b"\0\0\0\x02\0\0\0\x02").decode()
    image = f'<img alt="a figure" src="data:image/png;base64,{png}">'
    assert png in clean_html(image) and "a figure" in clean_html(image)


@pytest.mark.parametrize(
    "style",
    [
        "margin: -4000px 0 0 0",
        "margin: 0 0 -.5em",
        "margin: calc(0px - 400px) 0 0 0",
        "margin: var(--far)",
        "vertical-align: 500px",
        "height: 0px",  # what it holds goes on below it
        "font-size: 900px",
        "font-size: 90vh",
        "font-size: max(1em, 900px)",
        "font-size: 2em",  # twice as large with each level of nesting
    ],
)
def test_no_style_draws_over_the_rest_of_the_page(style: str) -> None:
    assert clean_html(f'<div style="{style}">10 of 10</div>') == "<div>10 of 10</div>"


@pytest.mark.parametrize(
    "style",
    [
        "margin: 0.5em auto",
        "font-family: sans-serif",
        "white-space: pre-wrap",
        "vertical-align: text-top",
        "background-color: rgba(255, 0, 0, 0.5)",
        "font-size: 1.2rem",
        "font-size: small",
        "border: 1px solid #ddd",
    ],
)
def test_honest_styles_stay(style: str) -> None:
    assert clean_html(f'<div style="{style}">x</div>') == f'<div style="{style}">x</div>'


def test_images_are_images_of_bounded_size() -> None:
    head = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
    small = base64.b64encode(head + (10).to_bytes(4, "big") * 2).decode()
    bomb = base64.b64encode(head + (60_000).to_bytes(4, "big") * 2).decode()
    assert is_image(small) and not is_image(bomb)
    assert not is_image("<svg/>") and not is_image(None) and not is_image("A" * 9_000_000)


@pytest.mark.parametrize(
    "raw",
    [
        None, 3, "x", {}, {"output_type": "stream"}, {"output_type": "evil", "text": "x"},
        {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}},
        {"output_type": "display_data", "data": {"text/html": 7, "image/svg+xml": "<svg>"}},
        {"output_type": "display_data", "data": [1]},
        {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}},
    ],
)  # fmt: skip
def test_strange_outputs_vanish(raw: object) -> None:
    assert clean_outputs([raw]) == []


def test_text_has_no_control_characters() -> None:
    assert plain("a\x00b\x1b]0;title\x07c\u202ed\x1b[31mred") == "a�b�]0;title�c�d\x1b[31mred"


@pytest.mark.parametrize(
    "text",
    [
        "![a](http://evil/x)", "![a][p]\n\n[p]: http://evil/x", "<img src=http://evil/x>",
        "<IMG/src=http://evil/x>", "<div\nstyle='background:url(http://evil/x)'>", 
        "<video poster=x>",
        "<style>@import 'http://evil/x'", "</svg><p x>", "<!-- x -->", "<a href=x>",
        "```mermaid\n%%{init: {'themeCSS': '@import url(http://evil/x)'}}%%\n```",
    ],
)  # fmt: skip
def test_markdown_that_others_open_loads_nothing_and_stands_as_written(text: str) -> None:
    quiet = quiet_markdown(text)
    assert not re.search(r"<[a-z/!?]|!\[|mermaid", quiet, re.I)
    assert quiet.replace("\u200b", "") == text


def test_honest_markdown_is_left_alone() -> None:
    text = (
        "**bold** $a < b$, `x < y`, a<sub>2</sub><br/> [link](http://a.b) ! [1] <B>b</B>\n\n| a |"
    )
    assert quiet_markdown(text) == text


MACROS = [
    r"$\href{javascript:alert(1)}{x}$",
    r"$$\href {javascript:alert(1)}{x}$$",
    r"\(\url{http://evil/x}\)",
    r"\[\style{background:url(http://evil/x)}{x}\]",
    r"\begin{equation}\cssId{submission_id}{x}\class{y}{z}\end{equation}",
    r"$\require{html}\data{x=1}{y}$",
    r"$\unicode{x2713}$",
    r"$\def\a#1{\href{javascript:alert(1)}{#1}}\let\b\href\a{x}$",
    r"$\includegraphics{http://evil/x.png}\htmlStyle{color: red}{x}$",
    r"&#36;&#92;href{javascript:alert(1)}{x}&#36;",
    r"&dollar;&bsol;href{javascript:alert(1)}{x}&dollar;",
    r"&#x24;\h&#114;ef{javascript:alert(1)}{x}&#x24;",
    r"<div>&#0000000036&#x00005C;hre&#0102{javascript:alert(1)}{x}&#36</div>",
    r"$\hr<wbr>ef{javascript:alert(1)}{x}$",
    r"$\hr<!-- -->ef{javascript:alert(1)}{x}$",
]
MACRO = re.compile(
    r"\\(href|url|style|cssId|class|require|data|unicode|includegraphics|htmlStyle)\b"
)


@pytest.mark.parametrize("text", MACROS)
def test_formulas_have_no_links_and_styles_whoever_renders_them(text: str) -> None:
    """The text of the page, as a browser would hand it to MathJax, names no such macro."""
    quiet = quiet_markdown(text)
    assert quiet.replace("\u200b", "") == text
    for page in (safe_markdown(text), safe_markdown(quiet), clean_html(text), clean_html(quiet)):
        assert not MACRO.search(html.unescape(page)), page
    if "&" not in text and "<" not in text:
        assert not MACRO.search(quiet)


@pytest.mark.parametrize(
    "text",
    [
        r"$\frac{a}{b}$, $$\sum_i x_i$$, \(\hat{y}\), $\classical$ and $\urls$",
        r"In LaTeX `\href{address}{text}` makes a link; C:\style and \url as text",
        "&lt;b&gt; &amp; &nbsp; &alpha; &#8594; &#x2192; a&b AT&T",
    ],
)
def test_honest_formulas_and_entities_are_left_alone(text: str) -> None:
    assert quiet_markdown(text) == text


def test_a_terminals_colors_are_shown_and_nothing_else_of_its_codes() -> None:
    text = "\x1b[1;31m<b>\x1b[0m & \x1b[92mok\x1b[39m \x1b[38;5;9mx\x1b"
    assert colored(text) == (
        '<span class="ansi-bold ansi-red">&lt;b&gt;</span> &amp; '
        '<span class="ansi-green">ok</span> x\ufffd'
    )


def test_written_text_is_shown_in_the_place_of_an_objects_name() -> None:
    data = {"text/latex": "$a < b$", "text/plain": "<Math object>"}
    shown = clean_outputs([{"output_type": "display_data", "data": data}])
    assert shown[0]["data"] == {"text/plain": "$a < b$"}


def evil_submission() -> str:
    notebook = solved("masking")
    for number, text in enumerate(EVIL):
        show = f"from IPython.display import HTML, Javascript, display\ndisplay(HTML({text!r}))"
        notebook.cells.append(nbformat.v4.new_code_cell(show, id=f"html-{number}"))
        notebook.cells.append(nbformat.v4.new_markdown_cell(text, id=f"md-{number}"))
    notebook.cells.append(
        nbformat.v4.new_code_cell("display(Javascript('alert(1)'))\nprint('<script>')", id="js")
    )
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("cell_type") == "markdown":
            cell.source = "\n".join(EVIL)
    return nbformat.writes(notebook)


def test_the_feedback_page_runs_nothing(grade: Grade) -> None:
    outcome = grade("masking", evil_submission(), student="evil")
    page = feedback_page(outcome, assignment("03_masking")).decode()
    body = page.partition("<body>")[2]
    bare = re.sub(r"<(div|pre|span)[^>]*>", "", body)
    live = [tag for tag in re.findall(r"<[^>]*>", bare) if ACTIVE.search(tag)]
    assert not live, live
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page  # shown, as text


def test_the_executed_notebook_is_valid_and_holds_nothing_active(grade: Grade) -> None:
    outcome = grade("masking", evil_submission(), student="evil")
    content = executed_notebook(outcome, assignment("03_masking"))
    notebook = nbformat.reads(content.decode(), as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert set(data) <= {"text/plain", "text/html", "image/png", "image/jpeg"}
            assert not ACTIVE.search("".join(data.get("text/html", ""))), cell.source
    assert "widgets" not in json.dumps(notebook.metadata)
