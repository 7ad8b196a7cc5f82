"""What a submission may use, and how a run of the grader is set up."""

from __future__ import annotations

from dataclasses import dataclass, field

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds for each cell, each exercise's checks and each notebook, in seconds.

    ``*_cpu`` is processor time. ``idle`` is time in which nothing of the submission even asked
    for a processor (a sleep, a wait for input), so that a busy machine changes no verdict.
    ``wall`` times the processor time allowed backs both.
    """

    cell_cpu: float = 20.0
    checks_cpu: float = 20.0
    notebook_cpu: float = 120.0
    idle: float = 15.0
    wall: float = 20.0
    restarts: int = 40
    worker: dict[str, int] = field(
        default_factory=lambda: {
            "cpu": 130,
            "memory": 4096 * MEBIBYTE,
            "processes": 64,
            "files": 256,
            "file_size": 64 * MEBIBYTE,
            "disk": 64 * MEBIBYTE,
            "inodes": 4096,
        }
    )
