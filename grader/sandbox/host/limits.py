"""The limits on what a submission may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grader.protocol.limits import WorkerLimits


@dataclass(frozen=True)
class Limits:
    """Bounds for each cell, each exercise's checks and each notebook, in seconds.

    ``*_cpu`` is processor time. ``idle`` is time in which nothing of the submission even asked
    for a processor (a sleep, a wait for input), so that a busy machine changes no verdict. A whole
    notebook may idle ``naps`` times as long. As a last resort, elapsed time is limited to ``wall``
    times the processor time allowed. ``restarts`` bounds the workers for one notebook, and
    ``chances`` how often a cell is run again after something else killed its worker. ``worker``
    holds what the kernel enforces for each worker.
    """

    cell_cpu: float = 20.0
    checks_cpu: float = 20.0
    notebook_cpu: float = 120.0
    idle: float = 15.0
    naps: float = 10.0
    wall: float = 20.0
    restarts: int = 40
    chances: int = 2
    callback_calls: int = 5000
    worker: WorkerLimits = WorkerLimits()

    @property
    def notebook_idle(self) -> float:
        return self.idle * self.naps

    def at_least(self, wanted: Mapping[str, float]) -> Limits:
        """Return these limits, with more processor time if an assignment needs it for training."""
        raised = {name: max(getattr(self, name), value) for name, value in wanted.items()}
        limits = replace(self, **raised)
        cpu = max(self.worker.cpu, int(limits.notebook_cpu) + 10)
        return replace(limits, worker=replace(self.worker, cpu=cpu))
