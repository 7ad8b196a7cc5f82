"""The forkserver: imports once what the lessons import, then forks a worker for each request.

It is started fresh, with a clean environment, and has never seen a solution, a specification,
the salt or the database: a fork inherits memory.
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
    """Serve spawn requests on the control sockets, one for each judge, until they close."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    lines = [socket.socket(fileno=fd) for fd in control_fds]
    shell = warm_up(modules)
    for folder, _, _ in os.walk(os.environ.get("SCRATCH", ""), topdown=False):
        os.chmod(folder, 0o555)  # its forks share it, and may not change a mode
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are reaped by the kernel
    lines[0].send(b"ready")
    while lines:
        for line in select.select(lines, [], [])[0]:
            message, ancillary, _, _ = line.recvmsg(REQUEST_BYTES, socket.CMSG_SPACE(2 * 4))
            if not message:
                lines.remove(line)
            else:
                _spawn(shell, message, ancillary)


def _spawn(shell: Shell, message: bytes, ancillary: list) -> None:
    talk_fd, status_fd = _descriptors(ancillary)
    if os.fork() == 0:
        try:
            _supervise(shell, json.loads(message), talk_fd, status_fd)
        finally:
            os._exit(0)
    os.close(talk_fd)
    os.close(status_fd)


def warm_up(modules: list[str]) -> Shell:
    """Import these and what every worker needs; the shell that workers run cells in.

    No thread may be left: a fork has only the one that forks, and waits forever for a lock that
    another held. So NumPy's and torch's pools are kept to one thread (by the environment, too).
    """
    gc.disable()  # what is imported stays: looking through it again and again finds no garbage
    import numpy
    import pygments.formatters.terminal256  # noqa: F401  (a cell that raises loads it)

    from grader.student import check, explore  # noqa: F401  (lessons' first cells load them)

    numpy.linalg.norm(numpy.ones((2, 2)) @ numpy.ones((2, 2)))
    check._Session.checking = False
    shell = make_shell()
    shell.run_cell("import numpy\n1", store_history=False)
    for module in modules:
        with contextlib.suppress(ImportError):  # the cell that imports it says so to its student
            importlib.import_module(module)
    if "torch" in sys.modules:
        _warm_up_torch()
    if PYPLOT in sys.modules:
        pyplot = sys.modules[PYPLOT]
        pyplot.close(pyplot.figure())  # the first figure of all loads the backend and the fonts
    gc.freeze()  # keeps the pages shared with the forks
    gc.enable()
    return shell


def _warm_up_torch() -> None:
    import torch
    import torch.nn.functional

    from grader.protocol import counters, step_library  # noqa: F401  (questions load the second)

    torch.set_num_threads(1)
    torch.ones(2, 2) @ torch.ones(2, 2)
    step_library.first_step()


def _descriptors(ancillary: list) -> tuple[int, int]:
    fds = array.array("i")
    for _, _, data in ancillary:
        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    talk, status = fds
    return talk, status


def _supervise(shell: Shell, request: dict[str, Any], talk_fd: int, status_fd: int) -> None:
    """Between the forkserver and the worker: starts it, watches it, says how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
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
    """Until the worker ends, or the judge says so or is gone: then nothing of it is left."""
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
    """Process 1 of the worker's own world. Never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _only(talk_fd)
        limits = WorkerLimits(**request["limits"])
        mounts = Mounts(
            request["root"], *(tuple(request[part]) for part in ("shown", "hidden", "devices"))
        )
        channel = Channel(socket.socket(fileno=3))
        try:
            LEVELS[request["level"]].enter(mounts, limits, slot)
        except OSError as error:
            channel.send({"failed": str(error)})
            os._exit(70)
        os.environ["HOME"] = os.getcwd()
        channel.send({"ready": True})
        serve(channel, shell)
    finally:
        os._exit(0)


def _only(talk_fd: int) -> None:
    """Keep one descriptor, as 3; nothing else that was open is inherited."""
    silence = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(silence, fd)
    os.dup2(talk_fd, 3)
    os.closerange(4, 65536)
    sys.__stdout__ = sys.__stderr__ = None  # type: ignore[misc,assignment]
