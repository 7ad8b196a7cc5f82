"""Comments read as they were written: in Formgrader's box as on the page that it renders."""

from __future__ import annotations

import random
from html.parser import HTMLParser

import pytest
from nbconvert.filters import markdown2html

from grader.course.assignments import assignment
from grader.course.layout import LESSONS, assignment_id
from grader.course.versions import misconceptions
from grader.records.markdown import literal, marked_up
from grader.student.summary import sentence


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
        "it raised KeyError: 'a_b'; exp_ is one underscore, and one * is no emphasis",
        "-= 1 and -1\n+1\n*args is alone",
    ],
)
def test_a_usual_comment_stays_as_it_is(text: str) -> None:
    assert literal(text) == text
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
        "__init__ and _private_",
    ],
)
def test_nothing_that_a_student_wrote_becomes_markup(text: str) -> None:
    said, tags = rendered(text)
    assert said == " ".join(text.split()) and tags <= {"p"}


def mistakes() -> list[str]:
    """What the course says of each mistake that it knows."""
    return [
        f"{sentence(exercise.id, known)}\n\n{known.says}"
        for lesson in LESSONS
        for exercise in assignment(assignment_id(lesson)).exercises
        for version in misconceptions(lesson, exercise.id)
        if (known := version.misconception) is not None
    ]


def test_the_courses_own_words_have_no_stray_backslash() -> None:
    found = mistakes()
    assert len(found) > 1000
    assert [text for text in found if literal(text, marked_up(text)) != text] == []


def test_code_of_the_courses_own_stays_code_and_what_a_student_wrote_does_not() -> None:
    own = "It leaves out `window`, *twice*."
    told = "Seen: `x` and *y* <b> `window"
    page = Text(markdown2html(literal(f"{own}\n\n{told}", marked_up(own))))
    assert page.tags == {"p", "code", "em"}
    said = " ".join("".join(page.said).split())
    assert said == "It leaves out window, twice. Seen: `x` and *y* <b> `window"
    assert marked_up("one ` alone, and `two`") == []


def test_what_a_student_wrote_beside_markup_stays_text() -> None:
    """Any text in the same comment, even one that holds the course's own markup in part."""
    draw = random.Random(8)
    own = "It leaves out `window`, *twice*."
    parts = [*"\\`*_~[](<> a\ue000", "**", "``", "window", "twice", "\n", "\n\n", "- ", "__"]
    for _ in range(1500):
        text = "".join(draw.choices(parts, k=draw.randrange(1, 14)))
        if any(span in text for span in marked_up(own)):
            continue
        page = Text(markdown2html(literal(f"{own}\n\n{text}", marked_up(own))))
        said = " ".join("".join(page.said).split())
        shown = " ".join(f"It leaves out window, twice. {text}".split())
        assert said == shown, text
        assert page.tags - {"br"} == {"p", "code", "em"}, text


def test_any_text_reads_as_it_was_written() -> None:
    draw = random.Random(7)
    signs = "\\`*_[]()#+-!|~<>&:=.1a "
    parts = [*signs, "\n", "\n\n", "  ", "ab", "a_b", "&lt;", "</p>", "![", "]("]
    for _ in range(1500):
        text = "".join(draw.choices(parts, k=draw.randrange(1, 14)))
        said, tags = rendered(text)
        assert (said, tags - {"p", "br"}) == (" ".join(text.split()), set()), (text, literal(text))
