"""Put each question to a worker of its own, for exercises in which students write the test.

A test that has seen other candidates could reject the odd one out without examining any. So each
candidate is tested in a worker that has seen no other, and whatever a test remembers (a name, a
file, a place in memory) is gone with that worker. Candidates are named by position only: a key
would tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grader.judge.callbacks import answering
from grader.protocol.values import Ask, Callback, Reply
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.workers import Worker, WorkerDied

NAME = "candidate"


@dataclass
class OneByOne:
    """Puts questions one by one, each in a fresh worker that has run the same cells.

    ``functions`` holds the functions that the callbacks call, by key. ``notebook_cpu`` and
    ``checks_cpu`` are the processor seconds left for all cells and questions, and for the questions
    alone; ``notebook_idle`` is how many seconds the workers may still idle. ``spent`` and ``idled``
    are the seconds that the workers have used so far.
    """

    start: Callable[[], Worker]
    limits: Limits
    cells: Sequence[str]
    functions: Mapping[str, Callable[..., Any]]
    notebook_cpu: float
    checks_cpu: float
    notebook_idle: float
    spent: float = 0.0
    idled: float = 0.0

    def put(self, asks: Sequence[Ask]) -> list[Reply]:
        """Return a reply to each question. WorkerDied if a cell or a question ends its worker."""
        return [self._put(ask) for ask in asks]

    def _put(self, ask: Ask) -> Reply:
        if self.idled > self.notebook_idle:
            raise WorkerDied("timed_out", "the notebook idled longer than it may")
        worker = self.start()
        try:
            for source in self.cells:
                left = self.notebook_cpu - self.spent - worker.cpu_seconds
                worker.run_cell(source, max(min(self.limits.cell_cpu, left), 0.1))
            before = worker.cpu_seconds
            question, functions = self._renamed(ask)
            (reply,) = worker.ask([question], max(self.checks_cpu, 0.1), answering(functions))
            self.checks_cpu -= worker.cpu_seconds - before
            return reply
        finally:
            self.spent += worker.close().cpu
            self.idled += worker.idled

    def _renamed(self, ask: Ask) -> tuple[Ask, dict[str, Callable[..., Any]]]:
        """Return the question with neutral names for its candidates, and the candidates by name."""
        functions: dict[str, Callable[..., Any]] = {}
        args: list[Any] = []
        for arg in ask.args:
            if isinstance(arg, Callback):
                name = f"{NAME} {len(functions) + 1}"
                functions[name] = self.functions[arg.key]
                args.append(Callback(name))
            else:
                args.append(arg)
        return replace(ask, args=tuple(args)), functions
