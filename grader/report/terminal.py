"""Show the report in the terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from grader.report.page import number, percent, sandbox, signed, text
from grader.report.read import Records
from grader.report.statistics import Shared, Summary, tomorrow

SHOWN = 10  # misconceptions shown per assignment; the page has them all


def show(records: Records, found: list[Summary]) -> None:
    """Print which work needs a person, each assignment's tables, and what to teach next."""
    console = Console() if sys.stdout.isatty() else Console(width=120)
    count = len(records.submissions)
    people, level = len(records.students), _text(sandbox(records))
    console.print(
        f"{people} student{'s'[: people != 1]}, {count} submission{'s'[: count != 1]} · "
        f"sandbox: {level}"
    )
    if records.unsandboxed:
        console.print(
            f"[bold red]Graded without a sandbox: {len(records.unsandboxed)} of {count} "
            "submissions (--no-sandbox)[/]"
        )
    for one in records.to_look_at:
        name = records.names.get(one.student, "")
        who = f"{one.student} ({name})" if name else one.student
        where = f"{_text(who)}/{_text(one.assignment)}"
        console.print(f"[bold]needs a person:[/] {where}: {_text('; '.join(one.notices))}")
    for bad in records.unreadable:
        console.print(f"[bold red]not read:[/] {_text(str(bad.path))}: {_text(bad.why)}")
    for each in found:
        console.print()
        console.print(_exercises(each))
        if each.misconceptions:
            console.print(_misconceptions(each))
    _show_tomorrow(console, tomorrow(found))


def _exercises(one: Summary) -> Table:
    outcomes = ", ".join(
        f"{count} {word.replace('_', ' ')}" for word, count in sorted(one.outcomes.items())
    )
    title = (
        f"{_text(one.assignment)} · {outcomes} · mean {number(one.mean)}, "
        f"median {number(one.median)} of {number(one.max_score)}"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("exercise", overflow="fold")
    for name in ("attempted", "passed", "mean share of points", "discrimination"):
        table.add_column(name, justify="right")
    for item in one.exercises:
        passed = f"{item.passed} of {item.attempted}" if item.attempted else number(None)
        table.add_row(
            _text(item.id),
            f"{item.attempted} of {item.submissions}",
            passed,
            percent(item.mean_share),
            signed(item.discrimination),
        )
    return table


def _misconceptions(one: Summary) -> Table:
    count = len(one.misconceptions)
    more = f", {SHOWN} of {count}" if count > SHOWN else ""
    table = Table(title=f"misconceptions by frequency{more}", title_justify="left")
    table.add_column("students", justify="right", no_wrap=True)
    for name in ("exercise", "misconception", "an answer that"):
        table.add_column(name, overflow="fold")
    for known in one.misconceptions[:SHOWN]:
        share = f"{len(known.students)} of {known.attempted}"
        table.add_row(share, _text(known.exercise), _text(known.id), _text(known.title))
    return table


def _show_tomorrow(console: Console, shared: list[Shared]) -> None:
    console.print("\n[bold]What to teach tomorrow[/]")
    if not shared:
        console.print("No misconception is shared by two students or more.")
    for place, one in enumerate(shared, 1):
        console.print(
            f"{place}. {len(one.students)} students, {_text(one.exercise)} "
            f"({_text(one.assignment)}): an answer that {_text(one.title or one.id)}",
            highlight=False,
        )
        if one.says:
            console.print(f"   {_text(one.says)}", highlight=False)


def _text(value: str) -> str:
    """Make a text safe for the terminal: no control characters, rich's markup escaped."""
    return escape(text(value))
