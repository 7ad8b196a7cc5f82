"""Starting the forkserver and the workers it forks, asking them, and ending them for certain."""

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

TICK = 0.05
PAUSE = 1.0  # a longer one between two looks at a worker is not held against it
# From what a worker says about one call of a remote function to what it is told.
Callbacks = Callable[[dict[str, Any]], dict[str, Any]]


class Died(Exception):
    """The worker is gone. ``reason`` is timed_out, out_of_memory, crashed or malformed.

    ``killed``: something killed it, and not for having used all its time: as a machine does that
    has no memory left, through no fault of the submission perhaps.
    """

    def __init__(self, reason: str, detail: str = "", killed: bool = False) -> None:
        super().__init__(f"{reason} {detail}".strip())
        self.reason = reason
        self.detail = detail
        self.killed = killed


@dataclass(frozen=True)
class Ended:
    """How a worker ended, as its supervisor saw it."""

    stopped: bool = False
    signal: int = 0
    exit: int = 0
    cpu: float = 0.0
    peak: int = 0


class Worker:
    """One submission's process behind its walls."""

    def __init__(self, talk: socket.socket, status: socket.socket, limits: Limits) -> None:
        self._channel = Channel(talk)
        self._status = status
        self._lines = b""
        self._limits = limits
        self.ended: Ended | None = None
        self.idled = 0.0  # seconds, in all exchanges so far
        self._common = 0
        started = self._status_line(30)
        if "pid" not in started:
            raise WorkerError(f"no worker could be started: {started.get('failed', 'no answer')}")
        self._pid = int(started["pid"])
        self._used = usage_of_tree(self._pid)

    def begin(self, texts: Mapping[str, str]) -> None:
        """Wait until its walls stand, then give it the texts that ``mine("name")`` is to find."""
        hello = self._exchange(None, self._limits.cell_cpu)
        if not isinstance(hello, dict) or hello.get("ready") is not True:
            detail = hello.get("failed") if isinstance(hello, dict) else None
            raise WorkerError(f"the sandbox could not be built: {detail}")
        self._common = self._used.memory
        if texts:
            self._exchange({"op": "supply", "texts": dict(texts)}, self._limits.cell_cpu)

    def run_cell(self, source: str, cpu: float) -> tuple[list[Any], str]:
        """Run a cell; its raw outputs and the type of error it raised ('' for none)."""
        answer = self._exchange({"op": "cell", "source": source}, cpu)
        outputs, error = answer.get("outputs"), answer.get("error")
        if not isinstance(outputs, list) or not isinstance(error, str):
            raise self._end("malformed", "an answer without outputs")
        return outputs, error

    def ask(self, asks: list[Ask], cpu: float, callbacks: Callbacks | None = None) -> list[Reply]:
        """Put questions; one Reply each. What is to be timed is timed from here."""
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
        """Seconds of processor time: of the threads that live, and in ticks of everything."""
        return fine_seconds(self._pid), usage_of_tree(self._pid).cpu

    def _exchange(
        self, request: Any, cpu: float, callbacks: Callbacks | None = None
    ) -> dict[str, Any]:
        """Send, then wait for the answer within ``cpu`` seconds of processor time.

        What the worker asks of a remote function on its way is answered, within bounds.
        """
        calls, idle = 0, 0.0
        if self.ended is not None:
            raise Died("crashed", "the worker is gone")
        before, started = self._used, time.monotonic()
        try:
            if request is not None:
                self._channel.sock.settimeout(self._limits.idle)
                self._channel.sock.sendall(wire.dumps(request))
            while True:
                looked = time.monotonic()
                while not select.select([self._channel], [], [], TICK)[0]:
                    looked, before_that = time.monotonic(), looked
                    # Nobody looked for a while: this process was stopped, or the whole machine.
                    started += max(looked - before_that - PAUSE, 0.0)
                    wall = looked - started
                    now = usage_of_tree(self._pid, self._common)
                    used, queued = now.cpu - before.cpu, now.queued - before.queued
                    idle = wall - used - queued
                    napped = self.idled + idle > self._limits.notebook_idle
                    if used > cpu or idle > self._limits.idle or napped:
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

    def _end(self, reason: str, detail: str = "") -> Died:
        """Make sure that the worker is dead, and say what it died of."""
        ended = self.close(patience=2.0 if reason == "crashed" else 0.0)
        killed = False
        if reason == "crashed" and not ended.stopped:
            if ended.signal == 9:
                killed = ended.cpu < self._limits.worker.cpu - 1
                reason = "out_of_memory" if killed else "timed_out"
            elif ended.signal:
                detail = f"signal {ended.signal}"
            else:
                detail = f"it ended itself with code {ended.exit}"
        return Died(reason, detail, killed)

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the worker and of everything it started and that still lives.

        As it was after the last exchange: between two of them it has nothing to do.
        """
        return self._used.cpu

    def close(self, patience: float = 0.0) -> Ended:
        """Kill the worker and all that it started; returns when they are gone.

        ``patience`` is how long one that seems to have ended by itself may take to do so: its
        socket closes a moment before its supervisor can tell how it ended.
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
        while b"\n" not in self._lines:
            try:
                part = self._status.recv(4096)
            except OSError as error:
                raise WorkerError(f"a worker's supervisor does not answer ({error})") from error
            if not part:
                raise WorkerError("a worker's supervisor is gone")
            self._lines += part
        line, _, self._lines = self._lines.partition(b"\n")
        return json.loads(line)


def _fits(reply: Reply, ask: Ask) -> bool:
    """Does it say what was asked for: a gradient for each input, the arguments after the call?"""
    if reply.failure is not None:
        return True
    gradients = 0 if ask.cotangents is None else len(ask.wrt)
    arguments = len(ask.args) if ask.watch else None
    given = None if reply.args is None else len(reply.args)
    return len(reply.grads) == gradients and given == arguments
