"""Run a notebook's code in this process and check every exercise on the public cases."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.coursefile import current
from grader.protocol.values import Verdict
from grader.source.assembly import ANSWER, CHECK, OWN, Assembly, Part, assemble, parts_of
from grader.source.own_cells import own_cells
from grader.source.prose import defined
from grader.student import check, editions
from grader.student.notebooks import NotANotebook, Notebook, read
from grader.student.session import Session


@dataclass(frozen=True)
class Raised:
    """A cell that raised an error, and the type and message of that error."""

    part: Part
    error: tuple[str, str]


@dataclass(frozen=True)
class Checked:
    """A notebook's judgements, remarks on what was repaired or not placed, and raised errors."""

    judgements: tuple[check.Judgement, ...]
    remarks: tuple[str, ...]
    raised: tuple[Raised, ...]
    answers: Mapping[str, tuple[str, ...]]  # by exercise: the texts of the cells that define it

    @property
    def verdicts(self) -> list[Verdict]:
        return [judgement.verdict for judgement in self.judgements]


@dataclass(frozen=True)
class Recognized:
    """A notebook in the structure of its lesson; ``points`` are by the id of a part."""

    assignment: str
    assembly: Assembly
    points: Mapping[str, float]

    def remarks(self, earned_nothing: Collection[str] = ()) -> tuple[str, ...]:
        """Return a line on each repair, and on what a person has to look at, as grading does."""
        unsure = dict.fromkeys(self.assembly.to_look_at(earned_nothing).values())
        return (*self.assembly.repairs, *unsure)


def run_notebook(path: Path, begun: Callable[[Part], object] = lambda part: None) -> Checked:
    """Run the code cells in order, and judge an answer in place of each check cell.

    The notebook is put into the structure of its lesson first, as the judge does. A cell that
    raises is reported on stderr and the run goes on: later exercises count. ``begun`` is called
    before each cell.

    Raises:
        NotANotebook: the file cannot be read, or is no lesson of this course.
    """
    os.environ.setdefault("MPLBACKEND", "agg")
    from IPython.core.interactiveshell import InteractiveShell

    notebook = read(path)
    found = recognize(notebook)
    if found is None:
        raise NotANotebook(
            f"{path.name} holds no check cell and no answer from a lesson of this course"
        )
    shell = InteractiveShell.instance()
    code = [part for part in found.assembly.parts if part.kind == "code"]
    raised: list[Raised] = []
    with contextlib.chdir(path.parent):  # as a kernel does: `mine` looks for lessons from here
        judgements = tuple(_judgements(shell, code, raised, begun))
    other = editions.other_edition(path, found.assignment, notebook, found.assembly)
    verdicts = (judgement.verdict for judgement in judgements)
    nothing = {verdict.exercise for verdict in verdicts if verdict.score == 0}
    remarks = (*filter(None, [other]), *found.remarks(nothing))
    return Checked(judgements, remarks, tuple(raised), answers(code))


def recognize(notebook: Notebook) -> Recognized | None:
    """Put a notebook into the structure of the lesson that it matches best; None if none does.

    Cells that lessons share, such as the one that installs the course, say nothing about which
    lesson it is.
    """
    course = current()
    paths = sorted((course.root / course.notebooks).glob("*/*.ipynb"))
    released = {path.stem: parts_of(json.loads(path.read_bytes())) for path in paths}
    own = own_cells({name: [part for part, _ in cells] for name, cells in released.items()})
    best, most = None, 0
    for name, cells in released.items():
        assembly = assemble([part for part, _ in cells], notebook)
        signs = sum(sign in own[name] for sign in assembly.recognized)
        if signs > most:
            best, most = Recognized(name, assembly, {p.id: points for p, points in cells}), signs
    return best


def answers(code: list[Part]) -> dict[str, tuple[str, ...]]:
    """Return by exercise the texts of its answer's cell and of added cells that define its name."""
    names = [part.exercise for part in code if part.role == ANSWER]
    return {
        name: tuple(
            part.source
            for part in code
            if (part.exercise == name and part.role == ANSWER)
            or (part.role == OWN and name in defined(part.source))
        )
        for name in names
    }


def _judgements(
    shell: Any, code: list[Part], raised: list[Raised], begun: Callable[[Part], object]
) -> Iterator[check.Judgement]:
    texts = {part.exercise: part.source for part in code if part.role == ANSWER}
    errors: dict[str, tuple[str, str]] = {}  # by exercise: what the cell raised that defines it
    for part in code:
        begun(part)
        if part.role == CHECK:
            name = part.exercise
            yield check.judge_here(name, shell.user_ns, texts.get(name, ""), errors.get(name))
            continue
        own = {part.exercise} if part.role == ANSWER else defined(part.source) & texts.keys()
        texts |= {name: part.source for name in own if not texts[name].strip()}
        error = _run(shell, part.source)
        if error is not None:
            errors |= dict.fromkeys(own, error)
            raised.append(Raised(part, error))


def _run(shell: Any, source: str) -> tuple[str, str] | None:
    """Run one cell without its prints; return the type and message of an error that it raised.

    A stub's NotImplementedError is not reported.
    """
    Session.checking = False  # a check in a cell of the student's own does nothing here
    with contextlib.redirect_stdout(io.StringIO()):
        result = shell.run_cell(source)
    Session.checking = True
    error = result.error_before_exec or result.error_in_exec
    if error is None or isinstance(error, NotImplementedError):
        return None
    print("".join(traceback.format_exception_only(error)).strip(), file=sys.stderr)
    return type(error).__name__, str(error)
