"""The levels of the sandbox as the judge knows them; `guest/levels.py` builds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.sandbox.host.mounts import bubblewrap


def _no_program(mounts: Mapping[str, Any]) -> list[str]:
    """Return an empty command: the forkserver runs as it is, and builds the level itself."""
    return []


@dataclass(frozen=True)
class Level:
    """A level's name and title, and what starting its workers depends on.

    ``own_world``: a worker has namespaces of its own, with its supervisor as their process 1.
    ``writes``: it has scratch space; without any, a library that writes files when it is imported
    has to be imported beforehand. ``never_root``: if root grades, the forkserver has to run as
    another user from the start, or workers would still be root outside their namespace.
    ``program``: given the mounts, the command of the program that builds the level around it.
    """

    name: str
    title: str
    own_world: bool = False
    writes: bool = True
    never_root: bool = False
    program: Callable[[Mapping[str, Any]], list[str]] = _no_program


LEVELS = {
    level.name: level
    for level in (
        Level("root", "namespaces (built by root)", own_world=True),
        Level("user", "namespaces (ordinary user)", own_world=True, never_root=True),
        Level(
            "bubblewrap",
            "bubblewrap and seccomp",
            writes=False,
            never_root=True,
            program=bubblewrap,
        ),
        Level("landlock", "Landlock and seccomp", writes=False),
        Level("none", "none: --no-sandbox"),
    )
}


def title(name: str) -> str:
    """Return a level's title, or its name if this version does not know it."""
    return LEVELS[name].title if name in LEVELS else name
