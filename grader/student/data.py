"""``data_file``: a file that comes with the course, for a lesson's own cells."""

from __future__ import annotations

from pathlib import Path

from grader.bundles import PUBLIC
from grader.coursefile import CourseError, current


def data_file(name: str) -> Path:
    """Find a file that comes with the course, such as data or trained weights.

    It is in the folder ``public`` of a lesson's solutions, which travels to students with the
    checks; it is found wherever the notebook is.

    Args:
        name: the file's name, such as ``"an_hour.pt"``.

    Returns:
        The file's path.

    Raises:
        CourseError: no lesson, or more than one, has a file of this name.
    """
    course = current()
    found = sorted((course.root / course.solutions).glob(f"*/{PUBLIC}/{name}"))
    if len(found) != 1:
        said = "has no file" if not found else f"has {len(found)} files"
        raise CourseError(f"the course “{course.title}” {said} {name}")
    return found[0]
