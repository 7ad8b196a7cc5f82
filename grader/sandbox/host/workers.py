"""A worker as the judge sees it: run cells, ask, bound what it uses, and end it for certain."""

from __future__ import annotations

import contextlib
import itertools
import json
import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grader.errors import WorkerError
from grader.protocol import wire
from grader.protocol.channel import Channel, ChannelClosed, ChannelTimeout
from grader.protocol.values import Ask, Failure, Reply
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.usage import CLOCK_TICKS, fine_seconds, usage_of_tree

TICK = 0.05  # seconds between two looks at what a worker uses
PAUSE = 1.0  # seconds; a longer gap between two looks is our delay, not the worker's
# Answers a worker's message that calls a callback.
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
    peak: int = 0


class Worker:
    """One submission's process in its sandbox. Whatever it says may be a lie."""

    def __init__(self, talk: socket.socket, status: socket.socket, limits: Limits) -> None:
        self._channel = Channel(talk)
        self._status = status
        self._received = b""  # from the supervisor, not yet a whole line
        self._limits = limits
        self.ended: Ended | None = None
        self.idled = 0.0  # seconds, in all exchanges so far
        self._common = 0
        start = self._status_line(30)
        if "pid" not in start:
            raise WorkerError(f"no worker could be started: {start.get('failed', 'no answer')}")
        self._pid = int(start["pid"])
        self._used = usage_of_tree(self._pid)

    def prepare(self, texts: Mapping[str, str]) -> None:
        """Wait until its sandbox is built, then give it the texts for ``mine("name")`` to find."""
        answer = self._exchange(None, self._limits.cell_cpu)
        if not isinstance(answer, dict) or answer.get("ready") is not True:
            detail = answer.get("failed") if isinstance(answer, dict) else None
            raise WorkerError(f"the sandbox could not be built: {detail}")
        self._common = self._used.memory  # which every fork has; counted once, not for each
        if texts:
            self._exchange({"op": "supply", "texts": dict(texts)}, self._limits.cell_cpu)

    def run_cell(self, source: str, cpu: float) -> tuple[list[Any], str]:
        """Run a cell; its raw outputs and the type of the exception it raised ('' for none)."""
        answer = self._exchange({"op": "cell", "source": source}, cpu)
        outputs, error = answer.get("outputs"), answer.get("error")
        if not isinstance(outputs, list) or not isinstance(error, str):
            raise self._end("malformed", "an answer without outputs")
        return outputs, error

    def ask(self, asks: list[Ask], cpu: float, callbacks: Callbacks | None = None) -> list[Reply]:
        """One Reply for each ask. Timed asks are sent one by one, and timed from outside."""
        replies: list[Reply] = []
        deadline = self.cpu_seconds + cpu
        for timed, group in itertools.groupby(asks, key=lambda ask: ask.timed):
            if timed:
                replies += [self._timed(ask, deadline, callbacks) for ask in group]
            else:
                replies += self._ask(list(group), deadline, callbacks)
        return replies

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
        """Processor seconds: exact, of living threads; and in ticks, of all that it ever started.

        Neither is enough alone: the first misses threads that ended, and ticks are coarse.
        """
        return fine_seconds(self._pid), usage_of_tree(self._pid).cpu

    def _exchange(
        self, request: Any, cpu: float, callbacks: Callbacks | None = None
    ) -> dict[str, Any]:
        """Send a request, then wait for the answer within ``cpu`` seconds of processor time.

        Callbacks that the worker calls before it answers are run here, a bounded number of times.
        """
        calls, idle = 0, 0.0
        if self.ended is not None:
            raise WorkerDied("crashed", "the worker is gone")
        before, started = self._used, time.monotonic()
        received = self._channel.received
        try:
            if request is not None:
                self._channel.sock.settimeout(self._limits.idle)
                self._channel.sock.sendall(wire.dumps(request))
            while True:
                now_at = time.monotonic()
                while not select.select([self._channel], [], [], TICK)[0]:
                    last_at, now_at = now_at, time.monotonic()
                    # A long gap means that this process or the machine was suspended.
                    started += max(now_at - last_at - PAUSE, 0.0)
                    wall = now_at - started
                    now = usage_of_tree(self._pid, self._common)
                    used, queued = now.cpu - before.cpu, now.queued - before.queued
                    # Waiting for a processor is not idling, so that a busy machine fails nobody.
                    idle = wall - used - queued
                    too_idle = self.idled + idle > self._limits.notebook_idle
                    if used > cpu or idle > self._limits.idle or too_idle:
                        raise self._end("timed_out")
                    if wall > cpu * self._limits.wall:
                        raise self._end("timed_out")
                    if now.memory > self._limits.worker.memory:
                        raise self._end("out_of_memory", "all its processes together")
                answer = self._channel.receive(wire.REPLY_TYPES, self._limits.idle)
                if not isinstance(answer, dict) or "remote" not in answer:
                    break
                calls += 1
                if callbacks is None or calls > self._limits.callback_calls:
                    raise self._end("malformed", "more calls of remote functions than it may make")
                # To refuse a large call costs the judge more than it costs the worker to send it.
                if self._channel.received - received > wire.MAX_FRAME:
                    raise self._end("malformed", "its calls of remote functions are too large")
                self._channel.sock.settimeout(self._limits.idle)
                self._channel.sock.sendall(wire.dumps(callbacks(answer)))
        except (wire.WireError, ChannelTimeout) as error:
            raise self._end("malformed", str(error)) from error
        except TimeoutError as error:
            raise self._end("malformed", "it does not read what it is asked") from error
        except (ChannelClosed, OSError) as error:
            raise self._end("crashed") from error
        finally:
            self.idled += max(idle, 0.0)
        if not isinstance(answer, dict):
            raise self._end("malformed", "an answer of another kind")
        self._used = usage_of_tree(self._pid, self._common)
        return answer

    def _end(self, reason: str, detail: str = "") -> WorkerDied:
        """Make sure that the worker is dead; returns the error to raise."""
        ended = self.close(patience=2.0 if reason == "crashed" else 0.0)
        killed = False
        if reason == "crashed" and not ended.stopped:
            if ended.signal == 9:  # by the kernel: for its limit of processor time, or for memory
                killed = ended.cpu < self._limits.worker.cpu - 1
                reason = "out_of_memory" if killed else "timed_out"
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
        """Kill the worker and all that it started; returns when they are gone.

        ``patience``: seconds to wait before killing a worker that seems to have ended by itself.
        Its socket closes a moment before its supervisor can report how it ended.
        """
        if self._status.fileno() < 0 and self.ended is None:
            raise WorkerError("a worker's supervisor did not report its end")
        if self.ended is None:
            self._channel.close()
            if patience:
                select.select([self._status], [], [], patience)
            with contextlib.suppress(OSError):  # it may have ended by itself
                self._status.shutdown(socket.SHUT_WR)
            try:
                self.ended = Ended(**self._status_line(30))
            except (TypeError, WorkerError) as error:
                raise WorkerError("a worker's supervisor did not report its end") from error
            finally:
                self._status.close()
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


def _fits(reply: Reply, ask: Ask) -> bool:
    """Has the reply what was asked for: a gradient for each input, the arguments after the call?"""
    if reply.failure is not None:
        return True
    gradients = 0 if ask.cotangents is None else len(ask.wrt)
    arguments = len(ask.args) if ask.watch else None
    returned = None if reply.args is None else len(reply.args)
    return len(reply.grads) == gradients and returned == arguments
