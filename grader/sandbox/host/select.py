"""Find the sandbox that this machine offers, by building one and trying to get out of it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.errors import Failed, LevelDenied, WorkerError
from grader.protocol.values import Ask
from grader.sandbox.host.forkserver_client import HEAVY, Forkserver
from grader.sandbox.host.levels import LEVELS, title
from grader.sandbox.host.limits import Limits
from grader.sandbox.host.workers import Worker, WorkerDied

CHANCES = 2  # how often a forkserver is started again after something outside killed it

# Run inside a worker before any student code: each entry of `found` must be true.
PROBE = """
import _thread, contextlib, ctypes, importlib.util, os, socket, pathlib, resource

def fails(attempt):
    try:
        attempt()
    except OSError:
        return True
    return False

def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("127.0.0.1", 9))

def other_processes():
    try:
        seen = os.listdir("/proc")
    except OSError:
        return []
    return [p for p in seen if p.isdigit() and int(p) not in (os.getpid(), os.getppid())]

def is_alone(own_world):
    supervised = os.getppid() == 1 or not own_world
    return supervised and not other_processes() and fails(lambda: os.kill(os.getppid(), 0))

def may_outlive():
    return ctypes.CDLL(None).prctl(1, 0) == 0  # PR_SET_PDEATHSIG

def tasks_end():
    _thread.stack_size(1 << 16)
    never = _thread.allocate_lock()
    never.acquire()
    try:
        for _ in range(3000):
            _thread.start_new_thread(never.acquire, ())
    except RuntimeError:
        return True
    return False

def takes_too_much():
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)[1:] * 2)
    return len(bytearray(1 << 28))

def files_below(folder, shown):
    for path, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if os.path.join(path, f) not in shown]
        yield from files

def probe(hidden, shown, writable, own_world):
    found = {
        "no network": fails(send),
        "no rights": os.geteuid() != 0 and fails(lambda: os.setuid(0)),
        "kernel's settings": fails(lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)),
        "ends with its supervisor": not may_outlive(),
        "own processes only": is_alone(own_world),
        "Python's libraries": all(map(importlib.util.find_spec, ("numpy", "torch"))),
        "read-only files": all(fails(lambda: pathlib.Path(w, "x").touch()) for w in writable),
    }
    found["no sight of the course"] = not any(f for h in hidden for f in files_below(h, shown))
    return found
"""


class NoSandbox(Failed):
    """No sandbox holds on this machine. The message says what was tried and how to fix it."""


@dataclass(frozen=True)
class Found:
    """The result of trying one level: which claims held, or why it could not be built."""

    level: str
    held: dict[str, bool]
    error: str = ""

    @property
    def holds(self) -> bool:
        return not self.error and bool(self.held) and all(self.held.values())


def levels() -> list[str]:
    """Return the levels to try on this machine, the strongest first."""
    if sys.platform != "linux":
        return []
    namespaces = ["root", "user"] if os.geteuid() == 0 else ["user"]
    return [*namespaces, *(["bubblewrap"] if shutil.which("bwrap") else []), "landlock"]


def try_level(forkserver: Forkserver, hidden: Iterable[Path]) -> Found:
    """Build a worker at the forkserver's level and try to get out of it."""
    try:
        worker = forkserver.start(Limits(cell_cpu=10, checks_cpu=10))
    except WorkerError as error:
        return Found(forkserver.level, {}, str(error))
    try:
        worker.run_cell(PROBE, 10)
        paths = [str(Path(path).resolve()) for path in hidden]
        own_world = LEVELS[forkserver.level].own_world
        ask = Ask("probe", (paths, list(forkserver.shown), ["/", "/usr", "/etc"], own_world))
        reply = worker.ask([ask], 10)[0]
        bounded = worker.ask([Ask("takes_too_much", memory=1 << 26)], 10)[0]
        users = worker.user_ids()
        tasks = _tasks_end(worker)
    except WorkerError as error:
        return Found(forkserver.level, {}, str(error))
    except WorkerDied as died:
        return Found(forkserver.level, {}, f"the probe died: {died}")
    finally:
        worker.close()
    if not isinstance(reply.value, dict):
        return Found(forkserver.level, {}, f"the probe gave no answer: {reply.failure}")
    held = {key: value is True for key, value in reply.value.items()}
    held["not the machine's root"] = bool(users) and 0 not in users
    held["bounded threads and processes"] = tasks
    failure = bounded.failure
    held["bounded memory"] = failure is not None and failure.type == "MemoryError"
    return Found(forkserver.level, held)


def _tasks_end(worker: Worker) -> bool:
    """Tell whether a worker that starts threads without end is refused more of them, or ended."""
    try:
        return worker.ask([Ask("tasks_end")], 10)[0].value is True
    except WorkerDied as died:
        return died.reason == "crashed"


def start_sandbox(
    hidden: Iterable[Path],
    lines: int,
    unsandboxed: bool = False,
    modules: Iterable[str] = HEAVY,
    meanwhile: Callable[[], object] = lambda: None,
) -> Forkserver:
    """Start a forkserver whose sandbox holds, proved by probing a worker; else raise NoSandbox.

    ``modules``: what it imports besides what every lesson needs. ``meanwhile`` is called while it
    does that.
    """
    hidden, modules = list(hidden), list(modules)
    tried = []
    left = ["none"] if unsandboxed else levels()
    chances = CHANCES
    while left:
        level = left.pop(0)
        try:
            forkserver = Forkserver(level, hidden, lines, modules)
        except LevelDenied as error:
            tried.append(f"{title(level)}: {error}")
            continue
        try:
            meanwhile()
            if unsandboxed:
                return forkserver
            found = try_level(forkserver, hidden)
            # That something outside killed it says nothing about the level: it must not be
            # replaced by a weaker one for that.
            again = bool(found.error) and chances > 0 and forkserver.was_killed()
        except BaseException:
            forkserver.close()
            raise
        if found.holds:
            return forkserver
        forkserver.close()
        if again:
            chances -= 1
            left.insert(0, level)
        else:
            tried.append(describe(found))
    what = "; ".join(tried) or f"there is none for {sys.platform}"
    raise NoSandbox(
        f"no sandbox holds on this machine ({what}). Run `python -m grader doctor` for what to do, "
        "or give --no-sandbox if you trust every submission: every report then says so"
    )


def describe(found: Found) -> str:
    """Describe a level in one line: that it holds, or what is wrong with it."""
    if found.error:
        return f"{title(found.level)}: {found.error}"
    broken = [name for name, held in found.held.items() if not held]
    return f"{title(found.level)}: " + (f"fails at {', '.join(broken)}" if broken else "holds")
