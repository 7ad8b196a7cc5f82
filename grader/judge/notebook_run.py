"""Running a submission's notebook in workers, and putting each exercise's questions there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from grader.judge.assemble import ANSWER, CHECK, Part
from grader.judge.callbacks import answering
from grader.judge.judging import Judging
from grader.judge.sanitize import MAX_SHOWN, clean_outputs, within
from grader.protocol.values import Ask, Failure, Reply
from grader.rules.asking import put_questions
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.workers import Worker, WorkerDied
from grader.source.slicing import needed


class NotebookRun:
    """Runs of one submission's notebook.

    ``outputs`` are what its cells showed in the recorded run, by cell; ``deaths`` are the ends of
    workers that a cell or a check brought about; ``starved`` says that an answer's cell ran out of
    memory.
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
        self.starved = False
        self.room = MAX_SHOWN

    def run(
        self, parts: Sequence[Part], wanted: set[str], texts: Mapping[str, str], record: bool
    ) -> dict[str, list[Reply]]:
        """Run the notebook once; at each wanted exercise's check, put its questions.

        ``texts`` are the answers of earlier lessons, for ``mine``.

        A cell or a check that kills the worker is left out, and the notebook is run again up to
        there without it: what comes after is not taken down. Where the worker was killed by
        something else, it is left out only after ``chances`` more.
        """
        replies: dict[str, list[Reply]] = {}
        poisoned: set[str] = set()
        killed: Counter[str] = Counter()
        run = to_run(parts, everything=record and self.all_cells)
        spent = idled = 0.0
        for _ in range(self.limits.restarts):
            left = self.limits.notebook_cpu - spent
            if left <= 0 or idled > self.limits.notebook_idle:
                break
            worker = self.forkserver.start(self.limits, texts)
            try:
                self._walk(worker, parts, run, wanted, poisoned, replies, record, left)
                break
            except _Poison as death:
                killed[death.place] += death.died.killed
                if death.died.killed and killed[death.place] <= self.limits.chances:
                    continue
                poisoned.add(death.place)
                self.deaths.append(death.died)
                name = death.place.removeprefix("check_")
                if name in wanted and name not in replies:
                    replies[name] = self._failed(name, death.died)
                if record and not death.place.startswith("check_"):
                    self.outputs[death.place] = [_death_note(death.died)]
            finally:
                spent += worker.close().cpu
                idled += worker.idled
        for name in wanted - replies.keys():
            died = WorkerDied("timed_out", "the notebook used all the time that it may use")
            self.deaths.append(died)
            replies[name] = self._failed(name, died)
        return replies

    def _walk(
        self,
        worker: Worker,
        parts: Sequence[Part],
        run: set[str],
        wanted: set[str],
        poisoned: set[str],
        replies: dict[str, list[Reply]],
        record: bool,
        budget: float,
    ) -> None:
        deadline = worker.cpu_seconds + budget
        for part in parts:
            if part.kind != "code" or part.id in poisoned:
                continue
            if part.role == CHECK:
                name = part.exercise
                if name in wanted and name not in replies and name not in poisoned:
                    replies[name] = self._ask(worker, name, deadline - worker.cpu_seconds)
                if not record and wanted <= replies.keys():
                    return  # nobody sees what comes after
            elif part.id in run:
                left = deadline - worker.cpu_seconds
                cpu = max(min(self.limits.cell_cpu, left), 0.1)
                try:
                    raw, error = worker.run_cell(part.source, cpu)
                except WorkerDied as died:
                    raise _Poison(part.id, died) from died
                if record:
                    self.starved |= part.role == ANSWER and _out_of_memory(error, raw)
                    self.outputs[part.id], self.room = within(clean_outputs(raw), self.room)

    def _ask(self, worker: Worker, name: str, left: float) -> list[Reply]:
        suite, functions = self.judging.suite(name), self.judging.exercises[name].callbacks
        cpu = max(min(self.limits.checks_cpu, left), 0.1)
        deadline = worker.cpu_seconds + cpu

        def put(asks: list[Ask]) -> list[Reply]:
            callbacks = answering(functions(suite)) if functions else None
            return worker.ask(asks, max(deadline - worker.cpu_seconds, 0.1), callbacks)

        try:
            return put_questions(suite, put)
        except WorkerDied as died:
            raise _Poison(f"check_{name}", died) from died

    def _failed(self, name: str, died: WorkerDied) -> list[Reply]:
        failure = Failure(died.reason, message=died.detail)
        return [Reply(failure=failure) for _ in self.judging.suite(name).cases]


class _Poison(Exception):
    """The cell or check at ``place`` ended the worker."""

    def __init__(self, place: str, died: WorkerDied) -> None:
        super().__init__(place)
        self.place = place
        self.died = died


def to_run(parts: Sequence[Part], everything: bool = False) -> set[str]:
    """Ids of the cells that run: the student's, and of the release's own those that have to.

    An untouched scratch cell is one of the release's.
    """
    code = [part for part in parts if part.kind == "code" and part.role != CHECK]
    given = [part for part in code if part.role != ANSWER and part.source == part.released]
    if everything:
        return {part.id for part in code}
    written = [part for part in code if part not in given]
    before = [(part.id, part.source) for part in given]
    has_to = needed(before, [part.source for part in written])
    return has_to | {part.id for part in written}


def _out_of_memory(error: str, outputs: list) -> bool:
    """Did the cell end for want of memory, in Python's words or in torch's?"""
    said = [str(o.get("evalue", "")) for o in outputs if isinstance(o, dict)]
    return error == "MemoryError" or any("can't allocate memory" in text for text in said)


def _death_note(died: WorkerDied) -> dict:
    words = {
        "timed_out": "This cell took longer than a cell may and was stopped.",
        "out_of_memory": "This cell needed more memory than a submission may use.",
    }
    text = words.get(died.reason, f"This cell ended its process ({died.detail or died.reason}).")
    return {"output_type": "stream", "name": "stderr", "text": text + "\n"}
