"""A worker's own file system: read-only bind mounts of what it may see, and nothing else."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from grader.protocol.limits import WorkerLimits
from grader.sandbox.guest import linux

WORK = "/home/student"


@dataclass(frozen=True)
class Mounts:
    """The part of the machine's file system that a worker sees.

    ``root`` is an empty folder to build on. What is ``shown`` is read-only, and what is ``hidden``
    cannot be seen, even inside a shown folder. Of devices there are only ``devices``, writable.
    """

    root: str
    shown: tuple[str, ...]
    hidden: tuple[str, ...]
    devices: tuple[str, ...]


def build_root(mounts: Mounts, limits: WorkerLimits, owner: int | None) -> None:
    """Build and enter a new root: a tmpfs with read-only bind mounts of what ``mounts`` shows."""
    new = mounts.root
    # Private, so that no mount made here propagates to the machine's own mount namespace.
    linux.mount("none", "/", "", linux.MS_REC | linux.MS_PRIVATE)
    scratch = f"size={limits.disk},nr_inodes={limits.inodes},mode=0755"
    linux.mount("tmpfs", new, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, scratch)
    for folder, mode in (("/proc", 0o555), ("/etc", 0o755)):
        os.makedirs(new + folder)
        os.chmod(new + folder, mode)
    _mount_proc(new)
    _devices(new, mounts.devices)
    for folder in ("/tmp", WORK, "/dev/shm"):
        os.makedirs(new + folder)
        linux.mount("tmpfs", new + folder, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, scratch)
        if owner is not None:
            os.chown(new + folder, owner, owner)
    # Bind mounts come last: Python itself may lie below /tmp or a home folder, and a tmpfs mounted
    # later would cover it.
    steps = [(path, True) for path in mounts.shown] + [(path, False) for path in mounts.hidden]
    for path, shown in sorted(steps, key=lambda step: (step[0].count("/"), step[1])):
        _window(new, path) if shown else _cover(new, path)
    user = owner or 1000
    Path(new, "etc/passwd").write_text(f"student:x:{user}:{user}::{WORK}:/bin/sh\n")
    os.chdir(new)
    # This stacks the old root on top of the new one; unmounting it leaves nothing of the machine.
    linux.pivot_root(".", ".")
    linux.unmount(".")
    # Read-only last: the steps above had to create files and mount points in it.
    linux.mount("none", "/", "", linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)
    os.chdir(WORK)


def _window(new: str, path: str) -> None:
    """Bind-mount ``path`` read-only; copy a symbolic link as a link."""
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
    read_only(str(target))


def read_only(target: str) -> None:
    """Make ``target`` read-only, with all that is mounted below it.

    Raises OSError if that fails: what could be written must not be shown.
    """
    try:
        linux.make_read_only(target)
    except OSError:  # a kernel before 5.12, or a container whose filter does not know the call
        remount_read_only(target)


def remount_read_only(target: str) -> None:
    """Do as :func:`read_only` does, mount by mount."""
    top = os.path.realpath(target)
    points = [p for p in _mount_points() if p == top or p.startswith(f"{top}/")]
    if top not in points:
        raise OSError(errno.EINVAL, f"{target} is not in the table of mounts")
    for point in points:
        _remount_read_only(point)


def _mount_points() -> list[str]:
    """Return the paths of all mounts. The kernel writes a space, among others, as ``\\040``."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    points = (re.sub(rb"\\([0-7]{3})", _character, line.split()[4]) for line in lines)
    return [os.fsdecode(point) for point in points]


def _character(code: re.Match[bytes]) -> bytes:
    return bytes([int(code[1], 8)])


def _remount_read_only(point: str) -> None:
    """Remount one mount read-only, keeping the flags that a user namespace may not clear."""
    kept = os.statvfs(point).f_flag
    flags = linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID
    for ours, theirs in ((linux.MS_NODEV, os.ST_NODEV), (linux.MS_NOEXEC, os.ST_NOEXEC)):
        flags |= ours if kept & theirs else 0
    for name, flag in (("ST_NOATIME", 1024), ("ST_NODIRATIME", 2048), ("ST_RELATIME", 1 << 21)):
        flags |= flag if kept & getattr(os, name) else 0
    linux.mount("none", point, "", flags)


def _cover(new: str, path: str) -> None:
    """Mount something empty over a hidden folder or file that lies inside a shown folder."""
    target = Path(new + path)
    if target.is_dir():
        empty = linux.MS_NOSUID | linux.MS_NODEV
        linux.mount("tmpfs", str(target), "tmpfs", empty, "size=64k,mode=0755")
    elif target.exists():
        linux.mount("/dev/null", str(target), "", linux.MS_BIND)


def _devices(new: str, devices: Iterable[str]) -> None:
    os.makedirs(new + "/dev", exist_ok=True)
    for device in devices:
        target = Path(new + device)
        target.touch()
        linux.mount(device, str(target), "", linux.MS_BIND)


def _mount_proc(new: str) -> None:
    """Mount a /proc of this PID namespace; where the machine denies that, leave it empty."""
    flags = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    try:
        linux.mount("proc", new + "/proc", "proc", flags)
    except PermissionError:
        os.chmod(new + "/proc", 0o555)  # stays empty: less to see, never more
