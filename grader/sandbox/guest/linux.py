"""The Linux calls needed here that Python 3.11 does not offer, through ctypes."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID = 1, 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 4, 38, 22
PR_SET_CHILD_SUBREAPER = 36
PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
SECCOMP_MODE_FILTER = 2

_libc = ctypes.CDLL(None, use_errno=True)
_holding = ctypes.PyDLL(None, use_errno=True)  # keeps the GIL during a call
_CLONE = {"x86_64": 56, "aarch64": 220}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442  # on every architecture


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def syscall(number: int, *args: Any, what: str) -> int:
    """Make a system call that libc does not wrap; return its result or raise OSError."""
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    _libc.syscall.restype = ctypes.c_long
    result = _libc.syscall(ctypes.c_long(number), *passed)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def fork(namespaces: int) -> int:
    """Fork into new namespaces with clone(2); return 0 in the child.

    The caller must have no other thread. With CLONE_NEWPID the child is the new namespace's init;
    unshare(2) moves only the next child into a PID namespace, and so would cost one more process.
    The child may do little but call os.fork: only that tells the C library and Python's modules
    about the new process.
    """
    number = _CLONE.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, f"clone: not known on {platform.machine()}")
    arguments = [ctypes.c_long(value) for value in (number, namespaces | signal.SIGCHLD, *[0] * 4)]
    _holding.syscall.restype = ctypes.c_long
    pid = _holding.syscall(*arguments)
    if pid < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"new namespaces: {os.strerror(code)}")
    return pid


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _check(result, f"mount {target}")


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_ns")]


def make_read_only(target: str) -> None:
    """mount_setattr(2): make a mount and all below it read-only and without set-user-id programs.

    Their other flags stay as they are, since a user namespace may not clear them.
    """
    attributes = _MountAttributes(set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID)
    size = ctypes.sizeof(attributes)
    arguments = (AT_FDCWD, target.encode(), AT_RECURSIVE, ctypes.byref(attributes), size)
    syscall(_MOUNT_SETATTR, *arguments, what=f"read-only {target}")


def unmount(target: str) -> None:
    """umount2(2) with MNT_DETACH."""
    _check(_libc.umount2(target.encode(), ctypes.c_int(MNT_DETACH)), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    number = _PIVOT_ROOT[platform.machine()]
    syscall(number, new.encode(), old.encode(), what="pivot_root")


def prctl(option: int, *args: int) -> None:
    """prctl(2)."""
    padded = [ctypes.c_ulong(a) for a in (*args, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(ctypes.c_int(option), *padded), f"prctl {option}")


def close_bounding_set() -> None:
    """Clear the capability bounding set, if allowed, so that no program run later can gain any."""
    for number in range(64):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError:
            break  # past this kernel's last capability, or without CAP_SETPCAP


def drop_capabilities() -> None:
    """Give up every capability for good, including those within this user namespace."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    close_bounding_set()

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    class Data(ctypes.Structure):
        _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]

    header = Header(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    _check(_libc.capset(ctypes.byref(header), ctypes.byref((Data * 2)())), "capset")


class _Filter(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint32),
    ]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.POINTER(_Filter))]


def install_seccomp(instructions: list[tuple[int, int, int, int]]) -> None:
    """Install a classic BPF program; needs no_new_privs."""
    array = (_Filter * len(instructions))(*[_Filter(*i) for i in instructions])
    program = _Program(len(instructions), array)
    address = ctypes.cast(ctypes.pointer(program), ctypes.c_void_p).value or 0
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address)
