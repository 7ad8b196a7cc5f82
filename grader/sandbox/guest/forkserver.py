"""The forkserver: import once what the lessons import, then fork a worker for each request.

Between the forkserver and each worker is a supervisor, which runs no student code.

The forkserver is started as a new process with a clean environment, and never holds a solution, a
specification, the salt or the database: each fork inherits its memory, and student code can read
all of it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from grader.protocol.channel import Channel
from grader.protocol.limits import WorkerLimits
from grader.sandbox.guest import linux
from grader.sandbox.guest.levels import LEVELS, Level
from grader.sandbox.guest.root import Mounts
from grader.sandbox.guest.serve import serve
from grader.sandbox.guest.shell import Shell, make_shell

REQUEST_BYTES = 65536
PYPLOT = "matplotlib.pyplot"


def main(control_fds: list[int], modules: list[str]) -> None:
    """Serve requests for workers on the control sockets, one for each judge, until all close."""
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # die with the grader
    itself = os.pidfd_open(os.getpid())  # shows supervisors when this process ends
    control = [socket.socket(fileno=fd) for fd in control_fds]
    shell = import_and_prepare(modules)
    # Make what the imports wrote read-only: all workers share it, and their seccomp filter keeps
    # them from changing a mode.
    for folder, _, _ in os.walk(os.environ.get("SCRATCH", ""), topdown=False):
        os.chmod(folder, 0o555)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps the supervisors
    control[0].send(b"ready")
    while control:
        for judge in select.select(control, [], [])[0]:
            message, descriptors, _, _ = socket.recv_fds(judge, REQUEST_BYTES, 2)
            if not message:
                control.remove(judge)
            else:
                _spawn(shell, message, descriptors, itself)


def _spawn(shell: Shell, message: bytes, descriptors: list[int], itself: int) -> None:
    """Fork a supervisor, which forks the worker.

    Two sockets come with a request: one to talk to the worker, and one for its status.
    """
    talk_fd, status_fd = descriptors
    status = socket.socket(fileno=status_fd)
    request = json.loads(message)
    level = LEVELS[request["level"]]
    try:
        pid = level.fork()
    except OSError as error:
        _say(status, failed=str(error))
    else:
        if pid == 0:
            try:
                _supervise(shell, level, request, talk_fd, status, itself)
            finally:
                os._exit(0)  # never return into the forkserver's own loop
    os.close(talk_fd)
    status.close()


def _say(status: socket.socket, **facts: Any) -> None:
    """Send ``facts`` to the judge as a line of JSON; the judge may be gone."""
    with contextlib.suppress(OSError):
        status.sendall(json.dumps(facts).encode() + b"\n")


def import_and_prepare(modules: list[str]) -> Shell:
    """Import ``modules`` and what every worker needs; return the shell that workers run cells in.

    No thread may be left running: a fork copies only the thread that forks, and waits forever for a
    lock that another held. So NumPy and PyTorch get one thread each (also through the environment).
    """
    gc.disable()  # while importing, collections cost time and find no garbage
    import numpy
    import pygments.formatters.terminal256  # noqa: F401  (imported by a cell that raises)

    from grader.student import check, explore  # noqa: F401  (imported by lessons' first cells)
    from grader.student.session import Session

    numpy.linalg.norm(numpy.ones((2, 2)) @ numpy.ones((2, 2)))
    Session.checking = False
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
    gc.freeze()  # a collection would write to every object, and so copy the pages that forks share
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


def _supervise(
    shell: Shell,
    level: Level,
    request: dict[str, Any],
    talk_fd: int,
    status: socket.socket,
    forkserver: int,
) -> None:
    """In the supervisor: start the worker, set its limits, end it, report how it ended.

    ``forkserver`` is a pidfd: a supervisor ends with the forkserver, which ends with the grader.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the forkserver ignores it; here wait4 needs it
    worker = 0
    try:
        slot = _outer_pid()
        level.settle(slot)
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)  # orphans become its children, for it to end
        worker = os.fork()
        if worker == 0:
            _say(status, worker=_outer_pid())
            status.close()
            os.close(forkserver)
            _work(shell, level, request, talk_fd, slot)
        os.close(talk_fd)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no KeyboardInterrupt; as an init, ignore it
        level.step_down(slot)
        # Both come after the change of user, which would undo them. Not dumpable: a submission
        # cannot trace this process. Death signal: when the forkserver ends, the kernel kills this
        # init, and with it everything in its PID namespace.
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        if level.namespaces:
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    except OSError as error:
        if worker:
            os.kill(worker, signal.SIGKILL)
        _say(status, failed=str(error))
        return
    _say(status, supervisor=slot)  # the judge sends no student code before this
    ended = _watch(worker, status, forkserver)
    _end_children()
    _say(status, **ended)


def _outer_pid() -> int:
    """Return this process's id as the judge sees it: /proc is still the outer namespace's."""
    try:
        return int(os.readlink("/proc/self"))
    except FileNotFoundError:  # bubblewrap shows no /proc, and makes no PID namespace
        return os.getpid()


def _watch(worker: int, status: socket.socket, forkserver: int) -> dict[str, Any]:
    """Wait until the worker ends; kill it once the judge says so, or judge or forkserver is gone.

    Until then, set the worker's memory limit as the judge asks.
    """
    handle, said = os.pidfd_open(worker), status.fileno()
    while True:
        readable, _, _ = select.select([handle, said, forkserver], [], [])
        # Empty: the judge has shut down its end of the socket, or is gone.
        message = status.recv(4096) if said in readable else b""
        if handle in readable or not message:
            break
        _bound_memory(worker, json.loads(message)["memory"], status)
    stopped = handle not in readable
    if stopped:
        os.kill(worker, signal.SIGKILL)
    _, code, usage = os.wait4(worker, 0)
    return {
        "stopped": stopped,
        "signal": os.WTERMSIG(code) if os.WIFSIGNALED(code) else 0,
        "exit": os.WEXITSTATUS(code) if os.WIFEXITED(code) else 0,
        "cpu": usage.ru_utime + usage.ru_stime,
    }


def _bound_memory(worker: int, most: int | None, status: socket.socket) -> None:
    """Set the soft limit of address space to ``most`` bytes; with None, back to the hard limit.

    The worker's seccomp filter lets none of its processes change a limit, so this is done from
    outside, and for all of them: a helper started earlier must not be a way around it.
    """
    processes = {worker}
    if os.getpid() == 1:
        processes |= {int(name) for name in os.listdir("/proc") if name.isdigit()} - {1}
    try:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
                resource.prlimit(pid, resource.RLIMIT_AS, (min(most or hard, hard), hard))
    except OSError as error:
        _say(status, failed=f"a worker's memory cannot be limited: {error}")
    else:
        _say(status, memory=most)


def _end_children() -> None:
    """Kill what the worker has left running, down to the last orphan, and wait for each to end.

    If this process is an init, the kernel does that when it exits. Where workers may start no
    process, nothing is left, and there may be no /proc to look into.
    """
    if os.getpid() == 1:
        return
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while left := children.read_text().split() if children.exists() else []:
        for pid in map(int, left):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # only now do its own children become this process's


def _work(shell: Shell, level: Level, request: dict[str, Any], talk_fd: int, slot: int) -> NoReturn:
    """In the worker: isolate this process, then serve the judge."""
    try:
        os.setsid()
        _keep_only(talk_fd)
        limits = WorkerLimits(**request["limits"])
        mounts = Mounts(
            request["root"], *(tuple(request[part]) for part in ("shown", "hidden", "devices"))
        )
        channel = Channel(socket.socket(fileno=3))
        try:
            level.enter(mounts, limits, slot)
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
