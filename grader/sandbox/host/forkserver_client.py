"""Start the forkserver, and ask it for workers."""

from __future__ import annotations

import copy
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from grader import bundles
from grader.coursefile import current
from grader.errors import LevelDenied, WorkerError
from grader.protocol.limits import FORKSERVER_ID
from grader.sandbox.host.levels import LEVELS
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.mounts import clean_environment, mounts_for
from grader.sandbox.host.workers import Worker, WorkerDied

BOOT = (
    "import sys; sys.path.insert(0, {package!r}); "
    "from grader.sandbox.guest.forkserver import main; main({fds}, {modules})"
)
HEAVY = ("torch", "matplotlib.pyplot")  # slow to import


class Forkserver:
    """The process that has imported everything once and forks a worker for each request.

    ``level``: the name of one of :data:`grader.sandbox.host.levels.LEVELS`.
    ``hidden``: folders that no worker may see, even if they lie inside a folder that it sees.
    ``judges``: how many can ask for workers at the same time, each on a control socket of its own.
    ``modules``: imported before any fork. A submission may import others, but waits for them.
    """

    def __init__(
        self,
        level: str,
        hidden: Iterable[Path] = (),
        judges: int = 1,
        modules: Iterable[str] = HEAVY,
    ) -> None:
        self.level = level
        self._is_ready = False
        self._control: list[socket.socket] = []
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._folder = Path(tempfile.mkdtemp(prefix="grader-worker-"))
        try:
            self._start(hidden, judges, modules)
        except BaseException:  # Ctrl-C, too, leaves no copy of the course behind
            self._remove()
            raise

    def _start(self, hidden: Iterable[Path], judges: int, modules: Iterable[str]) -> None:
        # Some builds of PyTorch write files when they are imported, and matplotlib writes a cache:
        # for workers that cannot write, both are imported beforehand.
        more = () if LEVELS[self.level].writes else HEAVY
        modules = list(dict.fromkeys([*modules, *more]))
        # Copy what workers may see, since the repository also holds the solutions. The copy must be
        # readable for all: a worker that root starts runs as another user.
        package = self._folder / "package"
        bundles.copy(bundles.WORKER, current(), package)
        (self._folder / "root").mkdir()
        _readable_for_all(self._folder)
        self._mounts = mounts_for(self._folder, package, hidden)
        # SEQPACKET keeps messages apart: one recvmsg gets one request with its descriptors.
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(judges)]
        self._control = [host for host, _ in pairs]
        fds = [guest.fileno() for _, guest in pairs]
        boot = BOOT.format(package=str(package), fds=fds, modules=modules)
        prefix = LEVELS[self.level].program(self._mounts)
        user = FORKSERVER_ID if LEVELS[self.level].never_root and os.geteuid() == 0 else None
        try:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, "-I", "-c", boot],
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                cwd=package,
                env=clean_environment(user),
                process_group=0,  # keeps a terminal's Ctrl-C away: the command ends it in order
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )
        except PermissionError as error:
            raise LevelDenied(
                f"users other than root cannot start {sys.executable} ({error.strerror}): install "
                "Python where everybody can read it"
            ) from error
        finally:
            for _, guest in pairs:
                guest.close()

    def __enter__(self) -> Forkserver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shown(self) -> tuple[str, ...]:
        """The files and folders of this machine that its workers see."""
        return tuple(self._mounts["shown"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Wait until the imports are done; raise WorkerError if the process ends or is too slow."""
        if self._is_ready:
            return
        self._control[0].settimeout(seconds)
        try:
            message = self._control[0].recv(16)
        except TimeoutError as error:
            raise WorkerError(f"the forkserver was not ready after {seconds:.0f} s") from error
        if message != b"ready":
            self._log.seek(0)
            tail = self._log.read()[-1500:].decode(errors="replace").strip()
            raise WorkerError(f"the forkserver could not start:\n{tail}")
        self._is_ready = True

    def was_killed(self) -> bool:
        """Tell whether it has ended, or is ending, by SIGKILL, from the kernel or anybody else."""
        return self._is_ending() and self._process.wait() == -signal.SIGKILL

    def _is_ending(self) -> bool:
        """Tell whether its control socket is closed, as it is a moment before it can be waited for.

        What it has sent is left there: it may just have said that it is ready.
        """
        if not select.select([self._control[0]], [], [], 0)[0]:
            return False
        try:
            return not self._control[0].recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def on_socket(self, number: int) -> Forkserver:
        """Return a client of the same process for the judge that owns this control socket."""
        client = copy.copy(self)
        client._control = [self._control[number]]
        return client

    def start(
        self,
        limits: Limits,
        texts: Mapping[str, str] | None = None,
    ) -> Worker:
        """Start a fresh sandboxed worker, in which ``mine("name")`` finds ``texts``.

        A worker that dies here has run nothing of a submission, so something else killed it:
        another is started, up to ``limits.chances`` times. Raises WorkerError after that.
        """
        self.wait_until_ready()
        death: WorkerDied | None = None
        for _ in range(limits.chances + 1):
            worker = self._fork(limits)
            try:
                worker.prepare(texts or {})
            except WorkerDied as error:
                death = error
            else:
                return worker
        raise WorkerError(f"workers die before they run anything: {death}") from death

    def _fork(self, limits: Limits) -> Worker:
        # One socket to the worker, and one to its supervisor, which student code never holds.
        talk, guest_talk = socket.socketpair()
        status, guest_status = socket.socketpair()
        request = json.dumps({"level": self.level, "limits": asdict(limits.worker), **self._mounts})
        fds = [guest_talk.fileno(), guest_status.fileno()]
        try:
            socket.send_fds(self._control[0], [request.encode()], fds)
        except OSError as error:
            raise WorkerError(f"the forkserver is gone ({error})") from error
        finally:
            guest_talk.close()
            guest_status.close()
        return Worker(talk, status, limits, LEVELS[self.level].own_world)

    def close(self) -> None:
        """End the process, and with it every worker that is left."""
        self._process.kill()
        self._process.wait()
        self._remove()

    def _remove(self) -> None:
        for control in self._control:
            control.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _readable_for_all(folder: Path) -> None:
    """Make the copy readable for every user, whatever this user's umask is."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
