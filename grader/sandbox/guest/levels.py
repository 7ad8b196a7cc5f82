"""The levels of the sandbox, from inside: how a fresh fork gives up what it does not need.

With namespaces, a worker gets a world of its own: processes, files, users and network. The init of
that world is its supervisor, which runs no student code: when it ends, the kernel kills all that
the submission started. Ordinary users build the world in a user namespace; root builds it directly
and then becomes a user without rights.

Where the machine denies namespaces, a worker stays among the machine's processes: it reads files
through bubblewrap or as far as Landlock allows, writes none, and can neither start nor reach
another process.

No worker is ever the machine's root: root may write the kernel's settings even without any
capability, and no limit on the number of processes binds it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

from grader.protocol.limits import FIRST_ID, IDS, WorkerLimits, allowed
from grader.sandbox.guest import landlock, linux, seccomp
from grader.sandbox.guest.root import Mounts, build_root

NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
)
STUDENT = 1000  # the worker's user id in a user namespace
# Pending signals and timers: the kernel counts them for all of a user's programs together.
SIGNALS = 256
MORE_TASKS = 1024  # beyond what the user runs already: the kernel counts the whole machine


class Level:
    """One way to isolate a worker. ``name`` is what records and ``--json`` call it.

    ``namespaces``: those that each supervisor shares with its worker alone.
    """

    name = ""
    namespaces = 0

    def fork(self) -> int:
        """Fork a supervisor, into fresh namespaces if the level has any; return 0 in it."""
        return linux.fork(self.namespaces) if self.namespaces else os.fork()

    def settle(self, slot: int) -> None:
        """Set the supervisor's user, before it forks the worker.

        ``slot`` chooses the user, so that workers that root starts are kept apart.
        """

    def step_down(self, slot: int) -> None:
        """Drop the supervisor's own rights, once it has forked the worker.

        It must be the same user as the worker, or it may not set the worker's limits.
        """
        linux.drop_capabilities()

    def enter(self, mounts: Mounts, limits: WorkerLimits, slot: int) -> None:
        """Drop the worker's rights and set its limits, before any student code runs."""
        self._isolate(mounts, limits, slot)
        # Nobody may trace the worker, and it dies with its supervisor. Both come after the change
        # of user, which would undo them, and before the filter, which denies the second.
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        self._filter()

    def _isolate(self, mounts: Mounts, limits: WorkerLimits, slot: int) -> None:
        raise NotImplementedError

    def _filter(self) -> None:
        """Deny the system calls that no exercise needs."""
        seccomp.install()


class Unsandboxed(Level):
    """``--no-sandbox``: limits alone."""

    name = "none"

    def _isolate(self, mounts: Mounts, limits: WorkerLimits, slot: int) -> None:
        os.chdir(tempfile.mkdtemp(dir=mounts.root))  # the judge removes the root after the run
        _set_limits(replace(limits, processes=None))

    def step_down(self, slot: int) -> None:
        return

    def _filter(self) -> None:
        return


class UserNamespaces(Level):
    """Namespaces that an ordinary user builds, within a user namespace."""

    name = "user"
    namespaces = NAMESPACES | linux.CLONE_NEWUSER

    def fork(self) -> int:
        self._outside = os.geteuid(), os.getegid()
        if 0 in self._outside:  # outside of its namespace the worker would still be root
            raise PermissionError(errno.EPERM, "root's own id must not be mapped")
        return super().fork()

    def settle(self, slot: int) -> None:
        uid, gid = self._outside
        # Without rights outside, the kernel accepts a gid_map only after setgroups is denied.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{STUDENT} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{STUDENT} {gid} 1")

    def _isolate(self, mounts: Mounts, limits: WorkerLimits, slot: int) -> None:
        build_root(mounts, limits, owner=None)
        _give_up_rights(limits)


class RootNamespaces(Level):
    """Namespaces that root builds without a user namespace."""

    name = "root"
    namespaces = NAMESPACES

    def step_down(self, slot: int) -> None:
        _become(_user(slot))

    def _isolate(self, mounts: Mounts, limits: WorkerLimits, slot: int) -> None:
        user = _user(slot)
        build_root(mounts, limits, owner=user)
        _become(user)
        _give_up_rights(limits)


class _Alone(Level):
    """No namespaces of the worker's own: its filter keeps it from the machine's processes."""

    _own_user = False  # whether nothing else runs as the worker's user

    def settle(self, slot: int) -> None:
        if os.geteuid() == 0:
            _become(_user(slot))
            self._own_user = True

    def _isolate(self, mounts: Mounts, limits: WorkerLimits, slot: int) -> None:
        os.chdir(mounts.root)  # empty; the worker can write nothing there
        if not self._own_user:
            tasks = _tasks_of(os.getuid()) + MORE_TASKS
            limits = replace(limits, processes=tasks)
        _give_up_rights(replace(limits, file_size=0))
        self._restrict_files(mounts)

    def _filter(self) -> None:
        seccomp.install(alone=os.getpid())

    def _restrict_files(self, mounts: Mounts) -> None:
        """Restrict which of the machine's files the worker sees; bubblewrap has done so already."""


class Bubblewrap(_Alone):
    """The forkserver runs inside bubblewrap, which shows it the files read-only."""

    name = "bubblewrap"


class Landlock(_Alone):
    """Landlock rules say which files may be read."""

    name = "landlock"

    def _restrict_files(self, mounts: Mounts) -> None:
        landlock.restrict([*mounts.shown, mounts.root], mounts.hidden, mounts.devices)


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (RootNamespaces(), UserNamespaces(), Bubblewrap(), Landlock(), Unsandboxed())
}


def _user(slot: int) -> int:
    return FIRST_ID + slot % IDS


def _become(user: int) -> None:
    """Change from root to a user without rights.

    The bounding set is cleared first: the change of user drops the capability that this needs.
    """
    linux.close_bounding_set()
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _give_up_rights(limits: WorkerLimits) -> None:
    """Set the limits, drop all capabilities, and let no set-user-id program give any back."""
    _set_limits(limits)
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)


def _tasks_of(user: int) -> int:
    """Count the threads that this user runs on the machine.

    0 in bubblewrap, which shows no /proc: there the kernel counts its user namespace alone.
    """
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            if folder.stat().st_uid == user:
                count += len(os.listdir(folder / "task"))
    return count


def _set_limits(limits: WorkerLimits) -> None:
    pairs = [
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, SIGNALS),
    ]
    if limits.processes is not None:
        pairs.append((resource.RLIMIT_NPROC, limits.processes))
    for which, value in pairs:
        most = allowed(which, value)
        resource.setrlimit(which, (most, most))
