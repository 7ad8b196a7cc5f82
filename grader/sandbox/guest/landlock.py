"""Landlock: a process gives up all files but those it names, for itself and all it starts.

The source is the kernel's own documentation (userspace-api/landlock): a ruleset handles kinds of
access, and denies what it handles unless a rule allows it for the file or for a folder above it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.sandbox.guest import linux

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
# Kinds of access to files that each version of the interface knows: one bit each.
_FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_TCP = 0b11  # bind and connect, from version 4
_SCOPES = 0b11  # abstract sockets and signals, from version 6


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("fs", "net", "scoped")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def version() -> int:
    """Return the version of Landlock's interface; raise OSError if the kernel has no Landlock."""
    return linux.syscall(_CREATE_RULESET, None, 0, _VERSION, what="landlock")


def restrict(shown: Iterable[str], hidden: Iterable[str], devices: Iterable[str]) -> None:
    """Allow reading only what is ``shown`` and not ``hidden``, and writing only to ``devices``.

    Needs no_new_privs. Raises OSError if the kernel refuses.
    """
    abi = version()
    # A kernel refuses a ruleset with bits that it does not know, so ask for all of its version's.
    every = (1 << _FILE_BITS.get(abi, 16)) - 1
    rules = _Ruleset(every, _NET_TCP if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = linux.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0, what="landlock")
    try:
        covered = [Path(path) for path in hidden]
        for top in shown:
            for path in _uncovered(Path(top), covered):
                _allow(ruleset, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for device in devices:
            _allow(ruleset, Path(device), _READ_FILE | _WRITE_FILE)
        linux.syscall(_RESTRICT_SELF, ruleset, 0, what="landlock")
    finally:
        os.close(ruleset)


def _uncovered(path: Path, hidden: list[Path]) -> Iterator[Path]:
    """Yield ``path``, or those parts of it that hold nothing hidden.

    Once a rule allows access to a folder, no other rule can deny it to a folder inside.
    """
    if path in hidden:
        return
    if not any(path in one.parents for one in hidden):
        yield path
        return
    for child in path.iterdir():
        if not child.is_symlink():  # a rule for a link would allow its target
            yield from _uncovered(child, hidden)


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except PermissionError as error:
        message = f"{path} is closed to other users: install Python where everybody can read it"
        raise PermissionError(message) from error
    try:
        if not path.is_dir():  # the kernel refuses a folder's rights for a file
            access &= ~_READ_DIR
        rule = _Beneath(access, handle)
        linux.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0, what=str(path))
    finally:
        os.close(handle)
