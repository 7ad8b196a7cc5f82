"""Starting the warm process and the workers it forks, asking them, and ending them for certain."""

from __future__ import annotations

import array
import contextlib
import copy
import itertools
import json
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grader import light
from grader.channel import Channel, ChannelClosed, ChannelTimeout
from grader.core import wire
from grader.core.values import Ask, Failure, Reply
from grader.judge.errors import WorkerError
from grader.judge.settings import Limits
from grader.judge.usage import CLOCK_TICKS, fine_seconds, usage_of_tree
from grader.judge.view import bubblewrap, clean_environment, view_of

BOOT = (
    "import sys; sys.path.insert(0, {light!r}); from grader.worker.zygote import main; "
    "main({fds}, {ahead})"
)
# Some builds of torch write files when they are imported, which could not be done later there.
WRITES_NOTHING = ("bubblewrap", "landlock")
TICK = 0.05
PAUSE = 1.0  # a longer one between two looks at a worker is not held against it
# From what a worker says about one call of a remote function to what it is told.
Remotes = Callable[[dict[str, Any]], dict[str, Any]]


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


class WarmProcess:
    """The process that has imported everything once and forks a worker for each request.

    ``level`` is "root", "user" (namespaces for an ordinary user), "bubblewrap", "landlock" or
    "none".
    ``hidden`` are folders that no worker may see even where they lie inside Python's own.
    ``lines`` is how many judges can ask for workers at the same time, one on each line.
    ``ahead`` is imported, too: without torch everything is faster, and a submission that imports
    it all the same waits for it.
    """

    def __init__(
        self,
        level: str,
        hidden: Iterable[Path] = (),
        lines: int = 1,
        ahead: Sequence[str] = ("torch",),
    ) -> None:
        self.level = level
        self.ahead = tuple(sorted({*ahead, *(["torch"] if level in WRITES_NOTHING else [])}))
        self._folder = Path(tempfile.mkdtemp(prefix="attention-worker-"))
        self._folder.chmod(0o755)
        light_folder = self._folder / "light"
        light.copy(light.WORKER, light_folder)
        (self._folder / "root").mkdir()
        self._view = view_of(self._folder, light_folder, hidden)
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(lines)]
        self._lines = [ours for ours, _ in pairs]
        fds = [theirs.fileno() for _, theirs in pairs]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        boot = BOOT.format(light=str(light_folder), fds=fds, ahead=list(self.ahead))
        inside = bubblewrap(self._view) if level == "bubblewrap" else []
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-I", "-c", boot],
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            cwd=light_folder,
            env=clean_environment(),
        )
        for _, theirs in pairs:
            theirs.close()
        self._warm = False

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shown(self) -> tuple[str, ...]:
        """What of this machine's files its workers see."""
        return tuple(self._view["shown"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_warm(self, seconds: float = 120) -> None:
        """Until the imports are done. WorkerError if the process ended instead."""
        if self._warm:
            return
        self._lines[0].settimeout(seconds)
        try:
            said = self._lines[0].recv(16)
        except TimeoutError as error:
            raise WorkerError(f"the worker process was not ready after {seconds:.0f} s") from error
        if said != b"ready":
            self._log.seek(0)
            tail = self._log.read()[-1500:].decode(errors="replace").strip()
            raise WorkerError(f"the worker process could not start:\n{tail}")
        self._warm = True

    def on_line(self, line: int) -> WarmProcess:
        """The same process as seen by the judge that has this line to itself."""
        seen = copy.copy(self)
        seen._lines = [self._lines[line]]
        return seen

    def start(self, limits: Limits, texts: Mapping[str, str] | None = None) -> Worker:
        """A fresh worker behind its walls, which has been given ``texts`` for ``mine`` to find.

        One that is gone before anything of a submission ran was killed by something else, and
        another is tried: WorkerError after ``chances`` more.
        """
        ended: Died | None = None
        for _ in range(limits.chances + 1):
            worker = self._fork(limits)
            try:
                worker.begin(texts or {})
            except Died as error:
                ended = error
            else:
                return worker
        raise WorkerError(f"workers end before they begin: {ended}") from ended

    def _fork(self, limits: Limits) -> Worker:
        self.wait_until_warm()
        talk, talk_theirs = socket.socketpair()
        status, status_theirs = socket.socketpair()
        request = json.dumps({"level": self.level, "limits": limits.worker, **self._view})
        fds = array.array("i", [talk_theirs.fileno(), status_theirs.fileno()])
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
            self._lines[0].sendmsg([request.encode()], rights)
        except OSError as error:
            raise WorkerError(f"the warm process is gone ({error})") from error
        finally:
            talk_theirs.close()
            status_theirs.close()
        return Worker(talk, status, limits)

    def close(self) -> None:
        """End the process, and with it every worker that is left."""
        for line in self._lines:
            line.close()
        self._process.kill()
        self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


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

    def begin(self, texts: Mapping[str, str]) -> None:
        """Wait until its walls stand, then give it the texts that ``mine("name")`` is to find."""
        hello = self._exchange(None, self._limits.cell_cpu)
        if not isinstance(hello, dict) or hello.get("ready") is not True:
            detail = hello.get("failed") if isinstance(hello, dict) else None
            raise WorkerError(f"the sandbox could not be built: {detail}")
        self._common = usage_of_tree(self._pid).memory
        if texts:
            self._exchange({"op": "supply", "texts": dict(texts)}, self._limits.cell_cpu)

    def run_cell(self, source: str, cpu: float) -> tuple[list[Any], str]:
        """Run a cell; its raw outputs and the type of error it raised ('' for none)."""
        answer = self._exchange({"op": "cell", "source": source}, cpu)
        outputs, error = answer.get("outputs"), answer.get("error")
        if not isinstance(outputs, list) or not isinstance(error, str):
            raise self._end("malformed", "an answer without outputs")
        return outputs, error

    def ask(self, asks: list[Ask], cpu: float, remotes: Remotes | None = None) -> list[Reply]:
        """Put questions; one Reply each. What is to be timed is timed from here."""
        replies: list[Reply] = []
        deadline = self.cpu_seconds() + cpu
        for timed, group in itertools.groupby(asks, key=lambda ask: ask.timed):
            for batch in [[ask] for ask in group] if timed else [list(group)]:
                before = self._fine_and_coarse()
                left = max(deadline - self.cpu_seconds(), 0.1)
                answered = self._ask(batch, left, remotes)
                if timed:
                    fine, coarse = self._fine_and_coarse()
                    used = max(fine - before[0], coarse - before[1] - 1 / CLOCK_TICKS)
                    answered = [replace(reply, cpu=used) for reply in answered]
                replies += answered
        return replies

    def _ask(self, asks: list[Ask], cpu: float, remotes: Remotes | None) -> list[Reply]:
        answer = self._exchange({"op": "ask", "asks": asks}, cpu, remotes)
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
        return fine_seconds(self._pid), self.cpu_seconds()

    def _exchange(self, request: Any, cpu: float, remotes: Remotes | None = None) -> dict[str, Any]:
        """Send, then wait for the answer within ``cpu`` seconds of processor time.

        What the worker asks of a remote function on its way is answered, within bounds.
        """
        calls, idle = 0, 0.0
        if self.ended is not None:
            raise Died("crashed", "the worker is gone")
        before, started = usage_of_tree(self._pid), time.monotonic()
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
                    if now.memory > self._limits.worker["memory"]:
                        raise self._end("out_of_memory", "all its processes together")
                answer = self._channel.receive(wire.REPLY_TYPES, self._limits.idle)
                if not isinstance(answer, dict) or "remote" not in answer:
                    break
                calls += 1
                if remotes is None or calls > self._limits.remote_calls:
                    raise self._end("malformed", "more calls of remote functions than it may make")
                self._channel.sock.settimeout(self._limits.idle)
                self._channel.sock.sendall(wire.dumps(remotes(answer)))
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
        return answer

    def _end(self, reason: str, detail: str = "") -> Died:
        """Make sure that the worker is dead, and say what it died of."""
        ended = self.close(patience=2.0 if reason == "crashed" else 0.0)
        killed = False
        if reason == "crashed" and not ended.stopped:
            if ended.signal == 9:
                killed = ended.cpu < self._limits.worker["cpu"] - 1
                reason = "out_of_memory" if killed else "timed_out"
            elif ended.signal:
                detail = f"signal {ended.signal}"
            else:
                detail = f"it ended itself with code {ended.exit}"
        return Died(reason, detail, killed)

    def cpu_seconds(self) -> float:
        """Processor time of the worker and of everything it started and that still lives."""
        return usage_of_tree(self._pid).cpu

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
