"""Make the page that a student gets back: marks, checks, answers, and nothing that can run."""

from __future__ import annotations

import functools
import html
import re

import jinja2
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from grader.course.assignments import Assignment
from grader.judge import outcome as words
from grader.judge.outcome import Outcome, Shown
from grader.judge.sanitize import plain
from grader.pages.verdicts import graded, why_carried
from grader.protocol.values import Verdict
from grader.records import manual_grading
from grader.sandbox.host.levels import title
from grader.source.assembly import ANSWER, OWN
from grader.student.report import as_html

OUTCOMES = {
    words.GRADED: "graded",
    words.NOT_ATTEMPTED: "nothing was attempted",
    words.TIMED_OUT: "something ran longer than it may",
    words.OUT_OF_MEMORY: "something needed more memory than it may use",
    words.CRASHED: "something ended the process that ran it",
    words.REJECTED: "could not be graded",
}


# The escape sequences of a terminal's colours, and the page's class for each, plain and bright.
_COLOUR = re.compile("\x1b\\[([0-9;]*)m")
_COLOURS = {
    f"{row}{number}": f"ansi-{name}"
    for row in (3, 9)
    for number, name in enumerate(("red", "green", "yellow", "blue", "magenta", "cyan"), 1)
}


def feedback_page(outcome: Outcome, release: Assignment) -> bytes:
    """Return one self-contained page, whose content security policy lets nothing run or load.

    Its slots for a person's marks are filled later: see :mod:`grader.records.manual_grading`.
    """
    page = _template().render(
        outcome=outcome,
        word=OUTCOMES[outcome.outcome],
        sections=[_section(verdict, outcome) for verdict in outcome.verdicts],
        humans=[_human(name, outcome) for name in outcome.humans],
        own=[_Code(shown) for shown in outcome.cells if shown.role == OWN and shown.outputs],
        sandbox=title(outcome.sandbox),
        style=_style(),
        plain=plain,
        coloured=coloured,
    )
    return manual_grading.fill_slots(page.encode())


def coloured(text: str) -> str:
    """Turn text with a terminal's colours into HTML, all escaped, with no escape sequence left."""
    plain_part, *rest = _COLOUR.split(text)
    shown, bold, colour = [html.escape(plain_part)], "", ""
    for codes, part in zip(rest[::2], rest[1::2], strict=True):
        for code in codes.split(";")[:8]:
            if code in ("", "0"):
                bold = colour = ""
            elif code in ("1", "22"):
                bold = "ansi-bold" if code == "1" else ""
            else:
                colour = _COLOURS.get(code, "" if code == "39" else colour)
        classes = f"{bold} {colour}".strip()
        escaped = html.escape(part)
        shown.append(f'<span class="{classes}">{escaped}</span>' if classes and part else escaped)
    return "".join(shown).replace("\x1b", "\ufffd")


class _Code:
    """A code cell ready for the page: highlighted source, outputs as text, tables or images."""

    def __init__(self, shown: Shown) -> None:
        self.source = highlight(plain(shown.source, 100_000), PythonLexer(), _formatter())
        self.outputs = shown.outputs


def _section(verdict: Verdict, outcome: Outcome) -> dict:
    cells = [s for s in outcome.cells if s.role == ANSWER and s.exercise == verdict.exercise]
    return {
        "verdict": verdict,
        "verdict_html": as_html(graded(verdict, outcome)) if verdict.attempted else "",
        "code": _Code(cells[0]) if cells and verdict.attempted else None,
        "why_carried": why_carried(verdict.exercise, outcome),
        "unsure": verdict.exercise in outcome.unsure,
    }


def _human(name: str, outcome: Outcome) -> dict:
    """Describe a question that a person marks; without an answer it has 0 points at once."""
    of, answered = outcome.humans[name]
    source = next((shown.source for shown in outcome.cells if shown.id == name), "")
    found = None if answered else 0.0
    return {"id": name, "of": of, "answered": answered, "source": source, "found": found}


@functools.cache
def _formatter() -> HtmlFormatter:
    return HtmlFormatter(nowrap=False, cssclass="code")


@functools.cache
def _style() -> str:
    return _formatter().get_style_defs(".code")


@functools.cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("grader.pages", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters["points"] = manual_grading.points
    return environment.get_template("feedback.html.j2")
