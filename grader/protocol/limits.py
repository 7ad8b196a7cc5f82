"""Define what one worker may use, for the judge that grants it and the worker that sets it."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
# User ids for workers that root starts, one for each, and one for a forkserver that must not be
# root: no account has them.
FIRST_ID, IDS = 62000, 3000
FORKSERVER_ID = FIRST_ID + IDS


@dataclass(frozen=True)
class WorkerLimits:
    """Bounds of one worker.

    ``cpu`` (seconds), ``memory``, ``file_size`` (bytes) and ``files`` (open ones) hold for each
    process, and ``memory`` for all of them together as the judge measures it. ``processes`` counts
    threads, too; None sets no bound. ``disk`` (bytes) and ``inodes`` bound each writable folder.
    """

    cpu: int = 130
    memory: int = 4096 * MEBIBYTE
    processes: int | None = 64
    files: int = 256
    file_size: int = 64 * MEBIBYTE
    disk: int = 64 * MEBIBYTE
    inodes: int = 4096


def allowed(which: int, value: int) -> int:
    """Return ``value``, or this process's hard limit if that is lower: none may be set above it."""
    import resource  # not on every system on which this module is read

    hard = resource.getrlimit(which)[1]
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
