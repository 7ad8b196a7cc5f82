"""``pack`` as a notebook calls it."""

from __future__ import annotations

from pathlib import Path

from grader.student import cell_versions, screen
from grader.student.lessons import START
from grader.student.packing import NothingPacked, pack_lessons
from grader.student.session import Session


def pack(*lessons: str | int, to: str = "") -> None:
    """Pack lessons for handing in: judge the saved files, warn, write one zip with a receipt.

    Args:
        lessons: names or numbers of lessons, or notebook files. By default, in a lesson's notebook
            that lesson, elsewhere (as on the start page) every lesson that you have worked on.
        to: a folder for the zip [default: beside the lessons].

    Raises:
        NothingPacked: no zip was written; the message says why.
    """
    if not Session.checking:
        return
    shell = screen.shell()
    own = cell_versions.notebook_path(shell.user_ns) if shell is not None else None
    changed: dict[Path, tuple[str, ...]] = {}
    wanted = [str(lesson) for lesson in lessons]
    if own is not None:
        differing = cell_versions.differing(own)
        if differing.unsaved:
            names = ", ".join(differing.unsaved)
            raise NothingPacked(
                f"the file is older than what you ran ({names}): save the notebook (Ctrl+S, on a "
                "Mac Cmd+S), then run this again"
            )
        changed[own.resolve()] = differing.changed
        if not wanted and own.name != START:
            wanted = [str(own)]
    start = own.parent if own is not None else Path.cwd()
    screen.show(pack_lessons(wanted, start, Path(to) if to else None, changed=changed))
