"""Many submissions: find them, grade them side by side, write each result once.

Judges in processes of their own grade; this process alone writes. A submission's record is
written last, so that whatever has a record is complete, and a killed run is taken up again.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import hashlib
import importlib.metadata
import json
import multiprocessing
import platform
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grader
from grader import light
from grader.course.prove import one_thread
from grader.judge import earlier, files, intake, ledger
from grader.judge.course import assignment, assignment_ids
from grader.judge.executed import executed_notebook
from grader.judge.feedback import feedback_page
from grader.judge.grading import Judge, Submission, rejected
from grader.judge.outcome import Outcome
from grader.judge.secret import salt_id
from grader.judge.settings import Limits
from grader.judge.workers import WarmProcess, WorkerError

RECORDS = Path(".grader") / "records"
MOST_LOST = 3  # times in a row, with nothing graded in between


class Lost(WorkerError):
    """A process of the grader's own is gone: killed, or it cannot start another."""


@dataclass(frozen=True)
class Found:
    """A submission on disk: graded from ``path``, or refused for ``refused``."""

    student: str
    assignment: str
    path: Path
    refused: str = ""


@dataclass(frozen=True)
class Graded:
    """What a judge hands to the writer."""

    outcome: Outcome
    notebook: bytes
    page: bytes


def find_submissions(
    folder: Path, only: str | None = None, student: str | None = None
) -> Iterator[Found]:
    """Every ``folder/<student>/<assignment>``; what has a wrong name is found too, refused."""
    known = set(assignment_ids())
    for person in sorted(folder.iterdir(), key=lambda path: path.name):
        if person.name.startswith(".") or (student is not None and person.name != student):
            continue
        if not person.is_dir() and not person.is_symlink():
            continue
        shown = _shown_name(person.name)
        if person.is_symlink():
            yield Found(shown, only or "", person, "the folder is a symbolic link; not followed")
            continue
        try:
            intake.check_name(person.name)
            tasks = sorted(person.iterdir(), key=lambda path: path.name)
        except intake.Rejected as error:
            yield Found(shown, only or "", person, str(error))
            continue
        except OSError as error:
            yield Found(shown, only or "", person, f"the folder cannot be read: {error.strerror}")
            continue
        for task in tasks:
            if task.name.startswith(".") or (only is not None and task.name != only):
                continue
            try:
                if not task.is_dir() and not task.is_symlink():
                    continue
            except OSError as error:
                reason = f"the folder cannot be read: {error.strerror}"
                yield Found(shown, _shown_name(task.name), task, reason)
                continue
            if task.name not in known:
                reason = f"there is no such assignment; the course has {', '.join(sorted(known))}"
                yield Found(shown, _shown_name(task.name), task, reason)
                continue
            yield Found(shown, task.name, task / f"{task.name}.ipynb")


def _shown_name(name: str) -> str:
    return ascii(name)[1:-1][:100] if not name.isprintable() else name[:100]


# -- in a judge's own process --------------------------------------------------------------------

_JUDGE: dict[str, Any] = {}


def _start_judge(judge: Judge, lines: Any) -> None:
    """Each judge process takes one line to the warm process, and dies with its parent."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _JUDGE["judge"] = replace(judge, warm=judge.warm.on_line(lines.get()))


def grade_found(judge: Judge, found: Found) -> Graded | str:
    """Grade one submission; the reason alone where there is no assignment to grade it for."""
    if found.refused or found.assignment not in assignment_ids():
        return found.refused
    release = assignment(found.assignment)
    submission = Submission(found.student, found.assignment, b"")
    try:
        submission = replace(
            submission,
            content=intake.read(found.path),
            earlier=earlier.read(found.path, release),
        )
        outcome = judge.grade(submission, release)
    except intake.Rejected as error:
        outcome = replace(rejected(submission, release, str(error)), sandbox=judge.warm.level)
    return Graded(
        slim(outcome), executed_notebook(outcome, release), feedback_page(outcome, release)
    )


def slim(outcome: Outcome) -> Outcome:
    """Without what only pages need."""
    verdicts = tuple(
        replace(v, checks=tuple(replace(c, yours=None, expected=None) for c in v.checks))
        for v in outcome.verdicts
    )
    return replace(outcome, cells=(), verdicts=verdicts)


def _grade_here(found: Found) -> Graded | str:
    return grade_found(_JUDGE["judge"], found)


# -- in the one process that writes --------------------------------------------------------------


@dataclass
class Cohort:
    """A run over many submissions, writing into ``course_dir``."""

    course_dir: Path
    warm: Callable[[int], WarmProcess]
    secret: bytes
    jobs: int = 1
    limits: Limits = Limits()
    force: bool = False
    all_cells: bool = False
    unwalled: bool = False  # said by the instructor; such a record is good for such a run alone
    walls: str = ""
    lost: list[str] = field(default_factory=list)  # what each process of ours died of, if any did

    def run(
        self, submissions: list[Found], done: Callable[[dict[str, Any]], None]
    ) -> list[dict[str, Any]]:
        """Grade what has no valid record yet; ``done`` is told of each. Results in order."""
        self._configure_nbgrader()
        results: dict[int, dict[str, Any]] = {}
        waiting: list[tuple[int, Found, str]] = []
        for index, found in enumerate(submissions):
            key = self._key(found)
            old = None if self.force else self._recorded(found, key)
            if old is not None:
                results[index] = old
                done(old)
            else:
                waiting.append((index, found, key))
        if waiting:
            for index, result in self._grade(waiting):
                results[index] = result
                done(result)
        return [results[index] for index in sorted(results)]

    def _configure_nbgrader(self) -> None:
        """So that Formgrader opens on the result, wherever it is."""
        config = self.course_dir / "nbgrader_config.py"
        if not config.exists():
            files.write(config, (light.PACKAGE.parent / "nbgrader_config.py").read_bytes())

    def _grade(self, waiting: list[tuple[int, Found, str]]) -> Iterator[tuple[int, dict]]:
        """Grade all that waits; when a process of ours is lost, begin again with what is left."""
        left = {index: (found, key) for index, found, key in waiting}
        failures = 0
        while left:
            try:
                for index, result in self._grade_once(left):
                    del left[index]
                    failures = 0
                    yield index, result
            except Lost as error:
                failures += 1
                if failures == MOST_LOST:
                    raise
                self.lost.append(str(error))

    def _grade_once(self, left: dict[int, tuple[Found, str]]) -> Iterator[tuple[int, dict]]:
        from grader.judge.gradebook import ensure_assignment, open_gradebook

        jobs = max(1, min(self.jobs, len(left)))
        with contextlib.ExitStack() as stack:
            warm = stack.enter_context(self.warm(jobs))
            self.walls = warm.level
            pool = stack.enter_context(
                _pool(Judge(warm, self.secret, self.limits, self.all_cells), jobs)
            )
            book = stack.enter_context(open_gradebook(self.course_dir / "gradebook.db"))
            for name in sorted({f.assignment for f, _ in left.values()} & set(assignment_ids())):
                ensure_assignment(book, assignment(name))
            running: dict[Future, int] = {}
            queue = iter(list(left))
            while True:
                for index in queue:
                    running[_submit(pool, left[index][0])] = index
                    if len(running) >= 2 * jobs:
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    index = running.pop(future)
                    found, key = left[index]
                    yield index, self._write(book, found, key, _result(future, found))

    def _write(self, book: Any, found: Found, key: str, graded: Graded | str) -> dict[str, Any]:
        from grader.judge.gradebook import record

        if isinstance(graded, str):
            return refused_json(found, graded)
        outcome = graded.outcome
        name = outcome.assignment
        executed = self.course_dir / "autograded" / outcome.student / name / f"{name}.ipynb"
        page = self.course_dir / "feedback" / outcome.student / name / f"{name}.html"
        files.write(executed, graded.notebook)
        files.write(page, graded.page)
        # Before the gradebook: a mark without a line would look forged.
        self._ledger().append(ledger.entry(outcome, facts(name, self.secret)))
        record(book, outcome, _timestamp(found))
        result = outcome.as_json()
        content = json.dumps({"key": key, "result": result, "sandbox": outcome.sandbox})
        files.write(self._record_path(found), content.encode())
        return result

    def _ledger(self) -> ledger.Ledger:
        return ledger.Ledger(self.course_dir, self.secret)

    def _record_path(self, found: Found) -> Path:
        return self.course_dir / RECORDS / found.assignment / f"{found.student}.json"

    def _key(self, found: Found) -> str:
        """What a result depends on: the submission's bytes, the course, the salt, the engine."""
        try:
            content = b"" if found.refused else intake.read(found.path)
        except intake.Rejected as error:
            content = str(error).encode()
        parts = [content, engine_fingerprint().encode(), salt_id(self.secret).encode()]
        if not found.refused:
            parts += [text for _, text in earlier.read(found.path, assignment(found.assignment))]
        run = (found.student, found.refused, self.limits, self.all_cells, self.unwalled)
        parts.append(repr(run).encode())
        return hashlib.sha256(
            b"\0".join(hashlib.sha256(part).digest() for part in parts)
        ).hexdigest()

    def _recorded(self, found: Found, key: str) -> dict[str, Any] | None:
        if found.refused:
            return None
        try:
            record = json.loads(self._record_path(found).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        if record.get("key") != key or not (self.course_dir / "gradebook.db").exists():
            return None
        self.walls = self.walls or record.get("sandbox", "")
        return record["result"]


def _pool(judge: Judge, jobs: int) -> ProcessPoolExecutor:
    one_thread()
    judge.warm.wait_until_warm()
    context = multiprocessing.get_context("fork")  # shares what this process has imported
    lines = context.SimpleQueue()
    for line in range(jobs):
        lines.put(line)
    return ProcessPoolExecutor(jobs, context, _start_judge, (judge, lines))


def _submit(pool: ProcessPoolExecutor, found: Found) -> Future:
    try:
        return pool.submit(_grade_here, found)
    except BrokenProcessPool as error:
        raise Lost("a judge's process was killed") from error


def _result(future: Future, found: Found) -> Graded | str:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, BrokenProcessPool):
        raise Lost(f"a judge's process was killed, grading {_named(found)} or another") from error
    if isinstance(error, WorkerError):
        raise Lost(f"grading {_named(found)} stopped: {error}") from error
    raise WorkerError(f"grading {_named(found)} failed: {error!r}") from error


def _named(found: Found) -> str:
    return f"{found.student}/{found.assignment}"


def refused_json(found: Found, reason: str) -> dict[str, Any]:
    """A result for what is no submission of this course: it has no place in the gradebook."""
    return {
        "student": found.student,
        "assignment": found.assignment,
        "outcome": "rejected",
        "reason": reason,
        "score": 0.0,
        "max_score": 0.0,
        "seconds": 0.0,
        "exercises": [],
        "human": [],
        "repairs": [],
    }


def _timestamp(found: Found) -> datetime.datetime | None:
    """nbgrader's timestamp.txt beside the notebook, if it is one."""
    try:
        text = intake.read(found.path.parent / "timestamp.txt").decode()[:100]
        from nbgrader.utils import parse_utc

        return parse_utc(text.strip())
    except (intake.Rejected, ValueError, OverflowError):
        return None


def engine_fingerprint() -> str:
    """A hash of everything that decides a mark: this package, the solutions, the libraries."""
    if "fingerprint" not in _JUDGE:
        digest = hashlib.sha256()
        root = light.PACKAGE.parent
        for folder in (light.PACKAGE, root / "solutions", root / "notebooks"):
            for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.ipynb")]):
                if "solved" not in path.parts and "checkpoints" not in str(path):
                    digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
        for package in ("numpy", "torch"):
            digest.update(importlib.metadata.version(package).encode())
        _JUDGE["fingerprint"] = digest.hexdigest()
    return _JUDGE["fingerprint"]


def facts(assignment_name: str, secret: bytes) -> dict[str, Any]:
    """What a score depends on besides the submission: for the ledger."""
    return {
        "course": assignment(assignment_name).fingerprint,
        "engine": engine(),
        "python": platform.python_version(),
        "salt": salt_id(secret),
    }


def engine() -> dict[str, str]:
    """Who graded: for ``--json``."""
    packages = ("numpy", "torch", "nbgrader")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "name": "grader",
        "version": grader.__version__,
        "fingerprint": engine_fingerprint()[:16],
    } | versions
