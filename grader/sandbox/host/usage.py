"""What a worker and all that it started have used, as the kernel counts it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

CLOCK_TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Seconds on a processor; seconds spent waiting for one; bytes of memory."""

    cpu: float
    queued: float
    memory: int


def fine_seconds(pid: int) -> float:
    """Processor time of the process's living threads, from the scheduler's nanoseconds."""
    total = 0
    with contextlib.suppress(OSError):  # it ended while we looked
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(_read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
    return total / 1e9


def usage_of_tree(pid: int, common: int = 0) -> Usage:
    """What a process and all it started use. ``common`` bytes, which every fork has, count once."""
    ticks, queued, memory, left = 0, 0, common, [pid]
    while left:
        one = left.pop()
        try:
            fields = _read(f"/proc/{one}/stat").rpartition(b")")[2].split()
            ticks += sum(int(n) for n in fields[11:15])  # own and waited-for children's time
            _, resident, shared, *_ = _read(f"/proc/{one}/statm").split()
            memory += max((int(resident) - int(shared)) * PAGE - common, 0)
            for task in os.listdir(f"/proc/{one}/task"):
                folder = f"/proc/{one}/task/{task}"
                queued += int(_read(f"{folder}/schedstat").split()[1])
                left += map(int, _read(f"{folder}/children").split())
        except OSError:
            continue  # it ended while we looked
    return Usage(ticks / CLOCK_TICKS, queued / 1e9, memory)


def _read(path: str) -> bytes:
    """Read a short file of the kernel's; without buffers, for each submission needs hundreds."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
