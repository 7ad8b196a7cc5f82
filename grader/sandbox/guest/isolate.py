"""The walls around one submission: its own world of processes, files, users and network.

``enter`` is called in a fresh fork, before any student code. Ordinary users go through a user
namespace; root builds the same world directly and then becomes a user without rights, so that
the limit on processes holds for it as well.

Where namespaces are denied there is no world of its own to give. Then a submission is kept alone
in the machine's: it sees files through bubblewrap or by Landlock's leave, writes none, starts no
process, and reaches none.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from grader.sandbox.guest import landlock, linux, seccomp

WORK = "/home/student"

SPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUTS
)
MEBIBYTE = 1 << 20
# Levels without namespaces of the worker's own.
ALONE = ("bubblewrap", "landlock")
ROOM = 1024  # tasks beyond those that the user has: the limit counts them all over the machine


@dataclass(frozen=True)
class Limits:
    """What one submission may use. ``cpu`` seconds and ``memory`` bytes are per process."""

    cpu: int = 240
    memory: int = 4096 * MEBIBYTE
    processes: int | None = 64
    files: int = 256
    file_size: int = 64 * MEBIBYTE
    disk: int = 64 * MEBIBYTE
    inodes: int = 4096


@dataclass(frozen=True)
class View:
    """What of the file system the worker sees: ``shown`` read-only, ``hidden`` not at all.

    ``devices`` are the only ones, and can be written to.
    """

    root: str
    shown: tuple[str, ...]
    hidden: tuple[str, ...]
    devices: tuple[str, ...]


def leave_everything(level: str) -> None:
    """Step into fresh namespaces; the next fork is process 1 of its own world."""
    if level in ("none", *ALONE):
        return
    if level == "root":
        linux.unshare(SPACES)
        return
    uid, gid = os.geteuid(), os.getegid()
    linux.unshare(SPACES | linux.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"1000 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"1000 {gid} 1")


def enter(level: str, view: View, limits: Limits, slot: int) -> None:
    """In process 1: build the file system, give up every right, set the limits.

    ``slot`` keeps workers that root starts apart: each is a user of its own.
    """
    if level == "none":
        os.chdir(tempfile.mkdtemp(dir=view.root))  # the judge removes the root after the run
        _set_limits(replace(limits, processes=None))
    else:
        uid = 62000 + slot % 3000 if os.geteuid() == 0 else 1000
        if level not in ALONE:
            _build_root(view, limits, uid if level == "root" else None)
        if os.geteuid() == 0 and level != "user":
            linux.close_bounding_set()  # later it would not be allowed to
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        if level in ALONE:
            _stay_alone(level, view, limits)
        else:
            _set_limits(limits)
            linux.drop_capabilities()
            linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
            seccomp.install()
    linux.prctl(linux.PR_SET_DUMPABLE, 0)
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)


def _stay_alone(level: str, view: View, limits: Limits) -> None:
    """Among the machine's processes and, with Landlock, its files: without a hand on either."""
    os.chdir(view.root)  # empty, and not its own
    tasks = _tasks_of(os.getuid())
    most = None if tasks is None else tasks + ROOM
    _set_limits(replace(limits, processes=most, file_size=0))
    linux.drop_capabilities()
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    if level == "landlock":
        landlock.restrict([*view.shown, view.root], view.hidden, view.devices)
    seccomp.install(alone=os.getpid())


def _tasks_of(user: int) -> int | None:
    """How many threads of this user run on the machine; None where there is no /proc to see."""
    folders = list(Path("/proc").glob("[0-9]*"))
    count = 0
    for folder in folders:
        with contextlib.suppress(OSError):  # it ended while we looked
            if folder.stat().st_uid == user:
                count += len(os.listdir(folder / "task"))
    return count if folders else None


def _build_root(view: View, limits: Limits, owner: int | None) -> None:
    """A new root of tmpfs with read-only windows on what ``view`` shows, and nothing else."""
    new = view.root
    linux.mount("none", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    scratch = f"size={limits.disk},nr_inodes={limits.inodes},mode=0755"
    linux.mount("tmpfs", new, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, scratch)
    for folder, mode in (("/proc", 0o555), ("/etc", 0o755)):
        os.makedirs(new + folder)
        os.chmod(new + folder, mode)
    _mount_proc(new)
    _devices(new, view.devices)
    for folder in ("/tmp", WORK, "/dev/shm"):
        os.makedirs(new + folder)
        linux.mount("tmpfs", new + folder, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, scratch)
        if owner is not None:
            os.chown(new + folder, owner, owner)
    # Windows come last: Python itself may lie below /tmp, or below a user's home.
    steps = [(path, True) for path in view.shown] + [(path, False) for path in view.hidden]
    for path, shown in sorted(steps, key=lambda step: (step[0].count("/"), step[1])):
        _window(new, path) if shown else _cover(new, path)
    user = owner or 1000
    Path(new, "etc/passwd").write_text(f"student:x:{user}:{user}::{WORK}:/bin/sh\n")
    os.chdir(new)
    linux.pivot_root(".", ".")
    linux.unmount(".")
    linux.mount("none", "/", "", linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)
    os.chdir(WORK)


def _window(new: str, path: str) -> None:
    """Show ``path`` read-only; a symbolic link is copied as one."""
    source, target = Path(path), Path(new + path)
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_symlink():
            target.symlink_to(os.readlink(source))
        return
    if not source.exists():
        return
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    linux.mount(path, str(target), "", linux.MS_BIND | linux.MS_REC)
    _read_only(str(target))


def _read_only(target: str) -> None:
    """Remount a window read-only, keeping the flags that a user namespace may not clear."""
    kept = os.statvfs(target).f_flag
    flags = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID
    for ours, theirs in ((linux.MS_NODEV, os.ST_NODEV), (linux.MS_NOEXEC, os.ST_NOEXEC)):
        flags |= ours if kept & theirs else 0
    for name, flag in (("ST_NOATIME", 1024), ("ST_NODIRATIME", 2048), ("ST_RELATIME", 1 << 21)):
        flags |= flag if kept & getattr(os, name) else 0
    linux.mount("none", target, "", flags)


def _cover(new: str, path: str) -> None:
    """Put an empty folder over a path that lies inside a window."""
    target = Path(new + path)
    if target.is_dir():
        empty = linux.MS_NOSUID | linux.MS_NODEV
        linux.mount("tmpfs", str(target), "tmpfs", empty, "size=64k,mode=0755")


def _devices(new: str, devices: Iterable[str]) -> None:
    os.makedirs(new + "/dev", exist_ok=True)
    for device in devices:
        target = Path(new + device)
        target.touch()
        linux.mount(device, str(target), "", linux.MS_BIND)


def _mount_proc(new: str) -> None:
    """A /proc of this world alone. Where the machine denies it, there is none at all."""
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        linux.mount("proc", new + "/proc", "proc", flags)
    except PermissionError:
        os.chmod(new + "/proc", 0o555)  # stays empty: less to see, never more


def _set_limits(limits: Limits) -> None:
    pairs = [
        (resource.RLIMIT_CPU, limits.cpu),
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_NOFILE, limits.files),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ]
    if limits.processes is not None:
        pairs.append((resource.RLIMIT_NPROC, limits.processes))
    for which, value in pairs:
        hard = resource.getrlimit(which)[1]
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (most, most))
