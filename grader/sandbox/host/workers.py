"""A worker as the judge sees it: run cells, ask, bound what it uses, and end it for certain."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grader.errors import WorkerError
from grader.protocol import wire
from grader.protocol.channel import LOOK, Channel, ChannelClosed
from grader.protocol.values import Ask, Failure, Reply
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.usage import (
    CLOCK_TICKS,
    Usage,
    address_space,
    fine_seconds,
    in_sockets,
    oom_kills,
    shares_of,
    usage_of_tree,
    user_ids,
)

PAUSE = 1.0  # seconds; a longer gap between two looks is our delay, not the worker's
# Answers a worker's message that calls one of the judge's functions.
Callbacks = Callable[[dict[str, Any]], dict[str, Any]]


class WorkerDied(Exception):
    """The worker is gone. ``reason`` is timed_out, out_of_memory, crashed or malformed.

    ``killed``: something killed it although its time was not used up, such as a kernel short of
    memory. That may not be the submission's fault.
    """

    def __init__(self, reason: str, detail: str = "", killed: bool = False) -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        self.detail = detail
        self.killed = killed


@dataclass(frozen=True)
class Ended:
    """How a worker ended, as its supervisor reports it."""

    stopped: bool = False
    signal: int = 0
    exit: int = 0
    cpu: float = 0.0


class Worker:
    """One submission's process in its sandbox. Whatever it says may be a lie.

    What its supervisor says is true, since that runs no student code. ``own_world``: the two have
    namespaces of their own.
    """

    def __init__(
        self, talk: socket.socket, status: socket.socket, limits: Limits, own_world: bool = False
    ) -> None:
        self._channel = Channel(talk)
        self._status = status
        self._received = b""  # from the supervisor, not yet a whole line
        self._limits = limits
        self._own_world = own_world
        self.ended: Ended | None = None
        self.idled = 0.0  # seconds, in all exchanges so far
        self._looked, self._in_sockets = 0.0, 0  # when, and how many bytes
        started: dict[str, Any] = {}  # both send their ids, in either order
        while not {"supervisor", "worker"} <= started.keys():
            started |= self._status_line(30)
            if "failed" in started:
                raise WorkerError(f"no worker could be started: {started['failed']}")
        self._supervisor, self._pid = int(started["supervisor"]), int(started["worker"])
        # A supervisor ends last: before that, all that its worker started has been killed.
        try:
            self._handle = os.pidfd_open(self._supervisor)
        except ProcessLookupError as error:
            raise WorkerError("no worker could be started: its supervisor is gone") from error
        self._used = self._usage()
        self._oom_kills = oom_kills()

    def prepare(self, texts: Mapping[str, str]) -> None:
        """Wait until its sandbox is built, then send the texts that ``mine("name")`` finds."""
        answer = self._exchange(None, self._limits.cell_cpu)
        if not isinstance(answer, dict) or answer.get("ready") is not True:
            detail = answer.get("failed") if isinstance(answer, dict) else None
            raise WorkerError(f"the sandbox could not be built: {detail}")
        if texts:
            self._exchange({"op": "supply", "texts": dict(texts)}, self._limits.cell_cpu)

    def run_cell(self, source: str, cpu: float) -> tuple[list[Any], str]:
        """Run a cell; return its raw outputs and the type of the exception it raised, or ''."""
        answer = self._exchange({"op": "cell", "source": source}, cpu)
        outputs, error = answer.get("outputs"), answer.get("error")
        if not isinstance(outputs, list) or not isinstance(error, str):
            raise self._end("malformed", "an answer without outputs")
        return outputs, error

    def ask(self, asks: list[Ask], cpu: float, callbacks: Callbacks | None = None) -> list[Reply]:
        """Return one Reply for each ask.

        Asks that are timed or whose memory is bounded are sent one by one, since both are done from
        outside, where the worker cannot interfere.
        """
        replies: list[Reply] = []
        deadline = self.cpu_seconds + cpu
        for alone, group in itertools.groupby(asks, key=lambda ask: ask.timed or ask.memory > 0):
            if alone:
                replies += [self._alone(ask, deadline, callbacks) for ask in group]
            else:
                replies += self._ask(list(group), deadline, callbacks)
        return replies

    def _alone(self, ask: Ask, deadline: float, callbacks: Callbacks | None) -> Reply:
        with self._memory_bound(ask.memory):
            if ask.timed:
                return self._timed(ask, deadline, callbacks)
            return self._ask([ask], deadline, callbacks)[0]

    @contextlib.contextmanager
    def _memory_bound(self, extra: int) -> Iterator[None]:
        """Let the worker take ``extra`` bytes of address space beyond what it has (0: no bound)."""
        if not extra:
            yield
            return
        if self.ended is not None:
            raise WorkerDied("crashed", "the worker is gone")
        try:
            most = address_space(self._pid) + extra
        except OSError as error:  # it has just ended
            raise self._end("crashed") from error
        self._set_memory(most)
        yield
        self._set_memory(None)

    def _set_memory(self, most: int | None) -> None:
        """Have the supervisor set the limit, and wait until it is set."""
        try:
            self._status.sendall(json.dumps({"memory": most}).encode())
            answer = self._status_line(30)
        except OSError as error:
            raise self._end("crashed") from error
        if "failed" in answer:
            raise WorkerError(answer["failed"])
        if "memory" not in answer:  # the worker has ended meanwhile: this is the report
            self._received = json.dumps(answer).encode() + b"\n" + self._received
            raise self._end("crashed")

    def _timed(self, ask: Ask, deadline: float, callbacks: Callbacks | None) -> Reply:
        before = self._fine_and_coarse()
        (reply,) = self._ask([ask], deadline, callbacks)
        fine, coarse = self._fine_and_coarse()
        return replace(reply, cpu=max(fine - before[0], coarse - before[1] - 1 / CLOCK_TICKS))

    def _ask(self, asks: list[Ask], deadline: float, callbacks: Callbacks | None) -> list[Reply]:
        left = max(deadline - self.cpu_seconds, 0.1)
        answer = self._exchange({"op": "ask", "asks": asks}, left, callbacks)
        replies = answer.get("replies")
        if not isinstance(replies, list) or len(replies) != len(asks):
            raise self._end("malformed", "not one reply for each question")
        return [
            reply
            if isinstance(reply, Reply) and _fits(reply, ask)
            else Reply(failure=Failure("malformed", message="not a reply to what was asked"))
            for reply, ask in zip(replies, asks, strict=True)
        ]

    def _fine_and_coarse(self) -> tuple[float, float]:
        """Return processor seconds twice: exact for living threads, in ticks for all ever started.

        Neither is enough alone: the first misses threads that ended, and ticks are coarse.
        """
        return fine_seconds(self._pid), self._usage().cpu

    def _exchange(
        self, request: Any, cpu: float, callbacks: Callbacks | None = None
    ) -> dict[str, Any]:
        """Send a request, then wait for the answer within ``cpu`` seconds of processor time.

        Callbacks that the worker calls before it answers are run here, a bounded number of times.
        """
        if self.ended is not None:
            raise WorkerDied("crashed", "the worker is gone")
        calls, watch = 0, _Watch(self, cpu)
        received = self._channel.received
        try:
            if request is not None:
                self._channel.send(request, watch)
            while True:
                answer = self._channel.receive(wire.REPLY_TYPES, watch)
                if not isinstance(answer, dict) or "remote" not in answer:
                    break
                calls += 1
                if callbacks is None or calls > self._limits.callback_calls:
                    raise self._end("malformed", "more calls of remote functions than it may make")
                # Refusing a large call costs the judge more than sending it costs the worker.
                if self._channel.received - received > wire.MAX_FRAME:
                    raise self._end("malformed", "its calls of remote functions are too large")
                result = callbacks(answer)
                watch.last = time.monotonic()
                self._channel.send(result, watch)
        except wire.WireError as error:
            raise self._end("malformed", str(error)) from error
        except (ChannelClosed, OSError) as error:
            raise self._end("crashed") from error
        finally:
            self.idled += max(watch.idle, 0.0)
        if not isinstance(answer, dict):
            raise self._end("malformed", "an answer of another kind")
        self._used = self._usage()
        self._hold(self._used)
        return answer

    def _usage(self) -> Usage:
        return usage_of_tree(self._supervisor, self._pid)

    def _hold(self, used: Usage) -> None:
        """End a worker that holds more than it may, in all its processes together.

        The kernel counts threads, too, but all that the same user runs: where others may run as
        this worker's user, the kernel's limit is loose.
        """
        if used.tasks > (self._limits.worker.processes or used.tasks):
            raise self._end("crashed", "more threads and processes than it may have")
        most, now = self._limits.worker.memory, time.monotonic()
        if self._own_world and now - self._looked >= LOOK:  # elsewhere others share them
            self._looked, self._in_sockets = now, in_sockets(self._pid)
        if used.memory + self._in_sockets <= most:
            return
        exact = shares_of(used.processes)
        if exact is None or exact + self._in_sockets > most:
            raise self._end("out_of_memory", "all its processes together")

    def user_ids(self) -> set[int]:
        """Return the worker's user ids as the machine has them, outside its user namespace."""
        return user_ids(self._pid)

    def _end(self, reason: str, detail: str = "") -> WorkerDied:
        """Make sure that the worker is dead; return the error to raise."""
        ended = self.close(patience=2.0 if reason == "crashed" and not detail else 0.0)
        killed = False
        if reason == "crashed" and not ended.stopped:
            if ended.signal == 9 and ended.cpu >= self._limits.worker.cpu - 1:
                reason = "timed_out"  # killed by the kernel, for its limit of processor time
            elif ended.signal == 9:
                # By the kernel for lack of memory, which it counts; else by itself or anybody.
                killed, detail = True, "the process was killed by signal 9"
                if oom_kills() > self._oom_kills:
                    reason, detail = "out_of_memory", "the kernel had no memory left, and killed it"
            elif ended.signal:
                detail = f"signal {ended.signal}"
            else:
                detail = f"it ended itself with code {ended.exit}"
        return WorkerDied(reason, detail, killed)

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the worker and of all that it started, as of the last exchange."""
        return self._used.cpu

    def close(self, patience: float = 0.0) -> Ended:
        """Kill the worker and all that it started; return when they are gone.

        ``patience``: seconds to wait before killing a worker that seems to have ended by itself.
        Its socket closes a moment before its supervisor can report how it ended.
        """
        if self._status.fileno() < 0 and self.ended is None:
            raise WorkerError("a worker's supervisor did not report its end")
        if self.ended is None:
            self._channel.close()
            if patience:
                select.select([self._status], [], [], patience)
            # To the supervisor, the end of this stream means: kill the worker.
            with contextlib.suppress(OSError):  # it may have ended by itself
                self._status.shutdown(socket.SHUT_WR)
            try:
                self.ended = Ended(**self._status_line(30))
                if not select.select([self._handle], [], [], 30)[0]:
                    raise WorkerError("a worker's processes do not end")
            except TypeError as error:
                raise WorkerError("a worker's supervisor did not report its end") from error
            finally:
                self._status.close()
                os.close(self._handle)
        return self.ended

    def _status_line(self, seconds: float) -> dict[str, Any]:
        self._status.settimeout(seconds)
        while b"\n" not in self._received:
            try:
                part = self._status.recv(4096)
            except OSError as error:
                raise WorkerError(f"a worker's supervisor does not answer ({error})") from error
            if not part:
                raise WorkerError("a worker's supervisor is gone")
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        return json.loads(line)


class _Watch:
    """Looks at what a worker uses, at most every LOOK seconds, and ends it at a limit."""

    def __init__(self, worker: Worker, cpu: float) -> None:
        self.worker = worker
        self.cpu = cpu
        self.before = worker._used
        self.started = self.last = time.monotonic()
        self.idle = 0.0

    def __call__(self) -> None:
        now_at = time.monotonic()
        gap = now_at - self.last
        if gap < LOOK:
            return
        self.last = now_at
        # A long gap means that this process or the machine was suspended.
        self.started += max(gap - PAUSE, 0.0)
        wall = now_at - self.started
        worker, limits, now = self.worker, self.worker._limits, self.worker._usage()
        used, queued = now.cpu - self.before.cpu, now.queued - self.before.queued
        # Waiting for a processor is not idling, so that a busy machine fails nobody.
        self.idle = wall - used - queued
        too_idle = worker.idled + self.idle > limits.notebook_idle
        if used > self.cpu or self.idle > limits.idle or too_idle:
            raise worker._end("timed_out")
        if wall > self.cpu * limits.wall:
            raise worker._end("timed_out")
        worker._hold(now)


def _fits(reply: Reply, ask: Ask) -> bool:
    """Tell whether a reply has what was asked for: gradients of inputs, arguments as left."""
    if reply.failure is not None:
        return True
    gradients = 0 if ask.cotangents is None else len(ask.wrt)
    arguments = len(ask.args) + len(ask.kwargs) if ask.watch else None
    returned = None if reply.args is None else len(reply.args)
    return len(reply.grads) == gradients and returned == arguments
