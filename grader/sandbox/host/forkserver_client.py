"""Starting the forkserver, and asking it for workers."""

from __future__ import annotations

import array
import copy
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from grader import bundles
from grader.coursefile import current
from grader.errors import WorkerError
from grader.sandbox.host.levels import LEVELS
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.mounts import clean_environment, view_of
from grader.sandbox.host.workers import Died, Worker

BOOT = (
    "import sys; sys.path.insert(0, {light!r}); from grader.sandbox.guest.forkserver import main; "
    "main({fds}, {modules})"
)
HEAVY = ("torch", "matplotlib.pyplot")  # what takes long to import


class Forkserver:
    """The process that has imported everything once and forks a worker for each request.

    ``level`` names one of :data:`grader.sandbox.host.levels.LEVELS`.
    ``hidden`` are folders that no worker may see even where they lie inside Python's own.
    ``lines`` is how many judges can ask for workers at the same time, one on each line.
    ``modules`` are imported, too, before anything is forked. A submission may import others all the
    same, and waits for them.
    """

    def __init__(
        self,
        level: str,
        hidden: Iterable[Path] = (),
        lines: int = 1,
        modules: Iterable[str] = HEAVY,
    ) -> None:
        self.level = level
        more = () if LEVELS[level].writes else HEAVY
        modules = list(dict.fromkeys([*modules, *more]))
        self._folder = Path(tempfile.mkdtemp(prefix="grader-worker-"))
        self._folder.chmod(0o755)
        light_folder = self._folder / "light"
        bundles.copy(bundles.WORKER, current(), light_folder)
        (self._folder / "root").mkdir()
        self._view = view_of(self._folder, light_folder, hidden)
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(lines)]
        self._lines = [ours for ours, _ in pairs]
        fds = [theirs.fileno() for _, theirs in pairs]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        boot = BOOT.format(light=str(light_folder), fds=fds, modules=modules)
        inside = LEVELS[level].command(self._view)
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-I", "-c", boot],
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            cwd=light_folder,
            env=clean_environment(),
            process_group=0,  # a terminal's Ctrl-C is for the command, which ends this in its time
        )
        for _, theirs in pairs:
            theirs.close()
        self._forkserver = False

    def __enter__(self) -> Forkserver:
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

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Until the imports are done. WorkerError if the process ended instead."""
        if self._forkserver:
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
        self._forkserver = True

    def on_socket(self, line: int) -> Forkserver:
        """The same process as seen by the judge that has this line to itself."""
        seen = copy.copy(self)
        seen._lines = [self._lines[line]]
        return seen

    def start(
        self,
        limits: Limits,
        texts: Mapping[str, str] | None = None,
    ) -> Worker:
        """A fresh worker behind its walls, which has been given ``texts`` for ``mine`` to find.

        One that is gone before anything of a submission ran was killed by something else, and
        another is tried: WorkerError after ``chances`` more.
        """
        self.wait_until_ready()
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
        talk, talk_theirs = socket.socketpair()
        status, status_theirs = socket.socketpair()
        request = json.dumps({"level": self.level, "limits": asdict(limits.worker), **self._view})
        fds = array.array("i", [talk_theirs.fileno(), status_theirs.fileno()])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
        try:
            self._lines[0].sendmsg([request.encode()], rights)
        except OSError as error:
            raise WorkerError(f"the forkserver is gone ({error})") from error
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
