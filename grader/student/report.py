"""Show a verdict's summary as text in a terminal, and as HTML in notebooks and on pages."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence

from grader.student.colors import BAD, GOOD, MONO
from grader.student.folds import OWN_KEYS, fold
from grader.student.markup import coded
from grader.student.summary import Group, Row, Summary

WIDTH = 100  # columns of a terminal
CELL = "text-align:right;padding:.1em .7em;white-space:nowrap;background:none;border:none"
PARAGRAPH = "margin:.25em 0;text-align:left"


class Report:
    """A summary that displays itself, with folded hints below it unless the exercise passed."""

    def __init__(self, said: Summary, hints: Sequence[str] = ()) -> None:
        self.summary = said
        self.hints = () if said.passed else hints

    def __repr__(self) -> str:
        return as_text(self.summary)

    def _repr_html_(self) -> str:
        body = as_html(self.summary, "status", _picture(self.summary))
        return f"{body}{fold(self.summary.exercise, self.hints)}"


def as_text(said: Summary) -> str:
    """Format the summary for a terminal."""
    lines = [f"{said.headline} · {said.points}"]
    for line in what_is_wrong(said):
        lines.append(textwrap.indent(line if line[0] == " " else _filled(line), "  "))
    for group in said.rest:
        first, *others = _lines(group)
        lines += (_filled(first, "  "), *(_filled(line, "    ") for line in others))
    return "\n".join([*lines, *_next(said)])


def what_is_wrong(said: Summary) -> list[str]:
    """Return the lines that say what is wrong, and where to look; numbers are indented."""
    look = f"Where to look: {said.look}" if said.look else ""
    texts = (said.first, said.wrong, said.why, said.seen, *_aligned(said.rows), look)
    return [text for text in texts if text]


def the_rest(said: Summary) -> list[str]:
    """Return the lines that say how the other checks went, and what comes next."""
    groups = (_lines(group) for group in said.rest)
    return [*(line for first, *more in groups for line in (first, *_indented(more))), *_next(said)]


def _lines(group: Group) -> list[str]:
    """Return a group's title with its checks' names, or a line for each check that has a text."""
    if any(text for _, text in group.checks):
        return [f"{group.title}:", *(_pair(*check) for check in group.checks)]
    return [f"{group.title} ({', '.join(name for name, _ in group.checks)})"]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _next(said: Summary) -> list[str]:
    """Return what comes after a pass."""
    model = [f"A model answer to compare with: {said.model}"] if said.model else []
    return [*model, f"Next: {said.next}"] if said.next else model


def _pair(name: str, text: str) -> str:
    return f"{name}: {text}" if text else name


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _aligned(rows: Iterable[Row]) -> list[str]:
    """Format rows of numbers in columns, indented."""
    table = [(row.label, *row.numbers) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        f"    {label:<{widths[0]}}"
        + "".join(f"  {n:>{width}}" for n, width in zip(numbers, widths[1:], strict=True))
        for label, *numbers in table
    ]


def as_html(said: Summary, role: str = "group", picture: str = "") -> str:
    """Format the summary as HTML, all text escaped; a picture takes the place of the numbers.

    The part about what is wrong has the ``role``: "status" if a screen reader should announce it.
    """
    label = f' aria-label="{html.escape(said.exercise)}"' if role == "group" else ""
    sign = "✓" if said.passed else "✗"
    parts = [
        f'<p style="{PARAGRAPH}"><span aria-hidden="true">{sign} </span>'
        f"<strong>{html.escape(said.headline)}</strong> · {html.escape(said.points)}</p>",
        _paragraph(coded(said.first)),
        _paragraph(f"<strong>{coded(said.wrong)}</strong>" if said.wrong else ""),
        _paragraph(coded(said.why)),
        _paragraph(coded(said.seen)),
        picture or _table(said.rows),
        _paragraph(f"<em>Where to look:</em> {coded(said.look)}" if said.look else ""),
        _paragraph(
            f"A model answer to compare with: <code>{html.escape(said.model)}</code>"
            if said.model
            else ""
        ),
        _paragraph(f"Next: <strong>{html.escape(said.next)}</strong>" if said.next else ""),
    ]
    groups = "".join(map(_group, said.rest))
    color = GOOD if said.passed else BAD
    return (
        f'<div {OWN_KEYS} style="border-left:4px solid {color};padding:0 0 0 .8em;max-width:64em">'
        f'<div role="{role}"{label}>{"".join(parts)}</div>{groups}</div>'
    )


def _paragraph(content: str) -> str:
    return f'<p style="{PARAGRAPH}">{content}</p>' if content else ""


def _table(rows: Sequence[Row]) -> str:
    body = "".join(
        f'<tr style="background:none"><th scope="row" style="{CELL};text-align:left;'
        f'font-weight:normal">{html.escape(row.label)}</th>'
        + "".join(f'<td style="{CELL};{MONO}">{html.escape(number)}</td>' for number in row.numbers)
        + "</tr>"
        for row in rows
    )
    style = "border-collapse:collapse;border:none;margin:.25em 0"
    # On a telephone a row of numbers is wider than the page; only the table scrolls.
    frame = 'style="overflow-x:auto" tabindex="0" role="group" aria-label="yours and expected"'
    return f'<div {frame}><table style="{style}">{body}</table></div>' if body else ""


def _group(group: Group) -> str:
    items = "".join(
        f"<li>{html.escape(name)}{': ' if text else ''}{coded(text)}</li>"
        for name, text in group.checks
    )
    return (
        f'<details style="margin:.2em 0"{" open" if group.unfolded else ""}>'
        f'<summary style="cursor:pointer;width:fit-content">{html.escape(group.title)}</summary>'
        f'<ul style="margin:.2em 0 .4em;padding-left:2em;text-align:left">{items}</ul></details>'
    )


def _picture(said: Summary) -> str:
    """Draw heatmaps of yours, expected and difference, if they are matrices."""
    if said.matrices is None:
        return ""
    from grader.student import figures

    return figures.comparison(*said.matrices)
