"""The page of rubrics: for each question that a person grades, its text, rubric and sample."""

from __future__ import annotations

import re
from collections.abc import Iterable

import jinja2

from grader.authoring.rubrics import questions, rubrics
from grader.course.layout import COURSE, assignment_id
from grader.judge.sanitize import safe_markdown
from grader.student.words import points


def rubrics_page(lessons: Iterable[str]) -> bytes | None:
    """Return one self-contained page; None if none of these lessons has a rubric."""
    parts: list[dict] = []
    for lesson in lessons:
        known = rubrics(lesson)
        parts += [
            {"assignment": assignment_id(lesson), "question": one, "rubric": known[one.id]}
            for one in questions(lesson)
            if one.id in known
        ]
    if not parts:
        return None
    loader = jinja2.PackageLoader("grader.pages", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters |= {"markdown": _markdown, "points": points}
    page = environment.get_template("rubrics.html.j2")
    return page.render(title=COURSE.title, parts=parts).encode()


def _markdown(text: str) -> str:
    """Turn Markdown into harmless HTML, without the links that nbconvert puts beside headings."""
    return re.sub(r"<a[^>]*>¶</a>", "", safe_markdown(text))
