"""The forkserver: imports once what the lessons import, then forks a worker for each request.

It is started as a new process with a clean environment, and never holds a solution, a
specification, the salt or the database: each fork inherits its memory, and student code can read
all of that.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

from grader.protocol.channel import Channel
from grader.protocol.limits import WorkerLimits
from grader.sandbox.guest import linux
from grader.sandbox.guest.levels import LEVELS
from grader.sandbox.guest.root import Mounts
from grader.sandbox.guest.serve import serve
from grader.sandbox.guest.shell import Shell, make_shell

REQUEST_BYTES = 65536
PYPLOT = "matplotlib.pyplot"


def main(control_fds: list[int], modules: list[str]) -> None:
    """Serve requests for workers on the control sockets, one for each judge, until they close."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # it dies with the grader
    control = [socket.socket(fileno=fd) for fd in control_fds]
    shell = import_and_prepare(modules)
    # What the imports wrote is made read-only: all workers share it, and their seccomp filter
    # denies changing a mode.
    for folder, _, _ in os.walk(os.environ.get("SCRATCH", ""), topdown=False):
        os.chmod(folder, 0o555)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the supervisors
    control[0].send(b"ready")
    while control:
        for judge in select.select(control, [], [])[0]:
            message, ancillary, _, _ = judge.recvmsg(REQUEST_BYTES, socket.CMSG_SPACE(2 * 4))
            if not message:
                control.remove(judge)
            else:
                _spawn(shell, message, ancillary)


def _spawn(shell: Shell, message: bytes, ancillary: list) -> None:
    """Fork a supervisor, which forks the worker."""
    talk_fd, status_fd = _descriptors(ancillary)
    if os.fork() == 0:
        try:
            _supervise(shell, json.loads(message), talk_fd, status_fd)
        finally:
            os._exit(0)  # never back into the forkserver's own loop
    os.close(talk_fd)
    os.close(status_fd)


def import_and_prepare(modules: list[str]) -> Shell:
    """Import ``modules`` and what every worker needs; return the shell that workers run cells in.

    No thread may be left running: a fork copies only the thread that forks, and waits forever for a
    lock that another held. So NumPy and PyTorch get one thread each (by the environment, too).
    """
    gc.disable()  # while importing, collections cost time and find no garbage
    import numpy
    import pygments.formatters.terminal256  # noqa: F401  (imported by a cell that raises)

    from grader.student import check, explore  # noqa: F401  (imported by lessons' first cells)

    numpy.linalg.norm(numpy.ones((2, 2)) @ numpy.ones((2, 2)))
    check._Session.checking = False
    shell = make_shell()
    shell.run_cell("import numpy\n1", store_history=False)
    for module in modules:
        with contextlib.suppress(ImportError):  # the cell that imports it will report the error
            importlib.import_module(module)
    if "torch" in sys.modules:
        _prepare_torch()
    if PYPLOT in sys.modules:
        pyplot = sys.modules[PYPLOT]
        pyplot.close(pyplot.figure())  # the first figure loads the backend and the fonts
    gc.freeze()  # the collector would write to every object, and so copy the pages that forks share
    gc.enable()
    return shell


def _prepare_torch() -> None:
    """Do once what PyTorch does at its first operation and first training step."""
    import torch
    import torch.nn.functional

    from grader.protocol import counters, step_library  # noqa: F401  (an ask imports them)

    torch.set_num_threads(1)
    torch.ones(2, 2) @ torch.ones(2, 2)
    step_library.first_step()


def _descriptors(ancillary: list) -> tuple[int, int]:
    """The two sockets sent along with a request: for talking to the worker, and for its status."""
    fds = array.array("i")
    for _, _, data in ancillary:
        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    talk, status = fds
    return talk, status


def _supervise(shell: Shell, request: dict[str, Any], talk_fd: int, status_fd: int) -> None:
    """In the supervisor, between forkserver and worker: start the worker, report how it ended.

    A process of its own, because unshare(2) moves only the caller's next child into a new PID
    namespace, and because the worker is its child alone, whose end it can wait for.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the forkserver ignores it; here wait4 needs it
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    status = socket.socket(fileno=status_fd)
    try:
        LEVELS[request["level"]].unshare()
        slot = os.getpid()
        pid = os.fork()
    except OSError as error:
        status.sendall(json.dumps({"failed": str(error)}).encode() + b"\n")
        return
    if pid == 0:
        status.close()
        _work(shell, request, talk_fd, slot)
    os.close(talk_fd)
    status.sendall(json.dumps({"pid": pid}).encode() + b"\n")
    ended = _wait(pid, status)
    status.sendall(json.dumps(ended).encode() + b"\n")


def _wait(pid: int, status: socket.socket) -> dict[str, Any]:
    """Wait until the worker ends, or kill it once the judge says so or is gone.

    Where the worker is process 1 of a PID namespace, the kernel kills with it all it started.
    """
    handle = os.pidfd_open(pid)
    readable, _, _ = select.select([handle, status.fileno()], [], [])
    stopped = handle not in readable
    if stopped:
        os.kill(pid, signal.SIGKILL)
    _, code, usage = os.wait4(pid, 0)
    return {
        "stopped": stopped,
        "signal": os.WTERMSIG(code) if os.WIFSIGNALED(code) else 0,
        "exit": os.WEXITSTATUS(code) if os.WIFEXITED(code) else 0,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss * 1024,
    }


def _work(shell: Shell, request: dict[str, Any], talk_fd: int, slot: int) -> None:
    """In the worker: isolate this process, then serve the judge. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _keep_only(talk_fd)
        limits = WorkerLimits(**request["limits"])
        mounts = Mounts(
            request["root"], *(tuple(request[part]) for part in ("shown", "hidden", "devices"))
        )
        channel = Channel(socket.socket(fileno=3))
        try:
            LEVELS[request["level"]].enter(mounts, limits, slot)
        except OSError as error:
            channel.send({"failed": str(error)})
            os._exit(70)  # never run a cell in a sandbox that is not complete
        os.environ["HOME"] = os.getcwd()
        channel.send({"ready": True})
        serve(channel, shell)
    finally:
        os._exit(0)


def _keep_only(talk_fd: int) -> None:
    """Close every descriptor but ``talk_fd``, which becomes 3.

    A control socket or another worker's socket in a student's hands would be a way out.
    """
    silence = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(silence, fd)
    os.dup2(talk_fd, 3)
    os.closerange(4, 65536)
    sys.__stdout__ = sys.__stderr__ = None  # type: ignore[misc,assignment]
