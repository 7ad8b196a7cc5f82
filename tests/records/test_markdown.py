"""Comments read as they were written: in Formgrader's box as on the page that it renders."""

from __future__ import annotations

import random
from html.parser import HTMLParser

import pytest
from nbconvert.filters import markdown2html

from grader.records.markdown import literal


class Text(HTMLParser):
    """The text of a page, and the names of its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def rendered(text: str) -> tuple[str, set[str]]:
    page = Text(markdown2html(literal(text)))
    return " ".join("".join(page.said).split()), page.tags


@pytest.mark.parametrize(
    "text",
    [
        "The scores are not scaled · 3 of 5 points",
        "negative_log_likelihood([0.1, -2], [1]) returned 2*x, yours has (2, 3) < (3, 2) & more",
        "yours:    [ 0.5 -1. ]\nexpected: [ 0.5  1. ]",
        "it raised KeyError: 'a_b'; __init__",
    ],
)
def test_a_usual_comment_stays_as_it_is(text: str) -> None:
    assert literal(text).replace("\\_", "_") == text
    assert rendered(text) == (" ".join(text.split()), {"p"})


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<!-- hidden",
        "[here](javascript:alert(1))",
        "[here]: there\n\n[here]",
        "# no heading\n- no item\n1. no number\n> no quotation\n===\n~~~\nno code",
        "a | b\n--- | ---\n1 | 2",
        "*a* **b** `c` ~~d~~ _e_ &lt; \\* \\\\",
        "    no code\n\tno code",
        "line\n---",
    ],
)
def test_nothing_that_a_student_wrote_becomes_markup(text: str) -> None:
    said, tags = rendered(text)
    assert said == " ".join(text.split()) and tags <= {"p"}


def test_any_text_reads_as_it_was_written() -> None:
    draw = random.Random(7)
    signs = "\\`*_[]()#+-!|~<>&:=.1a "
    parts = [*signs, "\n", "\n\n", "  ", "ab", "a_b", "&lt;", "</p>", "![", "]("]
    for _ in range(1500):
        text = "".join(draw.choices(parts, k=draw.randrange(1, 14)))
        said, tags = rendered(text)
        assert (said, tags - {"p", "br"}) == (" ".join(text.split()), set()), (text, literal(text))
