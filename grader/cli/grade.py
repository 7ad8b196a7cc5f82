"""``grade``: a folder of submissions to marks, executed notebooks, feedback pages, gradebook."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from grader.threads import one_thread

if TYPE_CHECKING:
    from grader.records.table import Row


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--assignment", "only", metavar="ID", help="only this assignment")
@click.option("--student", metavar="ID", help="only this student")
@click.option("--jobs", type=click.IntRange(1, 64), help="judges side by side [default: cores]")
@click.option("--salt", metavar="S", help="draw the graded cases from this secret")
@click.option("--force", is_flag=True, help="grade again what has a valid record")
@click.option("--json", "target", metavar="FILE", type=click.Path(path_type=Path), help="results")
@click.option(
    "--course-dir",
    type=click.Path(path_type=Path),
    default=Path("."),
    help="where gradebook.db, autograded/ and feedback/ are [default: here]",
)
@click.option("--watch", is_flag=True, help="go on: grade what arrives, until Ctrl-C")
@click.option("--all-cells", is_flag=True, help="run cells that only show something, too")
@click.option("--scheduler", metavar="ADDRESS", help="judges on a Dask cluster: tcp://host:8786")
@click.option("--no-sandbox", is_flag=True, help="trust every submission; reports will say so")
def command(
    folder: Path,
    only: str | None,
    student: str | None,
    jobs: int | None,
    salt: str | None,
    force: bool,
    target: Path | None,
    course_dir: Path,
    watch: bool,
    all_cells: bool,
    scheduler: str | None,
    no_sandbox: bool,
) -> None:
    """Grade DIR/<student>/<assignment>/<assignment>.ipynb.

    Exit 0 when every submission has an outcome, 2 on bad usage.
    """
    _check_folders(folder, course_dir, target)
    if watch and target is not None:
        raise click.UsageError("--json is written at the end of a run, and --watch has none")
    one_thread()  # before NumPy is imported
    from grader.judge.quick import uncollected
    from grader.sandbox.host.select import Begun, begun, raise_walls

    most = jobs or os.cpu_count() or 1
    hidden = [Path(__file__).parents[2], course_dir, folder, Path.home()]
    here = begun(hidden, most, no_sandbox) if scheduler is None else nullcontext(Begun())
    with _clear_errors(course_dir, 0 if watch else 130), here as first:
        with uncollected():
            from grader.course.assignments import ahead_of, assignment_ids
            from grader.errors import Stopped
            from grader.judge.salt import salt as salt_of
            from grader.records.cohort import Cohort
            from grader.records.here import judges_here, load_judges
            from grader.records.pool import Pool, Terms
            from grader.records.submissions import find_submissions

        if only is not None and only not in assignment_ids():
            known = ", ".join(assignment_ids())
            raise click.UsageError(f"no assignment {only!r}; the course has {known}")
        submissions = list(find_submissions(folder, only, student))
        if not submissions and not watch:
            raise click.UsageError(_nothing(folder, only, student))
        terms = Terms(salt_of(course_dir, salt), all_cells=all_cells, unwalled=no_sandbox)
        # What arrives later may be of any lesson.
        found = {one.assignment for one in submissions if one.has_place}
        ahead = ahead_of(assignment_ids() if watch else found, all_cells)
        meanwhile = partial(load_judges, "torch" in ahead, found)
        walls = partial(
            raise_walls, hidden, unwalled=no_sandbox, ahead=ahead, meanwhile=meanwhile, first=first
        )

        def pool(waiting: int) -> AbstractContextManager[Pool]:
            if scheduler is not None:
                return _cluster()(scheduler, terms)
            return judges_here(terms, walls, min(most, waiting))

        stop = threading.Event()
        run = Cohort(course_dir.resolve(), terms, pool, force, stop.is_set)
        find = partial(find_submissions, folder, only, student)
        with _ctrl_c_sets(stop):
            if watch:
                _watch(run, lambda: list(find()), lambda: pool(most), stop)
                raise Stopped
            rows = _with_progress(run, submissions)
        _finish(run, rows, submissions, target)


def _finish(run: Any, rows: list[Row], submissions: list, target: Path | None) -> None:
    """Say what a run came to, and write it into ``target``."""
    from grader import files
    from grader.judge.fingerprint import engine
    from grader.records.table import show
    from grader.sandbox.host.select import NAMES

    _say_lost(run)
    _say_shown(run)
    sandbox = ", ".join(sorted(NAMES.get(level, level) for level in run.walls))
    if target is not None:
        about = {"engine": engine(), "sandbox": sandbox}
        try:
            files.write_all(target.resolve(), _report(about, map(run.result, submissions)))
        except OSError as error:
            raise click.ClickException(_no_room(error, target.resolve().parent)) from error
    show(rows, sandbox, run.course_dir)


@contextmanager
def _clear_errors(course_dir: Path, stopped: int) -> Iterator[None]:
    """What may go wrong in a run, in a line each; ``stopped`` is the exit code of a stopped one."""
    from grader.errors import GradebookError, LedgerError, Stopped, WorkerError
    from grader.sandbox.host.select import NoSandbox

    try:
        yield
    except Stopped:
        click.echo("stopped. What was graded is kept; the same command goes on", err=True)
        raise SystemExit(stopped) from None
    except (NoSandbox, WorkerError, GradebookError, LedgerError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(_no_room(error, course_dir)) from error


def _report(about: dict[str, Any], results: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """The JSON of a run, a submission at a time."""
    yield json.dumps(about | {"submissions": []}, indent=1).removesuffix("]\n}").encode()
    for number, result in enumerate(results):
        separator = ",\n" if number else "\n"
        yield (separator + indent(json.dumps(result, indent=1), "  ")).encode()
    yield b"\n ]\n}\n"


@contextmanager
def _ctrl_c_sets(stop: threading.Event) -> Iterator[None]:
    """So that nothing is broken off while it is written. A second Ctrl-C breaks off."""

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _watch(run: Any, find: Any, make: Any, stop: threading.Event) -> None:
    """Grade what is there and what arrives, a line for each, until Ctrl-C."""
    from grader.records.table import Row
    from grader.records.watch import Kept, arrivals

    kept = Kept(make)
    run.pool = lambda _: kept
    click.echo("watching; Ctrl-C ends it, and everything that was graded stays", err=True)
    try:
        for batch in arrivals(find, stop.wait):
            run.run(batch, lambda result: click.echo(Row.of(result).line))
            run.force = False
            _say_lost(run)
            _say_shown(run)
    finally:
        kept.close()


def _say_lost(run: Any) -> None:
    for what in run.lost:
        click.echo(f"{what}; a new one was started, and nothing was lost", err=True)
    run.lost.clear()


def _say_shown(run: Any) -> None:
    if run.shown:
        pages = "page" if run.shown == 1 else "pages"
        click.echo(f"{run.shown} feedback {pages} now as the gradebook was left by hand", err=True)
    run.shown = 0


def _cluster() -> Any:
    try:
        from grader.records.cluster import judges_on
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"--scheduler needs Dask, and there is no {error.name}: "
            "pip install 'attention-course[cluster]'"
        ) from error
    return judges_on


def _check_folders(folder: Path, course_dir: Path, target: Path | None) -> None:
    if not folder.exists():
        raise click.UsageError(f"there is no folder {folder}")
    if not folder.is_dir():
        raise click.UsageError(f"{folder} is a file; give the folder that holds the students'")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise click.UsageError(f"the folder {folder} cannot be read")
    if target is not None and not target.resolve().parent.is_dir():
        raise click.UsageError(f"--json: there is no folder {target.resolve().parent}")
    try:
        course_dir.mkdir(parents=True, exist_ok=True)
        probe = course_dir / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise click.UsageError(
            f"the course folder {course_dir} cannot be written ({error.strerror}): give another "
            "with --course-dir"
        ) from error


def _nothing(folder: Path, only: str | None, student: str | None) -> str:
    wanted = f"{student or '<student>'}/{only or '<assignment>'}/{only or '<assignment>'}.ipynb"
    return f"nothing to grade: {folder} holds no {wanted}"


def _no_room(error: OSError, course_dir: Path) -> str:
    return (
        f"writing into {course_dir} failed: {error}. What was graded before is "
        "kept; mend it and run the same command again to go on"
    )


def _with_progress(run: Any, submissions: list) -> list[Row]:
    """Run; what the table needs of each result, in the submissions' order."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from grader.records.table import Row

    console = Console(stderr=True)
    columns = (
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(submissions))
        rows: list[Row] = []

        def done(result: dict[str, Any]) -> None:
            rows.append(Row.of(result))
            progress.advance(task)

        run.run(submissions, done)
    place = {(found.student, found.assignment): n for n, found in enumerate(submissions)}
    return sorted(rows, key=lambda row: place[row.student, row.assignment])
