"""Make the page that a student gets back: marks, checks, answers, and nothing that can run."""

from __future__ import annotations

import functools
import html
import re
from typing import Any

import jinja2

from grader.course.assignments import Assignment
from grader.judge import outcome as words
from grader.judge.outcome import Outcome, Shown
from grader.judge.room import ALL_CODE, code_room
from grader.judge.sanitize import MAX_SHOWN, plain
from grader.pages.coloring import colored_code, formatter
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


# The escape sequences of a terminal's colors, and the page's class for each, plain and bright.
_COLOR = re.compile("\x1b\\[([0-9;]*)m")
_COLORS = {
    f"{row}{number}": f"ansi-{name}"
    for row in (3, 9)
    for number, name in enumerate(("red", "green", "yellow", "blue", "magenta", "cyan"), 1)
}


def feedback_page(outcome: Outcome, release: Assignment) -> bytes:
    """Return one self-contained page, whose content security policy lets nothing run or load.

    Its slots for a person's marks are filled later: see :mod:`grader.records.manual_grading`.
    """
    room = _Room()  # answers come before added cells, so that these take no room from them
    page = _template().render(
        outcome=outcome,
        word=OUTCOMES[outcome.outcome],
        sections=[_section(verdict, outcome, room) for verdict in outcome.verdicts],
        humans=[_human(name, outcome) for name in outcome.humans],
        own=[room.cell(cell) for cell in outcome.cells if cell.role == OWN and cell.outputs],
        sandbox=title(outcome.sandbox),
        style=_style(),
        plain=plain,
    )
    return manual_grading.fill_slots(page.encode())


def colored(text: str) -> str:
    """Turn text with a terminal's colors into HTML, all escaped, with no escape sequence left."""
    plain_part, *rest = _COLOR.split(text)
    shown, bold, color = [html.escape(plain_part)], "", ""
    for codes, part in zip(rest[::2], rest[1::2], strict=True):
        for code in codes.split(";")[:8]:
            if code in ("", "0"):
                bold = color = ""
            elif code in ("1", "22"):
                bold = "ansi-bold" if code == "1" else ""
            else:
                color = _COLORS.get(code, "" if code == "39" else color)
        classes = f"{bold} {color}".strip()
        escaped = html.escape(part)
        shown.append(f'<span class="{classes}">{escaped}</span>' if classes and part else escaped)
    return "".join(shown).replace("\x1b", "\ufffd")


class _Room:
    """The room of one page for code and outputs; what does not fit is named in a line."""

    def __init__(self) -> None:
        self.colors, self.code, self.outputs = code_room(), ALL_CODE, MAX_SHOWN

    def cell(self, shown: Shown) -> dict[str, Any]:
        """Return a code cell ready for the page: its code, and outputs as text or images."""
        source = plain(shown.source, self.code)
        self.code -= len(source)
        lost = len(shown.source) - len(source)
        code = colored_code(source, self.colors) if source else ""
        left_out = f"{lost:,} characters of code" if lost else ""
        return {
            "source": code + (_left_out(left_out) if left_out else ""),
            "outputs": self._fitting([_output(item) for item in shown.outputs]),
        }

    def _fitting(self, outputs: list[str]) -> list[str]:
        for number, output in enumerate(outputs):
            # Escaping and colors make a text several times as long as what was measured before.
            if len(output) > self.outputs:
                some = len(outputs) - number
                return [*outputs[:number], _left_out(f"{some} output{'s' * (some > 1)}")]
            self.outputs -= len(output)
        return outputs


def _left_out(what: str) -> str:
    where = "the notebook that was handed in has all of it"
    return f'<p class="note">({what} left out, since this page would be too long: {where})</p>'


def _output(item: dict[str, Any]) -> str:
    """Return an output, which has been sanitized before, as HTML."""
    if item["output_type"] == "stream":
        return f'<pre class="{item["name"]}">{colored(item["text"])}</pre>'
    if item["output_type"] == "error":
        return f'<pre class="stderr">{colored(item["ename"] + ": " + item["evalue"])}</pre>'
    data = item["data"]
    for mime in ("image/png", "image/jpeg"):
        if mime in data:
            return f'<img alt="a figure that this cell drew" src="data:{mime};base64,{data[mime]}">'
    return data["text/html"] if "text/html" in data else f"<pre>{colored(data['text/plain'])}</pre>"


def _section(verdict: Verdict, outcome: Outcome, room: _Room) -> dict:
    cells = [s for s in outcome.cells if s.role == ANSWER and s.exercise == verdict.exercise]
    return {
        "verdict": verdict,
        "verdict_html": as_html(graded(verdict, outcome)) if verdict.attempted else "",
        "code": room.cell(cells[0]) if cells and verdict.attempted else None,
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
def _style() -> str:
    return formatter().get_style_defs(".code")


@functools.cache
def _template() -> jinja2.Template:
    loader = jinja2.PackageLoader("grader.pages", "templates")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters["points"] = manual_grading.points
    return environment.get_template("feedback.html.j2")
