"""The filter, run instruction by instruction as the kernel does, for both architectures."""

from __future__ import annotations

import struct

import pytest

from grader.sandbox.guest import seccomp

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED, DENIED = 0x7FFF0000, 0x00050001
COLUMN = {"x86_64": 0, "aarch64": 1}
# From the kernel's tables of system calls: (x86_64, aarch64).
READ, KILL, PRCTL, MMAP, FCNTL = (0, 63), (62, 129), (157, 167), (9, 222), (72, 25)
SETSOCKOPT, PRLIMIT, SETRLIMIT, SETPRIORITY = (54, 208), (302, 261), (160, 164), (141, 140)
STATMOUNT, LISTMOUNT, BIND, VMSPLICE = (457, 457), (458, 458), (49, 200), (278, 75)
PIDFD_OPEN, CLONE, SOCKETPAIR = (434, 434), (56, 220), (53, 199)
INOTIFY_INIT1, PIDFD_SEND_SIGNAL, IOPRIO_SET = (294, 26), (424, 424), (251, 30)
GETXATTR, LGETXATTR, LISTXATTR = (191, 8), (192, 9), (194, 11)
CLOSE_ON_EXEC = 0o2000000
PRIVATE, SHARED, VALIDATED, ANONYMOUS, FIXED = 2, 1, 3, 0x20, 0x10


def decide(machine: str, call: tuple[int, int], *arguments: int, alone: int = 0) -> int:
    """What the filter returns for one call."""
    padded = [value % 2**64 for value in (*arguments, *[0] * 6)[:6]]
    data = struct.pack("<IIQ6Q", call[COLUMN[machine]], ARCH[machine], 0, *padded)
    code, here, value = seccomp.program(machine, alone), 0, 0
    while True:
        operation, yes, no, constant = code[here]
        here += 1
        if operation == 0x06:
            return constant
        if operation == 0x20:
            value = struct.unpack_from("<I", data, constant)[0]
            continue
        holds = {
            0x15: value == constant,
            0x35: value >= constant,
            0x45: bool(value & constant),
        }[operation]
        here += yes if holds else no


@pytest.fixture(params=sorted(ARCH))
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("alone", [0, 77], ids=["in a world", "alone"])
@pytest.mark.parametrize(
    ("name", "call", "arguments", "verdict"),
    [
        ("read", READ, (0,), ALLOWED),
        ("a name for a thread", PRCTL, (15,), ALLOWED),
        ("death signal", PRCTL, (1, 0), DENIED),
        ("death signal, upper half set", PRCTL, (1 | 1 << 32, 9), DENIED),
        ("private memory", MMAP, (0, 4096, 3, PRIVATE | ANONYMOUS), ALLOWED),
        ("a file, shared", MMAP, (0, 4096, 3, SHARED), ALLOWED),
        ("shared memory", MMAP, (0, 4096, 3, SHARED | ANONYMOUS), DENIED),
        ("shared memory, fixed", MMAP, (0, 4096, 3, SHARED | ANONYMOUS | FIXED), DENIED),
        ("shared memory, validated", MMAP, (0, 4096, 3, VALIDATED | ANONYMOUS), DENIED),
        ("close on exec", FCNTL, (3, 2), ALLOWED),
        ("size of a pipe", FCNTL, (3, 1031), DENIED),
        ("a lease on a file", FCNTL, (3, 1024, 1), DENIED),
        ("to be told of what happens in a folder", FCNTL, (3, 1026, 2), DENIED),
        ("to watch files", INOTIFY_INIT1, (0,), DENIED),
        ("a signal by a descriptor of /proc/1", PIDFD_SEND_SIGNAL, (3, 9), DENIED),
        ("turns at the disk", IOPRIO_SET, (1, 1), DENIED),
        ("option of TCP with the same number", SETSOCKOPT, (3, 6, 7), ALLOWED),
        ("credentials", SETSOCKOPT, (3, 1, 16), ALLOWED),
        *((f"buffer {n}", SETSOCKOPT, (3, 1, n), DENIED) for n in (7, 8, 32, 33)),
        ("read a limit", PRLIMIT, (0, 9, 0), ALLOWED),
        ("set a limit", PRLIMIT, (0, 9, 0x1000), DENIED),
        ("set a limit, far up", PRLIMIT, (0, 9, 1 << 32), DENIED),
        ("set a limit, the old way", SETRLIMIT, (9, 0x1000), DENIED),
        ("statmount", STATMOUNT, (), DENIED),
        ("listmount", LISTMOUNT, (), DENIED),
        ("vmsplice", VMSPLICE, (), DENIED),
        ("a pair of sockets", SOCKETPAIR, (1, 1), ALLOWED),
        ("a thread", CLONE, (0x00010000,), ALLOWED),
        ("a user namespace", CLONE, (0x10000000,), DENIED),
        ("its supervisor", KILL, (1, 9), DENIED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_denied_everywhere(
    machine: str, alone: int, name: str, call: tuple[int, int], arguments: tuple, verdict: int
) -> None:
    assert decide(machine, call, *arguments, alone=alone) == verdict, name


def test_in_a_world_of_its_own_only_the_supervisor_is_out_of_reach(machine: str) -> None:
    for call in (KILL, PIDFD_OPEN):
        assert decide(machine, call, 1) == DENIED
        assert decide(machine, call, 2) == decide(machine, call, -1) == ALLOWED
    assert decide(machine, SETPRIORITY, 0, 1, 19) == DENIED
    assert decide(machine, SETPRIORITY, 2, 1000, 19) == DENIED  # all of a user
    assert decide(machine, SETPRIORITY, 0, 2, 19) == ALLOWED
    assert decide(machine, BIND, 3) == decide(machine, CLONE, 17) == ALLOWED


def test_alone_it_deals_with_itself_only(machine: str) -> None:
    for call, arguments in (
        (KILL, (77, 9)),
        (PIDFD_OPEN, (77,)),
        (BIND, (3,)),
        (CLONE, (17,)),
        (FCNTL, (3, 8)),
        (FCNTL, (3, 15)),
        (PRLIMIT, (78, 9, 0)),
        (SOCKETPAIR, (1, 2)),  # datagrams
        (SOCKETPAIR, (1, 3)),  # which AF_UNIX makes datagrams of
        (SOCKETPAIR, (1, 2 | CLOSE_ON_EXEC)),
        *((call, ()) for call in (GETXATTR, LGETXATTR, LISTXATTR)),
    ):
        assert decide(machine, call, *arguments, alone=77) == DENIED
    assert decide(machine, PRLIMIT, 77, 9, 0, alone=77) == ALLOWED
    assert decide(machine, FCNTL, 3, 2, alone=77) == ALLOWED
    for kind in (1, 1 | CLOSE_ON_EXEC, 5):  # streams, and datagrams that have no addresses
        assert decide(machine, SOCKETPAIR, 1, kind, alone=77) == ALLOWED


def test_another_interface_to_the_kernel_ends_the_process() -> None:
    code = seccomp.program("x86_64")
    assert code[:3] == [(0x20, 0, 0, 4), (0x15, 1, 0, ARCH["x86_64"]), (0x06, 0, 0, 0x80000000)]


@pytest.mark.parametrize("alone", [0, 77])
def test_each_jump_stays_in_the_program(machine: str, alone: int) -> None:
    """The kernel refuses any other, and any program that may end without an answer."""
    code = seccomp.program(machine, alone)
    for place, (operation, yes, no, _) in enumerate(code):
        if operation in (0x15, 0x35, 0x45):
            assert max(yes, no) <= 255 and place + 1 + max(yes, no) < len(code)
    assert code[-1][0] == 0x06 and len(code) <= 4096
