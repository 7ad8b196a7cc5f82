"""What a page formats of a submission is bounded: for each text, and for the whole notebook."""

from __future__ import annotations

import html
import json
import re

import nbformat
import pytest
from nbconvert.filters import Highlight2HTML, markdown2html
from traitlets.config import Config

from grader.course.assignments import assignment
from grader.judge import room
from grader.judge.outcome import GRADED, REJECTED, Outcome, Shown
from grader.judge.room import Room, code_room, markdown_room, steps
from grader.judge.sanitize import AS_WRITTEN, as_written, clean_html, safe_markdown
from grader.pages.coloring import MOST_COLORS, SHOWN_PLAIN, ansi2html, highlight_code
from grader.pages.executed import executed_notebook
from grader.pages.feedback import feedback_page
from grader.records.nbgrader_plugin import configure
from grader.source.assembly import HUMAN, OWN

NAME = "03_masking"
PROSE = (
    "The weights $\\alpha_{ij}$ sum to one, and so each output is a *mean* of the values. " * 20
    + "\n\n- a point\n- another\n\n```python\nprint(1)\n```\n\n$$\\sum_j \\alpha_{ij} v_j$$\n\n"
)
CODE = "".join(
    f"def step_{n}(queries, keys):  # number {n}\n    return queries @ keys.T / {n + 1}\n\n\n"
    for n in range(125)
)
SLOW = {
    "blanks": lambda size: "a" + " " * size + "b",
    "tabs": lambda size: "a" + "\t" * size + "b",
    "inline formulas": lambda size: "\\\\(" * (size // 3),
    "display formulas": lambda size: "\\\\[" * (size // 3),
    "environments": lambda size: "\\begin{a}" * (size // 9),
    "lines of blanks": lambda size: (" " * 50 + "\n") * (size // 51),
    "letters": lambda size: "x" * size,
}


def outcome_of(*cells: Shown) -> Outcome:
    return Outcome("eve", NAME, GRADED, 10.0, cells=cells, sandbox="none")


def own(number: int, kind: str, source: str, *outputs: dict) -> Shown:
    return Shown(OWN, kind, f"own-{number}", source, outputs=outputs)


def printed(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def executed(*cells: Shown) -> list:
    content = executed_notebook(outcome_of(*cells), assignment(NAME))
    nbformat.validate(nbformat.reads(content.decode(), as_version=4))
    return nbformat.reads(content.decode(), as_version=4).cells


def page_of(*cells: Shown) -> str:
    return feedback_page(outcome_of(*cells), assignment(NAME)).decode()


@pytest.mark.parametrize("kind", SLOW)
def test_a_text_that_is_slow_to_parse_is_shown_as_written(kind: str) -> None:
    text = SLOW[kind](300_000)
    assert not markdown_room().takes(text)
    assert safe_markdown(text) == f"<p>{AS_WRITTEN}</p>\n<pre><code>{text}\n</code></pre>\n"
    (cell,) = executed(Shown(HUMAN, "markdown", "own-1", text))
    assert cell.source == as_written(text)
    assert AS_WRITTEN in safe_markdown(cell.source) and text in safe_markdown(cell.source)


@pytest.mark.parametrize("kind", ["blanks", "inline formulas", "environments"])
def test_a_shorter_one_is_refused_for_the_steps_that_it_takes(kind: str) -> None:
    text = SLOW[kind](room.MOST_MARKDOWN - 10)
    assert steps(text) > 40 * room.MOST_MARKDOWN and not markdown_room().takes(text)
    assert markdown_room().takes("x" * len(text))


@pytest.mark.parametrize("part", ["~~~", "~~~~\n~~~~~", "a\n\n~~~~~~\nb", "*x*", "```", "<b>"])
def test_what_is_shown_as_written_cannot_get_out_of_that(part: str) -> None:
    text = f"{part}\n**bold** <img src=x> $a$\n{part}"
    for page in (safe_markdown(as_written(text)), clean_html(markdown2html(as_written(text)))):
        assert "<strong>" not in page and "<img" not in page
        body = re.search("<pre><code[^>]*>(.*)</code></pre>", page, re.S)
        assert body and html.unescape(body[1]).rstrip("\n") == text


def test_an_honest_long_answer_looks_as_it_did() -> None:
    text = (PROSE * 10)[:10_000]
    assert text.count("$") > 100
    assert safe_markdown(text) == clean_html(markdown2html(text))
    cells = executed(*(own(number, "markdown", text) for number in range(8)))
    assert {cell.source for cell in cells} == {text}


def test_honest_code_looks_as_it_did() -> None:
    assert CODE.count("\n") == 500
    (cell,) = executed(own(1, "code", CODE))
    assert cell.source == CODE and not cell.metadata
    assert highlight_code(CODE, metadata=cell.metadata) == Highlight2HTML()(CODE)


def test_the_room_is_the_notebooks() -> None:
    prose, code = "word " * 3_000, "value = 1\n" * 5_000
    cells = executed(
        *(own(number, "markdown", prose) for number in range(50)),
        *(own(100 + number, "code", code) for number in range(20)),
    )
    formatted = [cell for cell in cells[:50] if not cell.source.startswith(AS_WRITTEN)]
    assert len(formatted) == room.ALL_MARKDOWN // len(prose)
    pages = [highlight_code(cell.source, metadata=cell.metadata) for cell in cells[50:]]
    assert all(code.rstrip() in html.unescape(re.sub("<[^>]*>", "", page)) for page in pages)
    colored = [page for page in pages if SHOWN_PLAIN not in page]
    assert len(colored) == room.ALL_CODE // len(code)
    assert 'class=" highlight hl-ipython3"' in pages[-1]


def test_the_steps_are_the_notebooks() -> None:
    one = Room(100_000, 10_000_000, 1_000)
    text = "a$" * 10  # 20 characters, each read once, and once for each of 10 openers
    assert steps(text) == 220
    assert [one.takes(text) for _ in range(6)] == [True] * 4 + [False] * 2


def test_a_notebook_of_giant_cells_is_cut_and_says_so() -> None:
    cells = executed(*(own(number, "code", "x" * 900_000) for number in range(4)))
    assert sum(len(cell.source) for cell in cells) < room.MOST_KEPT + 500
    assert cells[2].source.endswith(
        "# (700,000 characters are left out here: see the submitted notebook)"
    )
    (*_, last) = executed(*(own(number, "markdown", "x" * 900_000) for number in range(4)))
    assert "(900,000 characters are left out here" in last.source


def test_nbgraders_pages_color_code_as_ours_do(tmp_path) -> None:
    """Formgrader and ``generate_feedback`` make their pages with this exporter."""
    from nbconvert.exporters import HTMLExporter

    config = Config()
    configure(config, tmp_path)
    filters = HTMLExporter(config=config).environment.filters
    assert filters["highlight_code"] is highlight_code and filters["ansi2html"] is ansi2html
    chain = "x." * 100_000 + "x"
    assert highlight_code(chain) == (
        f'<div class=" highlight hl-ipython3"><pre>{chain}\n</pre>'
        f"<p><em>{SHOWN_PLAIN}</em></p></div>\n"
    )
    assert "<span" in highlight_code("x." * 10_000)


@pytest.mark.parametrize("language", ["ipython3", "python"])
def test_fenced_python_is_colored(language: str) -> None:
    text = f"```{language}\nfor n in range(3): print(n)\n```"
    assert '<span class="k">' in markdown2html(text)  # what it looked like
    assert re.sub(' class="[^"]*"', "", markdown2html(text)) == safe_markdown(text)


@pytest.mark.parametrize("language", ["perl", "html+php", "console", "x y", "mermaid"])
def test_a_fence_chooses_no_lexer(language: str) -> None:
    """Pygments has hundreds, and some take forever on hostile text."""
    text = f"```{language}\nmy $x = 1; # <b>\n```"
    assert safe_markdown(text) == "<pre><code>my $x = 1; # &lt;b&gt;\n</code></pre>\n"


def test_a_text_with_very_many_colors_loses_them() -> None:
    assert "<span" in ansi2html("\x1b[31mred\x1b[0m <b>")
    assert ansi2html("\x1b[31ma" * (MOST_COLORS + 1) + "<") == "a" * (MOST_COLORS + 1) + "&lt;"


@pytest.mark.parametrize(
    "told",
    [
        "![](http://192.0.2.1/p.png)",
        "<img src=http://192.0.2.1/p.png>",
        "![a][b] **bold** $\\href{http://192.0.2.1}{x}$ \\(x\\)",
        "a\n\n```mermaid\nx\n```",
    ],
)
def test_the_reason_of_a_refusal_is_text(told: str) -> None:
    """It may quote the file, and JupyterLab fetches a picture from wherever Markdown says."""
    refused = Outcome("eve", NAME, REJECTED, 10.0, f"the kernel is of {told}", sandbox="none")
    document = json.loads(executed_notebook(refused, assignment(NAME)))
    source = document["cells"][0]["source"]
    page = markdown2html(source)
    assert page.startswith("<p><strong>Not graded:</strong> the kernel is of ")
    assert page.count("<strong>") == 1
    assert not re.search("<img|mermaid", page) and "\\href" not in page


# -- the feedback page -----------------------------------------------------------------------------


def test_the_feedback_page_has_room_for_so_much_code() -> None:
    code = "print(1);[" + "1," * 49_990 + "]"
    page = page_of(*(own(n, "code", code, printed(f"cell {n}")) for n in range(19)))
    assert len(page) < 6_000_000
    lost = 19 * len(code) - room.ALL_CODE
    said = re.findall(r"\(([\d,]+) characters of code left out", page)
    assert sum(int(one.replace(",", "")) for one in said) == lost
    assert "the notebook that was handed in has all of it" in page
    assert all(f"cell {n}" in page for n in range(19))


def test_the_feedback_page_has_room_for_so_many_outputs() -> None:
    text = printed("<" * 100_000)
    page = page_of(*(own(n, "code", f"cell_{n}", *[text] * 10) for n in range(8)))
    assert len(page) < 10_000_000
    left_out = [int(one) for one in re.findall(r"\((\d+) outputs? left out", page)]
    assert page.count("&lt;" * 100_000) + sum(left_out) == 80 and sum(left_out) > 50


def test_an_honest_feedback_page_leaves_nothing_out() -> None:
    cells = [own(n, "code", CODE, printed("done\n" * 1_000)) for n in range(8)]
    page = page_of(*cells)
    assert "left out" not in page and SHOWN_PLAIN not in page
    assert len(json.dumps([cell.source for cell in cells])) < room.ALL_CODE
    assert code_room().takes(CODE)
