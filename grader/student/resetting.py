"""``reset``: restore an answer's cell as it was handed out, with its old text as a comment."""

from __future__ import annotations

import re
from typing import Any

from grader.source.cells import normalized
from grader.source.notebook import parse
from grader.student import cell_versions, frozen, lessons, screen
from grader.student.session import Session


def reset(exercise_id: str) -> None:
    """Restore an exercise's cell as it was handed out.

    Write this call as the first line of the answer's own cell, and run that cell: its text is
    replaced, and the old text is kept below as a comment. Called anywhere else, it prints what was
    handed out, since no cell can change the text of another one.

    Args:
        exercise_id: the name of the function or class that the exercise asks for.

    Raises:
        NoSuchExercise: the course has no such exercise.
    """
    if not Session.checking:
        return
    stub = lessons.stub(frozen.load(exercise_id).lesson, exercise_id)
    shell = screen.shell()
    if shell is None or screen.running_cell(shell) != exercise_id:
        print(
            f'To reset {exercise_id}, write reset("{exercise_id}") as the first line of its '
            f"own cell and run that cell. The cell as it was handed out:\n\n{stub}"
        )
        return
    shell.set_next_input(with_comment(stub, _old_text(exercise_id, shell)), replace=True)
    print(
        f"{exercise_id} is as it was handed out; your text is below it as a comment. "
        "(If your editor has not changed the cell, copy this:)\n\n" + stub
    )


def with_comment(stub: str, old: str) -> str:
    """Return the stub with the old text below it as a comment, unless that says the same."""
    if not old.strip() or normalized(old) == normalized(stub):
        return stub
    lines = (f"# {line}".rstrip() for line in old.strip("\n").rstrip().splitlines())
    return "\n".join([stub, "", "# --- before reset ---", *lines])


def _old_text(exercise_id: str, shell: Any) -> str:
    """Return the cell's text besides the call; else what ran in it last, or what is saved."""
    call = re.compile(
        rf"""^[ \t]*reset\([ \t]*["']{re.escape(exercise_id)}["'][ \t]*\).*\n?""", re.M
    )
    running, *before = reversed(screen.inputs(shell))
    rest = call.sub("", running)
    if rest.strip():
        return rest
    pattern = re.compile(rf"^(def|class)\s+{re.escape(exercise_id)}\b", re.M)
    for text in before:
        if pattern.search(text):
            return call.sub("", text)
    path = cell_versions.notebook_path(shell.user_ns)
    if path is None:
        return ""
    cells = parse(path.read_bytes()).cells
    return next((cell.source for cell in cells if cell.id == exercise_id), "")
