"""Run a submission's notebook in workers, and ask each exercise's questions there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.judge.callbacks import answering, numbered
from grader.judge.judging import Judging
from grader.judge.sanitize import MAX_SHOWN, clean_outputs, fit_into
from grader.protocol.values import Ask, Failure, Reply
from grader.rules.asking import put_questions
from grader.rules.comparing import with_cause
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.workers import Worker, WorkerDied
from grader.source.assembly import ANSWER, CHECK, OWN, Part
from grader.source.prose import defined
from grader.source.slicing import leading_to, needed


class NotebookRun:
    """Runs of one submission's notebook.

    ``outputs`` holds each cell's outputs in the recorded run; ``deaths`` says how each worker died
    that a cell or a check killed; ``memory_ran_out`` is True if an answer's cell needed more memory
    than it may use.
    """

    def __init__(
        self, forkserver: Forkserver, limits: Limits, judging: Judging, all_cells: bool = False
    ) -> None:
        self.forkserver = forkserver
        self.limits = limits
        self.judging = judging
        self.all_cells = all_cells
        self.outputs: dict[str, list] = {}
        self.deaths: list[WorkerDied] = []
        self.memory_ran_out = False
        self.room = MAX_SHOWN
        self._errors: dict[str, tuple[str, str]] = {}  # by cell: what it raised in this run
        self._spent = 0.0  # CPU seconds of this run's ended workers
        self._idled = 0.0  # seconds, in all runs: honest work hardly idles

    def run(
        self, parts: Sequence[Part], wanted: set[str], texts: Mapping[str, str], record: bool
    ) -> dict[str, list[Reply]]:
        """Run the notebook; at the check of each wanted exercise, ask its questions.

        ``texts`` are the answers of earlier lessons, for ``mine``.

        If a cell or a check kills the worker, run the notebook again in a new worker without it, so
        that the exercises after it still earn their points. If the kernel or a person killed the
        worker, the cell may be innocent: it is left out only after ``chances`` retries.
        """
        replies: dict[str, list[Reply]] = {}
        tests: dict[str, _Test] = {}
        left_out: set[str] = set()  # cells and checks that killed a worker
        killed: Counter[str] = Counter()
        run = cells_to_run(parts, everything=record and self.all_cells)
        self._spent = 0.0
        for _ in range(self.limits.restarts):
            if self._used_up():
                break
            worker = self.forkserver.start(self.limits, texts)
            try:
                self._run_once(worker, parts, run, wanted, left_out, replies, tests, record)
                break
            except _DiedAt as death:
                killed[death.place] += death.died.killed
                if death.died.killed and killed[death.place] <= self.limits.chances:
                    continue
                left_out.add(death.place)
                self.deaths.append(death.died)
                name = death.place.removeprefix("check_")
                if name in wanted and name not in replies:
                    replies[name] = self._failed(name, death.died)
                if record and not death.place.startswith("check_"):
                    self.outputs[death.place] = [_death_note(death.died)]
            finally:
                self._spent += worker.close().cpu
                self._idled += worker.idled
        for name, test in tests.items():
            self._examine(name, test, texts, replies)
        for name in wanted - replies.keys():
            died = self._used_up() or WorkerDied("crashed", self._no_more_workers())
            self.deaths.append(died)
            replies[name] = self._failed(name, died)
        return replies

    def _run_once(
        self,
        worker: Worker,
        parts: Sequence[Part],
        run: set[str],
        wanted: set[str],
        left_out: set[str],
        replies: dict[str, list[Reply]],
        tests: dict[str, _Test],
        record: bool,
    ) -> None:
        """Run the cells in one worker, in order, and add the missing ``replies``.

        Add the tests that the student wrote to ``tests``, to be tried on candidates later.
        """
        begun = worker.cpu_seconds  # a fork is not the submission's work
        done: list[Part] = []
        self._errors.clear()
        for part in parts:
            if part.kind != "code" or part.id in left_out:
                continue
            if part.role == CHECK:
                name = part.exercise
                if name in wanted and name not in replies and name not in left_out:
                    cause = self._error_of(name, parts)
                    if self.judging.exercises[name].callbacks is not None:
                        tests.setdefault(name, _Test(tuple(done), cause))
                    else:
                        left = self._left() - (worker.cpu_seconds - begun)
                        replies[name] = with_cause(self._ask(worker, name, left), cause)
                if not record and wanted <= replies.keys() | tests.keys():
                    return  # the outputs of later cells would be thrown away
            elif part.id in run:
                left = self._left() - (worker.cpu_seconds - begun)
                cpu = max(min(self.limits.cell_cpu, left), 0.1)
                done.append(part)
                try:
                    raw, error = worker.run_cell(part.source, cpu)
                except WorkerDied as died:
                    raise _DiedAt(part.id, died) from died
                if error:
                    self._errors[part.id] = error, _message(raw)
                if record:
                    self.memory_ran_out |= part.role == ANSWER and _out_of_memory(error, raw)
                    self.outputs[part.id], self.room = fit_into(clean_outputs(raw), self.room)

    def _left(self) -> float:
        """Return the processor seconds that the notebook may still use."""
        return self.limits.notebook_cpu - self._spent

    def _used_up(self) -> WorkerDied | None:
        """Return the death of a worker for which the notebook has no time left, if it has none."""
        limits = self.limits
        if self._left() <= 0:
            most = f"{limits.notebook_cpu:g} s of processor time"
            return WorkerDied("timed_out", f"the notebook used all {most} that it may use")
        if self._idled > limits.notebook_idle:
            most = f"the {limits.notebook_idle:g} s for which it may"
            return WorkerDied("timed_out", f"the notebook idled longer than {most}")
        return None

    def _no_more_workers(self) -> str:
        times = "1 time" if self.limits.restarts == 1 else f"{self.limits.restarts} times"
        return f"cells before it end their process, and a notebook is run no more than {times}"

    def _error_of(self, name: str, parts: Sequence[Part]) -> tuple[str, str] | None:
        """Return the error of the cell that should define the exercise; of several, the last."""
        own = [
            part.id
            for part in parts
            if part.id in self._errors
            and (part.exercise == name or (part.role == OWN and name in defined(part.source)))
        ]
        return self._errors[own[-1]] if own else None

    def _ask(self, worker: Worker, name: str, left: float) -> list[Reply]:
        cpu = max(min(self.limits.checks_cpu, left), 0.1)
        deadline = worker.cpu_seconds + cpu

        def put(asks: list[Ask]) -> list[Reply]:
            return worker.ask(asks, max(deadline - worker.cpu_seconds, 0.1))

        try:
            return put_questions(self.judging.suite(name), put)
        except WorkerDied as died:
            raise _DiedAt(f"check_{name}", died) from died

    def _examine(
        self, name: str, test: _Test, texts: Mapping[str, str], replies: dict[str, list[Reply]]
    ) -> None:
        """Run the student's test on each candidate, in a worker of its own.

        This comes after the worker that ran the notebook has ended, which could otherwise remember
        what candidates returned and tell the workers of other candidates. Only the cells that lead
        to the test run again: running all of them for each candidate could take long.

        No candidate is put again because the worker of another one died: a test that remembers
        candidates somehow could otherwise end its own worker, and sort them in the next round.
        """
        if self._used_up():
            return
        found = put_questions(self.judging.suite(name), self._each_alone(name, test, texts))
        replies[name] = with_cause(found, test.cause)

    def _each_alone(
        self, name: str, test: _Test, texts: Mapping[str, str]
    ) -> Callable[[Sequence[Ask]], list[Reply]]:
        """Return a function that puts each question to a worker that has seen no other.

        A test that has seen other candidates could reject the odd one out without examining any.
        So whatever it remembers (a name, a file, a place in memory) is gone with its worker.

        If a worker dies, that is the test's reply to this candidate alone. If the kernel or a
        person killed it, the test may be innocent: the candidate is put again, up to ``chances``
        times in the whole examination. Time is for all candidates together: once it has run out,
        the others are not put.
        """
        chosen = leading_to([(part.id, part.source) for part in test.done], name)
        cells = [part.source for part in test.done if part.id in chosen]
        make = self.judging.exercises[name].callbacks
        assert make is not None
        functions = make(self.judging.suite(name))
        left = min(self.limits.checks_cpu, self._left())  # for all questions together
        chances = self.limits.chances
        late: WorkerDied | None = None  # how the worker died that used up the time

        def tried(ask: Ask) -> Reply:
            nonlocal left, chances, late
            while late is None:
                before = self._spent
                try:
                    reply, used = self._try_alone(cells, texts, *numbered(ask, functions), left)
                    left -= used
                    return reply
                except WorkerDied as died:
                    left -= self._spent - before
                    if died.killed and chances > 0:
                        chances -= 1
                        continue
                    self.deaths.append(died)
                    if died.reason != "timed_out":
                        return _no_reply(died)
                    late = died
            return _no_reply(late)

        def put(asks: Sequence[Ask]) -> list[Reply]:
            return [tried(ask) for ask in asks]

        return put

    def _try_alone(
        self,
        cells: Sequence[str],
        texts: Mapping[str, str],
        ask: Ask,
        functions: Mapping[str, Callable[..., Any]],
        cpu: float,
    ) -> tuple[Reply, float]:
        """Run the cells in a worker of its own, and put one question there.

        Return the reply and the processor seconds that it took. WorkerDied if the worker dies.
        """
        if died := self._used_up():
            raise died
        worker = self.forkserver.start(self.limits, texts)
        try:
            for source in cells:
                left = self._left() - worker.cpu_seconds
                worker.run_cell(source, max(min(self.limits.cell_cpu, left), 0.1))
            before = worker.cpu_seconds
            (reply,) = worker.ask([ask], max(cpu, 0.1), answering(functions))
            return reply, worker.cpu_seconds - before
        finally:
            self._spent += worker.close().cpu
            self._idled += worker.idled

    def _failed(self, name: str, died: WorkerDied) -> list[Reply]:
        return [_no_reply(died) for _ in self.judging.suite(name).cases]


@dataclass(frozen=True)
class _Test:
    """A student's test: the cells run before its check, and the error in its own cell, if any."""

    done: tuple[Part, ...]
    cause: tuple[str, str] | None


class _DiedAt(Exception):
    """The worker died in the cell or check at ``place``."""

    def __init__(self, place: str, died: WorkerDied) -> None:
        super().__init__(place)
        self.place = place
        self.died = died


def cells_to_run(parts: Sequence[Part], everything: bool = False) -> set[str]:
    """Return the ids of the cells to run: the student's, and the release's cells that they need.

    A scratch cell that the student has not changed counts as the release's.
    """
    code = [part for part in parts if part.kind == "code" and part.role != CHECK]
    released = [part for part in code if part.role != ANSWER and part.source == part.released]
    if everything:
        return {part.id for part in code}
    written = [part for part in code if part not in released]
    sources = [(part.id, part.source) for part in released]
    return needed(sources, [part.source for part in written]) | {part.id for part in written}


def _no_reply(died: WorkerDied) -> Reply:
    return Reply(failure=Failure(died.reason, message=died.detail))


def _message(outputs: list) -> str:
    """Return the message of the exception that a cell raised, as its worker reports it."""
    texts = [o.get("evalue") for o in outputs if isinstance(o, dict) and "evalue" in o]
    return next((text[:1000] for text in reversed(texts) if isinstance(text, str)), "")


def _out_of_memory(error: str, outputs: list) -> bool:
    """Tell whether the cell ran out of memory, by Python's error or by PyTorch's."""
    messages = [str(o.get("evalue", "")) for o in outputs if isinstance(o, dict)]
    return error == "MemoryError" or any("can't allocate memory" in text for text in messages)


def _death_note(died: WorkerDied) -> dict:
    words = {
        "timed_out": "This cell took longer than a cell may and was stopped.",
        "out_of_memory": "This cell needed more memory than a submission may use.",
    }
    text = words.get(died.reason, f"This cell ended its process ({died.detail or died.reason}).")
    return {"output_type": "stream", "name": "stderr", "text": text + "\n"}
