"""What a worker and everything it started have used, as the kernel says."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

CLOCK_TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Seconds on a processor, seconds of wanting one and waiting for it; bytes of memory."""

    cpu: float
    queued: float
    memory: int


def fine_seconds(pid: int) -> float:
    """What the threads that live have used, in the scheduler's own nanoseconds."""
    total = 0
    with contextlib.suppress(OSError):  # it ended while we looked
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(_read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
    return total / 1e9


def usage_of_tree(pid: int, common: int = 0) -> Usage:
    """Of a process and all it started; ``common`` bytes, which every fork has, count once."""
    ticks, waited, memory, waiting = 0, 0, common, [pid]
    while waiting:
        one = waiting.pop()
        try:
            fields = _read(f"/proc/{one}/stat").rpartition(b")")[2].split()
            ticks += sum(int(n) for n in fields[11:15])  # own and waited-for children's time
            _, resident, shared, *_ = _read(f"/proc/{one}/statm").split()
            memory += max((int(resident) - int(shared)) * PAGE - common, 0)
            for task in os.listdir(f"/proc/{one}/task"):
                folder = f"/proc/{one}/task/{task}"
                waited += int(_read(f"{folder}/schedstat").split()[1])
                waiting += map(int, _read(f"{folder}/children").split())
        except OSError:
            continue  # it ended while we looked
    return Usage(ticks / CLOCK_TICKS, waited / 1e9, memory)


def _read(path: str) -> bytes:
    """One of the kernel's short files: there are hundreds to read for each submission."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
