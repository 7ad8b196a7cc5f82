"""``grade``: turn a folder of submissions into marks, executed notebooks and feedback pages."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from grader.cli._options import known_assignment
from grader.coursefile import ENGINE, NAME
from grader.threads import one_thread

if TYPE_CHECKING:
    from grader.records.executor import Executor, Terms


LEDGER = "ledger.jsonl"
MOST_SAID = 10  # lines about what lies in a folder without submissions


@click.command()
@click.argument(
    "folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option("--assignment", "only", metavar="ID", help="only this assignment")
@click.option("--student", metavar="ID", help="only this student")
@click.option("--jobs", type=click.IntRange(1, 64), help="judges in parallel [default: cores]")
@click.option("--salt", metavar="S", help="draw the graded cases from this secret")
@click.option("--force", is_flag=True, help="grade again even with a valid record")
@click.option("--json", "target", metavar="FILE", type=click.Path(path_type=Path), help="results")
@click.option(
    "--course-dir",
    type=click.Path(path_type=Path),
    default=Path("."),
    help="where gradebook.db, autograded/ and feedback/ are [default: here]",
)
@click.option("--watch", is_flag=True, help="keep grading what arrives, until Ctrl-C")
@click.option("--all-cells", is_flag=True, help="run cells that only show something, too")
@click.option("--scheduler", metavar="ADDRESS", help="judges on a Dask cluster: tcp://host:8786")
@click.option("--dry-run", is_flag=True, help="only show whose marks would change, and why")
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
    dry_run: bool,
    no_sandbox: bool,
) -> None:
    """Grade DIR/<student>/<assignment>/<assignment>.ipynb.

    A zip that students made with pack counts, too: as DIR/<student>/NAME.zip or DIR/<student>.zip.
    Exit 0 when every submission has an outcome, 2 on bad usage.
    """
    if dry_run and watch:
        raise click.UsageError("--dry-run and --watch exclude each other: give one of them")
    if dry_run and not (course_dir / LEDGER).exists():
        raise click.UsageError(
            f"--dry-run: nothing was graded in {course_dir} yet, so no mark can change"
        )
    _check_folders(folder, course_dir, target)
    if watch and target is not None:
        raise click.UsageError("--json is written at the end of a run, and --watch never ends")
    click.echo(f"looking at {folder} …", err=True)  # the imports alone take seconds
    one_thread()  # before NumPy is imported, which reads the number of threads once
    from grader.cli import _grading
    from grader.course.assignments import assignment_ids
    from grader.course.layout import ROOT
    from grader.errors import Stopped
    from grader.judge.salt import salt as salt_of
    from grader.records.cohort import Cohort
    from grader.records.executor import Terms
    from grader.records.handed_in import Unpacker
    from grader.records.scratch import scratch_of
    from grader.records.submissions import Found, find_submissions, passed_over

    _recommend_own_folder(course_dir)
    with ExitStack() as stack:
        stack.enter_context(_grading.one_line_errors(course_dir, 0 if watch else 130))
        known_assignment(only)
        copy = stack.enter_context(scratch_of(course_dir.resolve())) if dry_run else None
        unpacker = Unpacker(folder, copy and copy / "submitted")

        def find() -> list[Found]:
            unpacker.unpack()
            return list(find_submissions(folder, only, student, unpacker.instead))

        def left_over() -> list[str]:
            lines = passed_over(folder, only, student)
            kept = [line for line in lines if line.partition(": ")[0] not in unpacker.taken]
            return [*unpacker.remarks, *kept]

        submissions = find()
        if not submissions and not watch:
            lines = left_over()[:MOST_SAID]
            raise click.UsageError("\n".join([_nothing(folder, only, student), *lines]))
        terms = Terms(salt_of(course_dir, salt), all_cells=all_cells, unsandboxed=no_sandbox)
        max_judges = jobs or os.cpu_count() or 1
        hidden = [ENGINE.parent, ROOT, course_dir, folder, Path.home()]
        if scheduler is not None:
            executor_for = _on_cluster(scheduler, terms)
        else:
            found = {one.assignment for one in submissions if one.has_place}
            wanted = set(assignment_ids()) if watch else found  # watching, any may arrive
            executor_for = _on_this_machine(terms, hidden, wanted, max_judges)
        stop = threading.Event()
        say = partial(click.echo, err=True)
        run = Cohort(course_dir.resolve(), terms, executor_for, force, stop.is_set, say)
        if copy is not None:
            with _grading.ctrl_c_sets(stop):
                hidden.append(copy)  # before a sandbox is started
                run.course_dir = copy
                rows = _grading.with_progress(run, submissions)
                _grading.finish_dry_run(run, rows, submissions, target)
            return
        with _grading.ctrl_c_sets(stop):
            if watch:
                _grading.watch(run, find, left_over, partial(executor_for, max_judges), stop)
                raise Stopped
            rows = _grading.with_progress(run, submissions)
        left = left_over()
        _grading.finish(run, rows, submissions, target, left)


ExecutorFor = Callable[[int], "AbstractContextManager[Executor]"]  # for so many submissions


def _on_this_machine(terms: Terms, hidden: list[Path], wanted: set[str], most: int) -> ExecutorFor:
    from grader.course.assignments import modules_of
    from grader.records.executor.local import load_lessons, local_judges
    from grader.sandbox.host.select import start_sandbox

    start_forkserver = partial(
        start_sandbox,
        hidden,
        unsandboxed=terms.unsandboxed,
        modules=modules_of(wanted),
        meanwhile=partial(load_lessons, wanted),
    )
    return lambda waiting: local_judges(terms, start_forkserver, min(most, waiting))


def _on_cluster(address: str, terms: Terms) -> ExecutorFor:
    try:
        from grader.records.executor.cluster import cluster_judges
    except ModuleNotFoundError as error:
        raise click.UsageError(
            f"--scheduler needs Dask, but {error.name} is not installed: "
            "pip install 'attention-course[cluster]'"
        ) from error
    return lambda _: cluster_judges(address, terms)


def _check_folders(folder: Path, course_dir: Path, target: Path | None) -> None:
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


def _recommend_own_folder(course_dir: Path) -> None:
    """Say so if marks, submissions and salt would lie where others clone, commit and build."""
    if any((course_dir / mark).exists() for mark in (NAME, ".git")):
        click.echo(
            "this grades into a checkout; it is better to keep each cohort's work, marks and salt "
            "in a folder outside it: give --course-dir ../COHORT, or run this in that folder",
            err=True,
        )


def _nothing(folder: Path, only: str | None, student: str | None) -> str:
    wanted = f"{student or '<student>'}/{only or '<assignment>'}/{only or '<assignment>'}.ipynb"
    return f"nothing to grade: {folder} holds no {wanted}"
