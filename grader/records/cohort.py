"""Many submissions: graded side by side, each result written once, by this process alone.

A submission's record is written last, so that whatever has a record is complete, and a killed run
is taken up again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader import files
from grader.course.assignments import assignment
from grader.course.layout import ROOT, lesson_of
from grader.coursefile import ENGINE, VARIABLE
from grader.errors import Stopped
from grader.judge.fingerprint import engine_fingerprint, facts
from grader.judge.salt import salt_id
from grader.records import ledger, manual_grading
from grader.records.executor import Executor, Graded, Lost, Terms, result_of
from grader.records.gradebook import ensure_assignment, record
from grader.records.nbgrader_tables import open_gradebook
from grader.records.submissions import Found, Work, exchange_files, read_work, timestamp

RECORDS = Path(".grader") / "records"
PAUSE = 0.5  # seconds between two looks at whether to stop
AHEAD = 2  # submissions for each judge that wait or are graded
MOST_LOST = 3  # times in a row, with nothing graded in between


@dataclass
class Cohort:
    """A run over many submissions, writing into ``course_dir``."""

    course_dir: Path
    terms: Terms
    pool: Callable[[int], AbstractContextManager[Executor]]  # judges for so many submissions
    force: bool = False
    stopped: Callable[[], bool] = lambda: False  # asked between two submissions
    walls: set[str] = field(default_factory=set)  # the levels that were used
    lost: list[str] = field(default_factory=list)  # what each process of ours died of, if any did
    given: dict[tuple[str, str], manual_grading.ByHand] = field(
        default_factory=dict
    )  # in Formgrader
    shown: int = 0  # pages of earlier runs that were brought up to date with it

    def run(self, submissions: list[Found], done: Callable[[dict[str, Any]], None]) -> None:
        """Grade what has no valid record yet; ``done`` is told of each result.

        Results are not kept in memory, however many there are: ``result`` has them.
        """
        self._configure_nbgrader()
        self.given = manual_grading.given(self.course_dir / "gradebook.db")
        waiting: dict[int, Found] = {}
        for index, found in enumerate(submissions):
            old = None if self.force else self._recorded(found)
            if old is not None:
                self._show_by_hand(found)
                done(old)
            else:
                waiting[index] = found
        for result in self._grade(waiting):
            done(result)

    def result(self, found: Found) -> dict[str, Any]:
        """The result of a submission of this run, from its record on disk."""
        if not found.has_place:
            return refused_json(found, found.refused)
        return json.loads(self._record_path(found).read_bytes())["result"]

    def _configure_nbgrader(self) -> None:
        """So that Formgrader opens on the result, wherever it is.

        A course that has no configuration of its own gets the one that lies beside the engine.
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
        """Grade all that waits; when a process of ours is lost, begin again with what is left."""
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
        with self.pool(len(left)) as pool:
            running: dict[Future, tuple[int, str]] = {}
            queue = iter(list(left))

            def hand_out() -> None:
                for index in itertools.islice(queue, max(AHEAD * pool.size() - len(running), 0)):
                    work = read_work(left[index])
                    running[pool.submit(work)] = index, self._key(work)

            hand_out()
            with self._gradebook(left.values()) as book:
                while running:
                    if self.stopped():
                        raise Stopped
                    for future in wait(running, PAUSE, FIRST_COMPLETED).done:
                        index, key = running.pop(future)
                        found = left[index]
                        graded = result_of(future, found, pool.gone)
                        yield index, self._write(book, found, key, graded)
                    hand_out()

    @contextmanager
    def _gradebook(self, submissions: Iterable[Found]) -> Iterator[Any]:
        """The gradebook, with what it needs to know of their assignments."""
        with open_gradebook(self.course_dir / "gradebook.db") as book:
            for name in sorted({found.assignment for found in submissions if found.has_place}):
                ensure_assignment(book, assignment(name))
            yield book

    def _write(self, book: Any, found: Found, key: str, graded: Graded | str) -> dict[str, Any]:
        if isinstance(graded, str):
            return refused_json(found, graded)
        outcome = graded.outcome
        self.walls.add(outcome.sandbox)
        name = outcome.assignment
        executed = self.course_dir / "autograded" / outcome.student / name / f"{name}.ipynb"
        files.write(executed, graded.notebook)
        given = self._given_to(found)
        page = (
            manual_grading.filled(graded.page, given)
            if given != manual_grading.NOTHING
            else graded.page
        )
        place = self._page_path(found)
        files.write(place, page)
        for beside, kept in exchange_files(found).items():
            files.write(place.parent / beside, kept)
        # Before the gradebook: a mark without a line would look forged.
        self._ledger().append(ledger.entry(outcome, facts(name, self.terms.secret)))
        record(book, outcome, timestamp(found))
        result = outcome.as_json()
        content = json.dumps({"key": key, "result": result, "sandbox": outcome.sandbox})
        files.write(self._record_path(found), content.encode())
        return result

    def _show_by_hand(self, found: Found) -> None:
        """Bring a page up to date with the gradebook; nothing is graded for that."""
        path = self._page_path(found)
        given = self._given_to(found)
        if manual_grading.digest_of(path) not in (None, given.digest):
            files.write(path, manual_grading.filled(path.read_bytes(), given))
            self.shown += 1

    def _given_to(self, found: Found) -> manual_grading.ByHand:
        return self.given.get((found.student, found.assignment), manual_grading.NOTHING)

    def _page_path(self, found: Found) -> Path:
        name = found.assignment
        return self.course_dir / "feedback" / found.student / name / f"{name}.html"

    def _ledger(self) -> ledger.Ledger:
        return ledger.Ledger(self.course_dir, self.terms.secret)

    def _record_path(self, found: Found) -> Path:
        return self.course_dir / RECORDS / found.assignment / f"{found.student}.json"

    def _key(self, work: Work) -> str:
        """What a result depends on: the submission's bytes, its lesson, the salt, the engine."""
        if not work.found.has_place:
            return ""
        content = work.unreadable.encode() or work.content
        engine = engine_fingerprint(lesson_of(work.found.assignment))
        parts = [content, engine.encode(), salt_id(self.terms.secret).encode()]
        parts += [text for _, text in work.earlier]
        found, terms = work.found, self.terms
        run = (found.student, found.refused, terms.limits, terms.all_cells, terms.unsandboxed)
        parts.append(repr(run).encode())
        return hashlib.sha256(
            b"\0".join(hashlib.sha256(part).digest() for part in parts)
        ).hexdigest()

    def _recorded(self, found: Found) -> dict[str, Any] | None:
        if not found.has_place or not (self.course_dir / "gradebook.db").exists():
            return None
        try:
            record = json.loads(self._record_path(found).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        if record.get("key") != self._key(read_work(found)):
            return None
        self.walls.add(record.get("sandbox", ""))
        return record["result"]


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
