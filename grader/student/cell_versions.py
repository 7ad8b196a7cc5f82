"""Tell whether the answer in the kernel is the one in its cell.

A kernel keeps a cell's last definition, even if the cell has been changed since, or its last run
failed. The file that is handed in holds the cell's present text. So this module compares the object
that a check would judge with the later runs of its cell, and with the notebook's file where its
path is known. No kernel can know text that was typed but neither run nor saved. The student's
functions, classes and constants that the answer uses are compared in the same way, from whatever
cell they are, also under a second name or in a ``functools.partial``.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import os
import re
import time
import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.protocol.calls import is_cell
from grader.source.assembly import GIVEN
from grader.source.cells import guessed_definitions, has_syntax_error, normalized
from grader.source.slicing import bound_names
from grader.student import frozen, screen
from grader.student.foundations import names_used
from grader.student.lessons import CHECK, handed_out
from grader.student.notebooks import Cell, NotANotebook, read

# Seconds by which a file must be newer than a run to count as later: file servers have their own
# clocks.
LATER = 1.0
MOST_RUNS = 2000


@dataclass(frozen=True)
class Run:
    """One run of a cell: its id if the frontend sends one, its text, the error's type, the time.

    ``python`` is the text as Python, with IPython's magics as calls.
    """

    cell: str
    text: str
    python: str
    error: str
    at: float

    def defines(self, name: str) -> bool:
        """Tell whether the cell defines the name, as far as its text shows."""
        return name in _defined(self.text)


class _Runs:
    """The runs that this kernel has seen since a check was imported."""

    shell: Any = None
    seen: list[Run] = []


def watch() -> None:
    """Start to record the runs of cells, if this process has an IPython shell."""
    shell = screen.shell()
    if shell is None or shell is _Runs.shell:
        return
    _Runs.shell, _Runs.seen = shell, []
    shell.events.register("post_run_cell", _note)


def _note(result: Any) -> None:
    info = result.info
    if info is None or not isinstance(info.raw_cell, str):
        return
    error = result.error_before_exec or result.error_in_exec
    python = getattr(info, "transformed_cell", None) or _Runs.shell.transform_cell(info.raw_cell)
    run = Run(
        str(getattr(info, "cell_id", None) or ""),
        info.raw_cell,
        python,
        type(error).__name__ if error is not None else "",
        time.time(),
    )
    _Runs.seen = [*_Runs.seen[-MOST_RUNS:], run]


@dataclass(frozen=True)
class Stale:
    """An answer to ``exercise``, or a helper that it uses, that differs from its cell."""

    exercise: str
    name: str  # of the answer, or of the helper
    why: str

    @property
    def notice(self) -> str:
        """A sentence that says which version was judged."""
        if self.name == self.exercise:
            return f"This is a check of an earlier version of {self.name}: {self.why}."
        return (
            f"This is a check of {self.exercise} with an earlier version of your {self.name}, "
            f"which it uses: {self.why}."
        )

    @property
    def refusal(self) -> str:
        """The line shown instead of a pass, since another version will be handed in."""
        if self.name == self.exercise:
            return (
                f"{self.exercise}: the earlier version passes, but the cell now holds a new one. "
                "Run the answer's cell, then this one"
            )
        return (
            f"{self.exercise}: it passes with the earlier version of your {self.name}, but its "
            f"cell now holds a new one. Run the cell of {self.name}, then this one"
        )


def stale(exercise: str, namespace: Mapping[str, Any]) -> Stale | None:
    """Find an answer or a helper of it that differs from its cell; None if nothing shows one."""
    shell = screen.shell()
    if shell is None or shell.user_ns is not namespace or exercise not in namespace:
        return None
    runs, path = _Runs.seen, notebook_path(namespace)
    why = outdated(exercise, namespace[exercise], runs, path)
    if why:
        return Stale(exercise, exercise, why)
    answers = frozen.load(exercise)
    given = _given(answers.lesson)
    for name in helpers(namespace[exercise], namespace, answers.foundations, runs):
        thing = _behind(namespace[name])
        for called in dict.fromkeys((name, _own_name(thing) or name)):
            why = outdated(called, thing, runs, path, exercise, given)
            if why:
                return Stale(exercise, called, why)
    return None


def helpers(
    answer: Any,
    namespace: Mapping[str, Any],
    foundations: Collection[str],
    runs: Sequence[Run] = (),
) -> list[str]:
    """Return the functions, classes and values from cells that an answer uses, directly or not.

    Earlier answers that it builds on are left out: where one is wrong, grading takes the course's.
    """
    names = (names_used(answer, namespace, foundations) - set(foundations)) & namespace.keys()
    bound = frozenset().union(*(_defined(run.text) for run in runs))
    return sorted(
        name
        for name in names
        if _text_behind(_behind(namespace[name]))
        or (name in bound and not inspect.ismodule(namespace[name]))
    )


def _behind(thing: Any) -> Any:
    """Return what a ``functools.partial`` calls; anything else as it is."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    return thing


def _own_name(thing: Any) -> str:
    """Return the name under which a cell defines a function or class; "" for any other value."""
    return thing.__name__ if _text_behind(thing) else ""


def _given(lesson: str) -> frozenset[str]:
    """Return the ids and texts of the given cells: grading runs these, whatever the file holds."""
    cells = [part for part in handed_out(lesson) if part.role == GIVEN]
    ids = (part.id.removeprefix("given-") for part in cells)
    return frozenset([*ids, *(normalized(part.source) for part in cells)])


def outdated(
    name: str,
    thing: Any,
    runs: list[Run],
    path: Path | None,
    exercise: str = "",
    given: Collection[str] = (),
) -> str:
    """Say why the object of this name differs from its cell; "" if nothing shows it.

    ``runs`` are in their order, ``path`` is the notebook's file. ``exercise`` is the one that is
    checked, if that is not ``name``; ``given`` are ids and texts of cells that do not count.
    """
    made = _made_by(name, _text_behind(thing), runs)
    if made is None:
        return ""
    run = runs[made]
    if run.cell in given or normalized(run.text) in given:
        return ""
    after = runs[made + 1 :]
    own = [one for one in after if (one.cell == run.cell if run.cell else one.defines(name))]
    if own and own[-1].error and own[-1].defines(name):
        return f"the last run of its cell failed ({own[-1].error})"
    if own and not own[-1].defines(name):
        return f"its cell no longer defines {name}"
    if own and normalized(own[-1].text) != normalized(run.text):  # a second name holds the old one
        return "its cell was run again since, but the version from before is still used"
    cells = _cells_above_check(exercise or name, path)
    # If the file is older than the run, the change was run and is not saved yet.
    if path is None or not cells or path.stat().st_mtime < run.at + LATER:
        return ""
    defining = [cell for cell in cells if name in _defined(cell.source)]
    if not defining:
        return f"no cell above {'this' if exercise else 'its'} check defines {name} anymore"
    source = defining[-1].source
    if normalized(source) in (normalized(run.text), normalized(run.python)):
        return ""
    if has_syntax_error(source):
        return "its cell has been changed since, and now has a syntax error"
    return "its cell has been changed since, but not run again"


@dataclass(frozen=True)
class Differing:
    """Names of cells whose text in the file is not the text that was run last.

    ``unsaved``: what was run is newer than the file. ``changed``: the file is newer than the run.
    """

    unsaved: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def differing(path: Path) -> Differing:
    """Compare the notebook's file with the runs that this kernel has seen."""
    return compare(read(path).cells, path.stat().st_mtime, _Runs.seen)


def compare(cells: Sequence[Cell], saved_at: float, runs: Sequence[Run]) -> Differing:
    """Compare a file's cells, saved at this time, with the runs in their order."""
    texts = {cell.id: cell for cell in cells if cell.kind == "code" and cell.id}
    last = {run.cell: run for run in runs if run.cell}
    if not last.keys() & texts.keys():  # the front end has ids of its own
        return Differing()
    unsaved: list[str] = []
    changed: list[str] = []
    for name, run in last.items():
        cell = texts.get(name)
        if cell is None:  # a new cell, or one that was deleted
            if run.at > saved_at and _defined(run.text):
                unsaved.append(_first_line(run.text))
        elif cell.source.strip() != run.text.strip():
            (unsaved if run.at > saved_at else changed).append(
                cell.grade_id or _first_line(cell.source)
            )
    return Differing(tuple(unsaved), tuple(changed))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:50]


def notebook_path(namespace: Mapping[str, Any]) -> Path | None:
    """Return the file of this kernel's notebook, if the frontend tells it."""
    # VS Code sets the variable in the namespace, a Jupyter server that in the environment.
    for name in (namespace.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")):
        if isinstance(name, str) and name.endswith(".ipynb") and Path(name).is_file():
            return Path(name)
    return None


def _cells_above_check(exercise: str, path: Path | None) -> list[Cell]:
    """Return the file's code cells above the exercise's check, as in grading; [] if unknown."""
    try:
        cells = (
            [cell for cell in read(path).cells if cell.kind == "code"] if path is not None else []
        )
    except NotANotebook:
        return []
    names = [cell.grade_id or cell.id for cell in cells]
    check = f"{CHECK}{exercise}"
    return cells[: names.index(check)] if check in names else []


def _defined(source: str) -> frozenset[str]:
    """Return the names that a cell binds, or would bind but for a syntax error."""
    guessed = has_syntax_error(source)
    return frozenset(guessed_definitions(source)) if guessed else bound_names(source)


def _made_by(name: str, text: str, runs: list[Run]) -> int | None:
    """Return the index of the run that bound the name; None if it was not seen.

    It is the last run with this text. Without one, a later cell has given the function this name.
    """
    binding = [index for index, run in enumerate(runs) if run.defines(name)]
    same = [index for index in binding if text and runs[index].python.strip() == text]
    completed = [index for index in binding if not runs[index].error]
    return max(same or completed, default=None)


def _text_behind(answer: Any) -> str:
    """Return the text of the cell that this function or class is from; "" for any other value."""
    members = vars(answer).values() if inspect.isclass(answer) else [answer]
    for member in members:
        function = inspect.unwrap(member) if callable(member) else member
        if isinstance(function, types.FunctionType) and is_cell(function.__code__.co_filename):
            return "".join(linecache.getlines(function.__code__.co_filename)).strip()
    return ""


def last_text(exercise: str, namespace: Mapping[str, Any]) -> str:
    """Return the text of the last cell run that defines the name; "" if there is none."""
    pattern = re.compile(
        rf"^(def|class)\s+{re.escape(exercise)}\b|^{re.escape(exercise)}\s*=", re.M
    )
    cells = [cell for cell in _inputs(namespace) if isinstance(cell, str)]
    return next((cell for cell in reversed(cells) if pattern.search(cell)), "")


def _inputs(namespace: Mapping[str, Any]) -> Sequence[Any]:
    """Return the cells as they were typed. ``In`` would show magics as calls of get_ipython."""
    shell = screen.shell()
    if shell is not None and shell.user_ns is namespace:
        return screen.inputs(shell)
    return namespace.get("In", [])
