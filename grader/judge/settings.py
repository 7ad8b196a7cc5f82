"""What a submission may use, and how a run of the grader is set up."""

from __future__ import annotations

from dataclasses import dataclass, field

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds for each cell and each notebook. Seconds are processor time unless named wall.

    ``wall_factor`` and ``wall_grace`` make the wall-clock stop that backs them: a cell may take
    cpu * factor + grace seconds, so that a busy machine changes no verdict.
    """

    cell_cpu: float = 60.0
    checks_cpu: float = 20.0
    notebook_cpu: float = 240.0
    wall_factor: float = 6.0
    wall_grace: float = 15.0
    restarts: int = 40
    worker: dict[str, int] = field(
        default_factory=lambda: {
            "cpu": 260,
            "memory": 4096 * MEBIBYTE,
            "processes": 64,
            "files": 256,
            "file_size": 64 * MEBIBYTE,
            "disk": 64 * MEBIBYTE,
            "inodes": 4096,
        }
    )
