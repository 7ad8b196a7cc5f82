"""Grade many submissions in parallel; this process alone writes the results.

The record of a submission is written last. So a submission with a record is complete, and a run
that was killed can be started again: it grades the submissions without one.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from grader import files
from grader.course.assignments import assignment
from grader.course.layout import ROOT, lesson_of
from grader.coursefile import ENGINE, VARIABLE
from grader.errors import LedgerError, Stopped
from grader.judge.fingerprint import engine_fingerprint, facts
from grader.judge.salt import salt_id
from grader.records import late, ledger, manual_grading
from grader.records import nbgrader_tables as tables
from grader.records.changes import Change, changes
from grader.records.course_lock import course_lock
from grader.records.executor import Executor, Graded, Lost, Terms, result_of
from grader.records.gradebook import ensure_assignment, record
from grader.records.late import Lateness
from grader.records.nbgrader_tables import open_gradebook
from grader.records.submissions import (
    Found,
    Work,
    exchange_files,
    read_timestamp,
    read_work,
)
from grader.records.written import Places, digests, open_record, seal_record

STOP_INTERVAL = 0.5  # seconds between two checks whether to stop the run
PER_JUDGE = 2  # submissions handed out per judge at a time: one being graded, one queued
# Errors that would hit every submission; any other file-system error concerns one submission only.
OF_THE_MACHINE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
}
MOST_LOST = 3  # lost processes in a row, with nothing graded in between, before the run gives up


@dataclass
class Cohort:
    """A run over many submissions, writing into ``course_dir``."""

    course_dir: Path
    terms: Terms
    executor_for: Callable[[int], AbstractContextManager[Executor]]  # by number of submissions
    force: bool = False
    stopped: Callable[[], bool] = lambda: False  # asked between two submissions
    say: Callable[[str], None] = lambda _: None  # told what the run is waiting for
    stage: Callable[[str, int], None] = lambda *_: None  # told what begins, and its number of steps
    levels: set[str] = field(default_factory=set)  # sandbox levels used
    lost: list[str] = field(default_factory=list)  # why a judge or forkserver died, once for each
    manual: dict[tuple[str, str], manual_grading.ManualGrades] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of students, from the gradebook
    lateness: dict[tuple[str, str], Lateness] = field(default_factory=dict)  # of late submissions
    failed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)  # without a record
    refreshed: int = 0  # pages of earlier runs that now show a person's latest marks
    withdrawn: list[str] = field(default_factory=list)  # answers that a person has to read again
    changes: list[Change] = field(default_factory=list)  # marks that differ from before
    first: int = 0  # the ledger's number of lines when the run began

    def run(self, submissions: list[Found], done: Callable[[dict[str, Any]], None]) -> None:
        """Grade submissions without a valid record, and call ``done`` with each result.

        Results are not kept in memory, since there may be thousands: ``result`` reads one again.
        """
        with course_lock(self.course_dir, self.say, self.stopped):
            self.first = self._ledger().length()
            self._run(submissions, done)
            if 0 < self.first < self._ledger().length():
                self.stage("looking for changed marks", 0)
                lines = ledger.read(self.course_dir, self.terms.secret)
                self.changes += changes(lines, self.first)

    def _run(self, submissions: list[Found], done: Callable[[dict[str, Any]], None]) -> None:
        self._configure_nbgrader()
        self.manual = manual_grading.read_manual_grades(self.course_dir / "gradebook.db")
        self.names = manual_grading.read_names(self.course_dir / "gradebook.db")
        waiting: dict[int, Found] = {}
        if (self.course_dir / "gradebook.db").exists():
            self.stage("comparing with earlier runs", len(submissions))
        with self._known_timings() as (book, timings):
            for index, found in enumerate(submissions):
                old = None if self.force else self._recorded(found)
                if old is not None:
                    self._settle_lateness(book, found, timings)
                    self._refresh_page(found)
                    done(self._timed(found, old))
                else:
                    waiting[index] = found
        for result in self._grade(waiting):
            done(result)

    @contextmanager
    def _known_timings(self) -> Iterator[tuple[Any, Mapping[tuple[str, str], tables.Timing]]]:
        """Open the gradebook and read when all in it was handed in and due; None and {} if new."""
        path = self.course_dir / "gradebook.db"
        if not path.exists():
            yield None, {}
            return
        with open_gradebook(path) as book:
            yield book, tables.standings(book)

    def _settle_lateness(
        self, book: Any, found: Found, timings: Mapping[tuple[str, str], tables.Timing]
    ) -> None:
        """Update the penalty of an earlier run: the due date may have moved since."""
        owner = (found.student, found.assignment)
        timing = timings.get(owner)
        if timing is None:
            return  # somebody removed it from the gradebook; `verify` reports that
        when, fault = read_timestamp(found.path.parent)
        if when is not None and when != timing.handed_in:
            tables.set_timestamp(book, found.assignment, found.student, when)
            timing = replace(timing, handed_in=when)
        say = self._say_off
        self._note_lateness(found, late.settle(self.course_dir, book, owner, say, timing, fault))

    def _note_lateness(self, found: Found, lateness: Lateness) -> None:
        """Remember a submission's lateness, for the table and for its feedback page."""
        owner = (found.student, found.assignment)
        if lateness != late.IN_TIME:
            self.lateness[owner] = lateness
        else:
            self.lateness.pop(owner, None)
        penalty = lateness.penalty or 0.0
        if penalty != self._manual_grades(found).penalty:
            self.manual[owner] = replace(self._manual_grades(found), penalty=penalty)

    def _say_off(self, facts: dict[str, Any]) -> None:
        self._ledger().append(ledger.penalty_entry(facts | {"run": self.first}))

    def _timed(self, found: Found, result: dict[str, Any]) -> dict[str, Any]:
        """Add name and lateness to a result. No record has them, since a due date may move."""
        own = self.lateness.get((found.student, found.assignment), late.IN_TIME)
        return result | {
            "name": self.names.get(found.student, ""),
            "seconds_late": own.seconds,
            "penalty": own.penalty or 0.0,
            "lateness": own.words,
            "time_in_doubt": bool(own.doubt),
        }

    def result(self, found: Found) -> dict[str, Any]:
        """Read the result of a submission of this run from its record on disk."""
        if not found.has_place:
            return refused_json(found, found.refused)
        failed = self.failed.get((found.student, found.assignment))
        if failed is not None:
            return failed
        record = self._open_record(found)
        if record is None:
            path = self._places(found).record
            raise LedgerError(f"{path} was changed during this run: see `python -m grader verify`")
        return self._timed(found, record["result"])

    def _configure_nbgrader(self) -> None:
        """Put a configuration for nbgrader into ``course_dir``, so that Formgrader opens there.

        A course without its own configuration gets the one beside the engine.
        """
        config = self.course_dir / "nbgrader_config.py"
        if not config.exists():
            own, usual = (folder / config.name for folder in (ROOT, ENGINE.parent))
            text = (own if own.exists() else usual).read_bytes()
            if ENGINE.parent != ROOT:  # nbgrader has no option that names the course
                text = (
                    f"import os\n\nos.environ.setdefault({VARIABLE!r}, {str(ROOT)!r})\n".encode()
                    + text
                )
            files.write(config, text)

    def _grade(self, left: dict[int, Found]) -> Iterator[dict[str, Any]]:
        """Grade all of ``left``; if a judge or forkserver is lost, restart with what remains."""
        failures = 0
        while left:
            try:
                for index, result in self._grade_once(left):
                    del left[index]
                    failures = 0
                    yield result
            except Lost as error:
                failures += 1
                if failures == MOST_LOST:
                    raise
                self.lost.append(str(error))

    def _grade_once(self, left: dict[int, Found]) -> Iterator[tuple[int, dict]]:
        self.stage("starting the sandbox", 0)
        with self.executor_for(len(left)) as executor:
            count = len(left)
            self.stage(f"judging {count} submission{'s'[: count != 1]}", count)
            running: dict[Future, tuple[int, str]] = {}
            queue = iter(list(left))

            def hand_out() -> None:
                # Hand out only what the judges need soon: a submission is read when handed out, and
                # this way the memory of a run does not grow with the cohort.
                free = max(PER_JUDGE * executor.size() - len(running), 0)
                for index in itertools.islice(queue, free):
                    work = read_work(left[index])
                    running[executor.submit(work)] = index, self._key(work)

            hand_out()
            with self._gradebook(left.values()) as book:
                while running:
                    if self.stopped():
                        raise Stopped
                    for future in wait(running, STOP_INTERVAL, FIRST_COMPLETED).done:
                        index, key = running.pop(future)
                        found = left[index]
                        graded = result_of(future, found, executor.gone)
                        yield index, self._written(book, found, key, graded)
                    hand_out()

    @contextmanager
    def _gradebook(self, submissions: Iterable[Found]) -> Iterator[Any]:
        """Open the gradebook, after entering the assignments of these submissions."""
        with open_gradebook(self.course_dir / "gradebook.db") as book:
            for name in sorted({found.assignment for found in submissions if found.has_place}):
                ensure_assignment(book, assignment(name))
            yield book

    def _written(self, book: Any, found: Found, key: str, graded: Graded | str) -> dict[str, Any]:
        """Write a result. If that fails for this submission alone, it is the outcome (T12)."""
        place = (found.student, found.assignment)
        self.failed.pop(place, None)
        if isinstance(graded, Graded):
            try:
                return self._write(book, found, key, graded)
            except OSError as error:
                if error.errno in OF_THE_MACHINE:
                    raise
                graded = f"its results cannot be written: {error.strerror or error}"
        refused = refused_json(found, graded)
        if found.has_place:
            refused |= {"notices": [graded]}
            self.failed[place] = refused
        return refused

    def _write(self, book: Any, found: Found, key: str, graded: Graded) -> dict[str, Any]:
        outcome = graded.outcome
        self.levels.add(outcome.sandbox)
        name = outcome.assignment
        places = self._places(found)
        # Remove the old record first, so that after a kill from here on the next run grades this
        # submission again. With the old record it would not, and the ledger's line and the files
        # would disagree.
        places.record.unlink(missing_ok=True)
        files.write(places.notebook, graded.notebook)
        result = outcome.as_json()
        kept = {"key": key, "result": result, "sandbox": outcome.sandbox}
        kept["submission"] = outcome.digest
        kept_bytes = seal_record(kept, self.terms.secret)
        written = digests(graded.notebook, graded.page, kept_bytes)
        # The ledger before the gradebook: in the other order, a kill in between would leave a mark
        # without a line in the ledger, which looks forged.
        about = facts(name, self.terms.secret) | {"run": self.first}
        self._ledger().append(ledger.entry(outcome, about, written))
        when, fault = read_timestamp(found.path.parent)
        withdrawn = record(book, outcome, when)
        if withdrawn:
            self.manual = manual_grading.read_manual_grades(self.course_dir / "gradebook.db")
            self.withdrawn += [f"{one} of {outcome.student}" for one in withdrawn]
        owner = (outcome.student, name)
        lateness = late.settle(self.course_dir, book, owner, self._say_off, fault=fault)
        self._note_lateness(found, lateness)
        # The page after the gradebook, where ``record`` may just have withdrawn a person's marks.
        manual = self._manual_grades(found)
        page = graded.page
        if manual != manual_grading.NO_GRADES:
            page = manual_grading.fill_slots(page, manual)
        files.write(places.page, page)
        for file_name, content in exchange_files(found).items():
            files.write(places.page.parent / file_name, content)
        # The record last: it states that everything above is on disk.
        files.write(places.record, kept_bytes)
        return self._timed(found, result)

    def _refresh_page(self, found: Found) -> None:
        """Show a person's latest marks on the page of an earlier run, without grading again."""
        path = self._places(found).page
        manual = self._manual_grades(found)
        if manual_grading.digest_of(path) not in (None, manual.digest):
            files.write(path, manual_grading.fill_slots(path.read_bytes(), manual))
            self.refreshed += 1

    def _manual_grades(self, found: Found) -> manual_grading.ManualGrades:
        given = self.manual.get((found.student, found.assignment), manual_grading.NO_GRADES)
        name = self.names.get(found.student, "")
        return replace(given, name=name) if name else given

    def _places(self, found: Found) -> Places:
        return Places(self.course_dir, found.student, found.assignment)

    def _ledger(self) -> ledger.Ledger:
        return ledger.Ledger(self.course_dir, self.terms.secret)

    def _open_record(self, found: Found) -> dict[str, Any] | None:
        """Read the record of an earlier run; None if there is none, or it was altered."""
        try:
            content = self._places(found).record.read_bytes()
        except OSError:
            return None
        return open_record(content, self.terms.secret)

    def _key(self, work: Work) -> str:
        """Return a hash of all that a result depends on: bytes, lesson, salt, engine, terms."""
        if not work.found.has_place:
            return ""
        content = work.unreadable.encode() or work.content
        engine = engine_fingerprint(lesson_of(work.found.assignment))
        parts = [content, engine.encode(), salt_id(self.terms.secret).encode()]
        parts += [text for _, text in work.prior_notebooks]
        parts += [
            part
            for o in work.others
            for part in (o.name.encode(errors="replace"), o.content or b"")
        ]
        found, terms = work.found, self.terms
        run = (found.student, found.refused, terms.limits, terms.judge, terms.all_cells)
        parts.append(repr((*run, terms.unsandboxed)).encode())
        # Hash each part by itself, so that no byte can move from one part to the next unnoticed.
        return hashlib.sha256(
            b"\0".join(hashlib.sha256(part).digest() for part in parts)
        ).hexdigest()

    def _recorded(self, found: Found) -> dict[str, Any] | None:
        """Return the result of an earlier run if it depended on the same things, else None."""
        if not found.has_place or not (self.course_dir / "gradebook.db").exists():
            return None
        record = self._open_record(found)
        if record is None or record.get("key") != self._key(read_work(found)):
            return None
        self.levels.add(record.get("sandbox", ""))
        return record["result"]


def refused_json(found: Found, reason: str) -> dict[str, Any]:
    """Return the result of what is no submission of this course, and not in the gradebook."""
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
        "notices": [],
        "needs_person": [],
    }
