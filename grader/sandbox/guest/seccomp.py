"""The seccomp filter: system calls that no exercise needs fail with EPERM.

Namespaces isolate the worker; this filter reduces what of the kernel student code can attack: new
namespaces, mounts, ptrace, keys, bpf, io_uring, and every socket but local ones. It denies memory
that the judge could see in no process, changes to the worker's limits, and all dealings with its
supervisor. Where there are no namespaces, ``alone`` also denies what reaches other processes
(starting them, signals to them, sockets of every kind) and what Landlock does not control (changing
a file's mode, owner, times and attributes, and reading its extended attributes).
"""

from __future__ import annotations

import errno
import platform
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from grader.sandbox.guest import linux

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# name: (x86_64, aarch64); None: no such call on this architecture.
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "statmount": (457, 457),  # they name the machine's mounts, which Landlock does not hide
    "listmount": (458, 458),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "syslog": (103, 116),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    # A user may have only a few of these on the whole machine; other programs fail without them.
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    # It takes a descriptor of /proc/1 for a pidfd, and so would reach the supervisor.
    "pidfd_send_signal": (424, 424),
    "ioprio_set": (251, 30),
    # Memory that no limit of a process counts.
    "vmsplice": (278, 75),  # a page that a pipe holds may keep 2 MB in use
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "setrlimit": (160, 164),
}
# Also denied where the worker runs among the machine's other processes.
_DENIED_ALONE: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_open": (434, 434),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "setpriority": (141, 140),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "socket": (41, 198),
    "bind": (49, 200),  # with a name, one end of a pair could receive from many senders
    "listen": (50, 201),
    "connect": (42, 203),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # Like stat, they work on files that may not be opened; and they return attributes' contents.
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "getxattrat": (464, 464),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "listxattrat": (465, 465),
    "file_getattr": (468, 468),
}
# name: numbers. The first argument must be this process's id, or 0, which means the same.
_OWN_ONLY = {
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
}
_CLONE_THREAD = 0x00010000
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_SOCKET = (41, 198)
_AF_UNIX = 1
_NEW_NAMESPACES = (
    linux.CLONE_NEWNS
    | linux.CLONE_NEWCGROUP
    | linux.CLONE_NEWUTS
    | linux.CLONE_NEWIPC
    | linux.CLONE_NEWUSER
    | linux.CLONE_NEWPID
    | linux.CLONE_NEWNET
)

_LOAD, _EQUAL, _GREATER_EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH, _ARGUMENT_0, _ARGUMENT_1, _ARGUMENT_2, _ARGUMENT_3 = 0, 4, 16, 24, 32, 40
_HIGH = 4  # bytes from an argument's lower half to its upper one


class _Rule(NamedTuple):
    """A call that is denied if all ``tests`` hold.

    A test is (argument's offset, comparison, values), and holds if the comparison does for any.
    """

    numbers: tuple[int, int]
    tests: tuple[tuple[int, int, tuple[int, ...]], ...]


_PRCTL, _MMAP, _FCNTL, _IOCTL = (157, 167), (9, 222), (72, 25), (16, 29)
_SETSOCKOPT, _PRLIMIT, _SETPRIORITY = (54, 208), (302, 261), (141, 140)
_SOCKETPAIR = (53, 199)
_RULES = (
    # PR_SET_PDEATHSIG: the worker must die with its supervisor.
    _Rule(_PRCTL, ((_ARGUMENT_0, _EQUAL, (1,)),)),
    # MAP_SHARED | MAP_ANONYMOUS: memory in use that counts for no process that has not touched it.
    _Rule(_MMAP, ((_ARGUMENT_3, _ANY_BIT, (0x01,)), (_ARGUMENT_3, _ANY_BIT, (0x20,)))),
    # SO_SNDBUF, SO_RCVBUF and their FORCE variants, at SOL_SOCKET: megabytes in each socket.
    _Rule(_SETSOCKOPT, ((_ARGUMENT_1, _EQUAL, (1,)), (_ARGUMENT_2, _EQUAL, (7, 8, 32, 33)))),
    # F_SETPIPE_SZ; F_SETLEASE: whoever then opens that file waits up to 45 seconds; F_NOTIFY.
    _Rule(_FCNTL, ((_ARGUMENT_1, _EQUAL, (1031, 1024, 1026)),)),
    # Any pointer to a new limit: a limit that was lowered for a question could be lifted again.
    _Rule(_PRLIMIT, ((_ARGUMENT_2, _ANY_BIT, (0xFFFFFFFF,)),)),
    _Rule(_PRLIMIT, ((_ARGUMENT_2 + _HIGH, _ANY_BIT, (0xFFFFFFFF,)),)),
)
# Where the worker runs among the machine's other processes.
_RULES_ALONE = (
    # Commands by which the kernel would send signals to one of them. F_SETOWN and F_SETOWN_EX;
    # FIOSETOWN and SIOCSPGRP.
    _Rule(_FCNTL, ((_ARGUMENT_1, _EQUAL, (8, 15)),)),
    _Rule(_IOCTL, ((_ARGUMENT_1, _EQUAL, (0x8901, 0x8902)),)),
    # A pair of SOCK_DGRAM or SOCK_RAW: a message from it can be addressed to anybody's socket.
    _Rule(_SOCKETPAIR, ((_ARGUMENT_1, _ANY_BIT, (0x02,)),)),
)
# Calls on its supervisor, where that is process 1 of its namespace, perhaps as the same user. In
# order: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_open, sched_setaffinity,
# sched_setscheduler, sched_setparam, sched_setattr.
_ON_A_PROCESS = ((62, 129), (200, 130), (234, 131), (129, 138), (297, 240), (434, 434)) + (
    (203, 122),
    (144, 119),
    (142, 118),
    (314, 274),
)
_RULES_IN_A_WORLD = (
    *(_Rule(numbers, ((_ARGUMENT_0, _EQUAL, (1,)),)) for numbers in _ON_A_PROCESS),
    _Rule(_SETPRIORITY, ((_ARGUMENT_1, _EQUAL, (1,)),)),
    _Rule(_SETPRIORITY, ((_ARGUMENT_0, _EQUAL, (2,)),)),  # of all processes of a user
)


def program(machine: str | None = None, alone: int = 0) -> list[tuple[int, int, int, int]]:
    """Return the filter as BPF instructions; raise KeyError on an unknown architecture.

    ``alone``: the id of the worker's process, if it must be kept from all others, else 0.
    A jump gives the instructions to skip: first if the comparison holds, then if it does not.
    """
    machine = machine or platform.machine()
    column = {"x86_64": 0, "aarch64": 1}[machine]
    denied = _ERRNO | errno.EPERM
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if machine == "x86_64":  # x32 numbers would make the same calls past the filter
        code += [(_GREATER_EQUAL, 0, 1, 0x40000000), (_RETURN, 0, 0, denied)]
    code += _deny(_DENIED, column, denied)
    code += _apply(_RULES, column, denied)
    if alone:
        code += _keep_alone(column, alone, denied)
    else:
        code += _apply(_RULES_IN_A_WORLD, column, denied)
    # clone3 passes its flags in memory, which a filter cannot read. ENOSYS, not EPERM: then libc
    # falls back to clone, whose flags are an argument.
    code += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    code += [
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _ARGUMENT_0),
        (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, denied),
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 3, _SOCKET[column]),
        (_LOAD, 0, 0, _ARGUMENT_0),
        (_EQUAL, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, denied),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return code


def _deny(
    calls: Mapping[str, tuple[int | None, int | None]], column: int, denied: int
) -> list[tuple[int, int, int, int]]:
    """Return instructions that deny these calls, whatever their arguments."""
    code = []
    for numbers in calls.values():
        if (number := numbers[column]) is not None:
            code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, denied)]
    return code


def _apply(rules: Iterable[_Rule], column: int, denied: int) -> list[tuple[int, int, int, int]]:
    """Return instructions that deny the calls that match a rule."""
    code = []
    for rule in rules:
        tests: list[tuple[int, int, int, int]] = []
        for place, comparison, values in reversed(rule.tests):
            # A match leads on to the next test; without one, skip all tests and the RETURN.
            after = len(tests) + 1
            compare = [(comparison, len(values) - 1 - n, 0, v) for n, v in enumerate(values)]
            compare[-1] = (comparison, 0, after, values[-1])
            tests = [(_LOAD, 0, 0, place), *compare, *tests]
        code += [(_EQUAL, 0, len(tests) + 1, rule.numbers[column]), *tests]
        code += [(_RETURN, 0, 0, denied), (_LOAD, 0, 0, _NUMBER)]
    return code


def _keep_alone(column: int, own: int, denied: int) -> list[tuple[int, int, int, int]]:
    """Return instructions that deny all dealings with other processes, but allow new threads."""
    code = _deny(_DENIED_ALONE, column, denied)
    for numbers in _OWN_ONLY.values():
        code += [
            (_EQUAL, 0, 5, numbers[column]),
            (_LOAD, 0, 0, _ARGUMENT_0),
            (_EQUAL, 2, 0, 0),
            (_EQUAL, 1, 0, own),
            (_RETURN, 0, 0, denied),
            (_LOAD, 0, 0, _NUMBER),
        ]
    return [
        *code,
        *_apply(_RULES_ALONE, column, denied),
        (_EQUAL, 0, 4, _CLONE[column]),
        (_LOAD, 0, 0, _ARGUMENT_0),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, denied),
        (_LOAD, 0, 0, _NUMBER),
    ]


def install(alone: int = 0) -> None:
    """Install the filter for this process and all it starts, for good."""
    linux.install_seccomp(program(alone=alone))
