"""The levels of the sandbox as the judge knows them; `guest/levels.py` builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grader.sandbox.host.mounts import bubblewrap


@dataclass(frozen=True)
class Level:
    """What sets one level apart for those who start and probe its workers.

    ``own_world``: a worker has namespaces of its own, with its supervisor as their process 1.
    ``writes``: it has scratch space; where it has none, a library that writes files when it is
    imported has to be imported before. ``never_root``: what root starts keeps root's id, seen from
    outside, unless the forkserver is another user from the start.
    """

    name: str
    title: str
    own_world: bool = False
    writes: bool = True
    never_root: bool = False

    def command(self, mounts: Mapping[str, Any]) -> list[str]:
        """The program, with its options, that the forkserver has to run under; often none."""
        return []


@dataclass(frozen=True)
class Bubblewrap(Level):
    """The one level that another program builds."""

    def command(self, mounts: Mapping[str, Any]) -> list[str]:
        return bubblewrap(mounts)


LEVELS = {
    level.name: level
    for level in (
        Level("root", "namespaces (built by root)", own_world=True),
        Level("user", "namespaces (ordinary user)", own_world=True, never_root=True),
        Bubblewrap("bubblewrap", "bubblewrap and seccomp", writes=False, never_root=True),
        Level("landlock", "Landlock and seccomp", writes=False),
        Level("none", "none: --no-sandbox"),
    )
}


def title(name: str) -> str:
    """A level in words; a name that this version does not know as it is."""
    return LEVELS[name].title if name in LEVELS else name
