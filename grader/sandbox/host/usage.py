"""Measure what a worker and all that it started use, as the kernel counts it."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

CLOCK_TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


_HELD = re.compile(rb"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+) kB", re.M)
_SHARE = re.compile(rb"^(?:Pss_Anon|Pss_Shmem|SwapPss):\s+(\d+) kB", re.M)


@dataclass(frozen=True)
class Usage:
    """Seconds on a processor; seconds spent waiting for one; bytes of memory; threads.

    ``memory`` is an upper bound: what forks share counts for each of ``processes``.
    :func:`shares_of` is exact.
    """

    cpu: float
    queued: float
    memory: int
    processes: tuple[int, ...] = ()
    tasks: int = 0


def fine_seconds(pid: int) -> float:
    """Return the processor seconds of a process's living threads, exact to nanoseconds."""
    total = 0
    with contextlib.suppress(OSError):  # it ended while we looked
        for task in os.listdir(f"/proc/{pid}/task"):
            total += int(_read(f"/proc/{pid}/task/{task}/schedstat").split()[0])
    return total / 1e9


def usage_of_tree(supervisor: int, worker: int) -> Usage:
    """Measure what a worker and all that it started use.

    Orphans become children of the supervisor, whose own memory is not the submission's.
    """
    ticks, queued, memory, threads, left, seen = 0, 0, 0, 0, [supervisor, worker], []
    while left:
        one = left.pop()
        if one in seen:
            continue
        seen.append(one)
        try:
            fields = _read(f"/proc/{one}/stat").rpartition(b")")[2].split()
            ticks += sum(int(n) for n in fields[11:15])  # own and waited-for children's time
            if one != supervisor:
                memory += _kilobytes(_HELD, f"/proc/{one}/status")
            tasks = os.listdir(f"/proc/{one}/task")
            threads += len(tasks) if one != supervisor else 0
            for task in tasks:
                folder = f"/proc/{one}/task/{task}"
                queued += int(_read(f"{folder}/schedstat").split()[1])
                left += map(int, _read(f"{folder}/children").split())
        except OSError:
            continue  # it ended while we looked
    others = tuple(one for one in seen if one != supervisor)
    return Usage(ticks / CLOCK_TICKS, queued / 1e9, memory, others, threads)


def shares_of(processes: Iterable[int]) -> int | None:
    """Return the bytes of memory that these processes hold, counting what forks share once.

    Slower than :func:`usage_of_tree`: the kernel looks at each page. None where the kernel does
    not count this, or does not let this user see it.
    """
    if not os.path.exists("/proc/self/smaps_rollup"):
        return None
    total = 0
    for one in processes:
        try:
            total += _kilobytes(_SHARE, f"/proc/{one}/smaps_rollup")
        except PermissionError:
            return None
        except OSError:
            continue  # it ended while we looked
    return total


def in_sockets(worker: int) -> int:
    """Return the most bytes that the local sockets in the worker's network namespace can hold.

    A stream socket holds what its one peer has sent; a datagram socket as many messages as may
    wait in it, each from another sender.
    """
    size, waiting = _socket_bounds()
    try:
        sockets = _read(f"/proc/{worker}/net/unix").splitlines()[1:]
    except OSError:
        return 0  # it ended while we looked
    datagram = b"0002"
    each = size + size // 2  # with the kernel's own share, and one message beyond the limit
    return sum(each * (waiting if one.split()[4] == datagram else 1) for one in sockets)


@functools.cache
def _socket_bounds() -> tuple[int, int]:
    """Return the bytes of a socket's buffer, and how many datagrams may wait in a socket."""
    size = _setting("/proc/sys/net/core/wmem_default", 212_992)
    return size, _setting("/proc/sys/net/unix/max_dgram_qlen", 10) + 1


def _setting(path: str, usual: int) -> int:
    """Return a kernel setting, or its usual value: containers do not show them all."""
    try:
        return int(_read(path))
    except FileNotFoundError:
        return usual


def oom_kills() -> int:
    """Count the processes that the kernel has killed so far for lack of memory.

    Counts those of this process's control group, to which workers belong, or else of the whole
    machine; 0 if neither is known.
    """
    for path, field in _counters_of_oom():
        with contextlib.suppress(OSError):
            found = re.search(rb"^%s (\d+)$" % field, _read(path), re.M)
            if found:
                return int(found[1])
    return 0


@functools.cache
def _counters_of_oom() -> tuple[tuple[str, bytes], ...]:
    """Return the files that may hold the count, and its field in each.

    First come those of the control group (in a container it is called /), then the machine's.
    """
    places = []
    with contextlib.suppress(OSError):
        for line in _read("/proc/self/cgroup").decode(errors="replace").splitlines():
            _, controllers, group = line.split(":", 2)
            top, file = "/sys/fs/cgroup", "memory.events"
            if "memory" in controllers.split(","):
                top, file = "/sys/fs/cgroup/memory", "memory.oom_control"
            elif controllers:
                continue
            places += [f"{top}{group.rstrip('/')}/{file}", f"{top}/{file}"]
    return (*((place, b"oom_kill") for place in places), ("/proc/vmstat", b"oom_kill"))


def user_ids(process: int) -> set[int]:
    """Return a process's real, effective, saved and file system user ids on this machine."""
    for line in _read(f"/proc/{process}/status").splitlines():
        if line.startswith(b"Uid:"):
            return {int(number) for number in line.split()[1:]}
    return set()


def address_space(process: int) -> int:
    """Return the bytes of address space that a process has taken."""
    return int(_read(f"/proc/{process}/statm").split()[0]) * PAGE


def _kilobytes(fields: re.Pattern[bytes], path: str) -> int:
    return 1024 * sum(map(int, fields.findall(_read(path))))


def _read(path: str) -> bytes:
    """Read a short kernel file; unbuffered, since each submission needs hundreds of reads."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
