"""What ``grade`` prints during a run and at its end, and how Ctrl-C stops it."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

import click

from grader import files
from grader.cli._progress import steps
from grader.errors import Stopped
from grader.judge.fingerprint import engine
from grader.records.cohort import Cohort
from grader.records.executor import Executor
from grader.records.submissions import Found
from grader.records.table import MOST_LINES, Row, show
from grader.records.watch import KeptExecutor, News, arrivals
from grader.sandbox.host.levels import title

NAMED = 5  # answers that are named where many have changed


@contextmanager
def one_line_errors(course_dir: Path, stopped: int) -> Iterator[None]:
    """Say in one line why a run ended early. ``stopped``: the exit code after Ctrl-C."""
    try:
        yield
    except Stopped:
        click.echo("stopped. What was graded is kept; run the same command to go on", err=True)
        raise SystemExit(stopped) from None
    except OSError as error:
        raise click.ClickException(_no_room(error, course_dir)) from error


@contextmanager
def ctrl_c_sets(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl-C set ``stop``, so that no write is interrupted. A second Ctrl-C interrupts."""

    def set_stop(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    # Python lets only the main thread set signal handlers.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, set_stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def with_progress(run: Cohort, submissions: list[Found]) -> list[Row]:
    """Grade, showing progress; return the table's row of each result, in the submissions' order."""
    rows: list[Row] = []
    with steps() as progress:

        def done(result: dict[str, Any]) -> None:
            rows.append(Row.of(result))
            progress.step()

        run.stage = progress.stage
        run.run(submissions, done)
    place = {(found.student, found.assignment): n for n, found in enumerate(submissions)}
    return sorted(rows, key=lambda row: place[row.student, row.assignment])


def watch(
    run: Cohort,
    find: Callable[[], list[Found]],
    passed_over: Callable[[], list[str]],
    make: Callable[[], AbstractContextManager[Executor]],
    stop: threading.Event,
) -> None:
    """Grade what is there and what arrives, printing a line for each, until ``stop`` is set.

    Print also what becomes no submission (``passed_over``), such as a zip that is damaged: else it
    would be worth nothing, and nobody would know (T13).
    """
    kept, news = KeptExecutor(make), News()

    def look() -> list[Found]:
        found = find()
        for line in news.among(passed_over()):
            click.echo(line, err=True)
        return found

    run.executor_for = lambda _: kept
    click.echo("watching; Ctrl-C stops it, and everything that was graded is kept", err=True)
    try:
        for batch in arrivals(look, stop.wait):
            run.run(batch, lambda result: click.echo(Row.of(result).line))
            run.force = False  # --force holds for the first batch alone
            _say_besides(run)
            say_changes(run)
    finally:
        kept.close()


def finish(
    run: Cohort,
    rows: list[Row],
    submissions: list[Found],
    target: Path | None,
    passed_over: list[str],
) -> None:
    """Print the results of a run, and write them as JSON into ``target``.

    ``passed_over``: a line for each thing in the folder that is not a submission.
    """
    _say_besides(run)
    if target is not None:
        _write_report(run, submissions, target, passed_over)
    show(rows, _sandbox(run), run.course_dir, passed_over)
    say_changes(run)


def finish_dry_run(
    run: Cohort, rows: list[Row], submissions: list[Found], target: Path | None
) -> None:
    """Print what a run into a copy of the course's folder has changed there."""
    if target is not None:
        _write_report(run, submissions, target, [])
    count = len(run.changes)
    say_changes(run)
    click.echo(
        f"dry run over {len(rows)} submissions: {count or 'no'} mark{'s'[: count != 1]} would "
        "change. Nothing was written"
    )


def say_changes(run: Cohort) -> None:
    """Print whose marks have changed, and why."""
    count = len(run.changes)
    if count:
        marks = "1 mark differs" if count == 1 else f"{count} marks differ"
        click.echo(f"{marks} from before:")
    for one in run.changes[:MOST_LINES]:
        click.echo(f"  {one.line}")
    if count > MOST_LINES:
        click.echo(f"  … and {count - MOST_LINES} more: python -m grader changes")
    run.changes.clear()


def _sandbox(run: Cohort) -> str:
    return ", ".join(sorted(title(level) for level in run.levels))


def _write_report(
    run: Cohort, submissions: list[Found], target: Path, passed_over: list[str]
) -> None:
    about = {"engine": engine(), "sandbox": _sandbox(run), "passed_over": passed_over}
    try:
        files.write_all(target.resolve(), _report(about, map(run.result, submissions)))
    except OSError as error:
        raise click.ClickException(_no_room(error, target.resolve().parent)) from error


def _report(about: dict[str, Any], results: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the JSON of a run by submission: all at once might not fit into memory."""
    yield json.dumps(about | {"submissions": []}, indent=1).removesuffix("]\n}").encode()
    for number, result in enumerate(results):
        separator = ",\n" if number else "\n"
        yield (separator + indent(json.dumps(result, indent=1), "  ")).encode()
    yield b"\n ]\n}\n"


def _say_besides(run: Cohort) -> None:
    """Print, besides the table, what a run had to repeat, and what waits for a person again."""
    for loss in run.lost:
        click.echo(f"{loss}; a new judge was started, and nothing was lost", err=True)
    if run.refreshed:
        pages = "feedback page" if run.refreshed == 1 else "feedback pages"
        click.echo(f"{run.refreshed} {pages} brought up to date with the gradebook", err=True)
    changed = len(run.withdrawn)
    if changed:
        names = ", ".join(run.withdrawn[:NAMED])
        names += f" and {changed - NAMED} more" if changed > NAMED else ""
        one = "1 answer has changed since a person graded it, and waits"
        more = f"{changed} answers have changed since a person graded them, and wait"
        click.echo(f"{one if changed == 1 else more} to be read again: {names}", err=True)
    run.lost.clear()
    run.withdrawn.clear()
    run.refreshed = 0


def _no_room(error: OSError, course_dir: Path) -> str:
    return (
        f"writing into {course_dir} failed: {error}. What was graded before is "
        "kept; fix that and run the same command again to go on"
    )
