"""Run a notebook's code in this process and check every exercise on the public cases."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from grader.student import check
from grader.student.notebooks import NotANotebook, read


def run_notebook(path: Path) -> list[check.Judgement]:
    """Run the code cells in order, and judge an answer in place of each check cell.

    A cell that raises is reported on stderr and the run goes on: later exercises count.
    """
    os.environ.setdefault("MPLBACKEND", "agg")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    judgements: list[check.Judgement] = []
    sources: dict[str, str] = {}
    cells = [cell for cell in read(path) if cell.kind == "code"]
    with contextlib.chdir(path.parent):  # as a kernel does: `mine` looks for lessons from here
        for cell in cells:
            name = cell.name
            if name.startswith("check_"):
                exercise = name.removeprefix("check_")
                text = sources.get(exercise, "")
                judgements.append(check.judge_here(exercise, shell.user_ns, text))
                continue
            sources[name] = cell.source
            _run(shell, cell.source)
    if not judgements:
        raise NotANotebook(f"{path.name} holds no check cell: is it a lesson of this course?")
    return judgements


def _run(shell: Any, source: str) -> None:
    """Run one cell without its prints; a stub's NotImplementedError is not reported."""
    check._Session.checking = False  # a check in a cell of the student's own does nothing here
    with contextlib.redirect_stdout(io.StringIO()):
        result = shell.run_cell(source)
    check._Session.checking = True
    error = result.error_before_exec or result.error_in_exec
    if error is not None and not isinstance(error, NotImplementedError):
        print("".join(traceback.format_exception_only(error)).strip(), file=sys.stderr)
