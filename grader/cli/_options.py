"""What several commands share: their options, and how they refuse arguments and failed writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from grader.course.layout import LESSONS, assignment_id
from grader.judge import salt

given_salt = click.option("--salt", "given", metavar="S", help="the salt, if `grade` was given one")
lessons = click.option(
    "--lesson", "lessons", multiple=True, type=click.Choice(LESSONS), help="only this"
)


def course_dir(what: str, *, exists: bool = True) -> Callable[[Any], Any]:
    """Make the option --course-dir; ``what`` says in its help what the folder holds."""
    return click.option(
        "--course-dir",
        type=click.Path(path_type=Path, file_okay=False, exists=exists),
        default=Path("."),
        help=f"{what} [default: here]",
    )


def known_assignment(name: str | None) -> None:
    """Raise UsageError for the name of an assignment that the course does not have."""
    known = [assignment_id(lesson) for lesson in LESSONS]
    if name is not None and name not in known:
        raise click.UsageError(f"no assignment {name!r}; the course has {', '.join(known)}")


def salt_of(course_dir: Path, given: str | None) -> bytes:
    """Return the salt that a course folder was graded with; unlike ``grade``, draw no new one."""
    if given is None and not (course_dir / salt.PLACE).exists():
        raise click.UsageError(f"there is no {course_dir / salt.PLACE}: name the salt with --salt")
    return salt.salt(course_dir, given)


@contextmanager
def writing(target: object) -> Iterator[None]:
    """Say in one line if the body could not write ``target``."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}") from error
