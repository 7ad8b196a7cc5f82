"""Judge a saved notebook as ``check NOTEBOOK`` does, in a process of its own.

A notebook's names would spill into the next one's, and into those of the kernel that asks; and a
cell that never ends, or ends its process, must not end the command that wants to pack it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.coursefile import ENGINE, VARIABLE, current
from grader.source.assembly import ANSWER, CHECK, GIVEN, OWN, Part

SECONDS = 900.0  # for one notebook; the longest takes about two minutes on a slow machine


@dataclass(frozen=True)
class Result:
    """One exercise's result: attempted or not, checks passed and in all, points of how many."""

    exercise: str
    attempted: bool
    passed: int
    checks: int
    points: float
    possible: float

    @property
    def right(self) -> bool:
        return self.attempted and self.passed == self.checks


@dataclass(frozen=True)
class Judged:
    """The results by exercise, and a line about each cell that raised an error.

    ``raised`` holds these lines for the student's cells, ``follow`` for the lesson's own, which use
    the answers. ``stopped`` says why there are no results: the run did not reach its end.
    """

    results: tuple[Result, ...] = ()
    raised: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    stopped: str = ""


def judge(path: Path, seconds: float = SECONDS) -> Judged:
    """Run the notebook's cells and judge its answers, for at most ``seconds``."""
    paths = filter(None, (str(ENGINE.parent), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {
        VARIABLE: str(current().root),
        "PYTHONPATH": os.pathsep.join(paths),
        "MPLBACKEND": "agg",  # a kernel's own would want to display
    }
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(path.resolve())],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that what the cells start can be ended with it
    )
    try:
        output, _ = process.communicate(timeout=seconds)
        why = "ended the process that ran it"
    except subprocess.TimeoutExpired:
        _end(process)
        output, _ = process.communicate()
        why = f"was still running after {seconds:g} seconds, the limit for a notebook"
    except BaseException:
        _end(process)
        process.wait()
        raise
    return _understood(output, why)


def _end(process: subprocess.Popen) -> None:
    """End the process, and on POSIX systems all that it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _understood(output: bytes, why: str) -> Judged:
    cell = ""
    for line in output.decode("utf-8", "replace").splitlines():
        try:
            said = json.loads(line)
        except ValueError:  # cut off in the middle
            break
        if "results" in said:
            results = tuple(Result(**one) for one in said["results"])
            return Judged(results, tuple(said["raised"]), tuple(said["follow"]))
        if "fault" in said:
            return Judged(stopped=said["fault"])
        cell = said["cell"]
    return Judged(stopped=f"{cell} {why}" if cell else f"the notebook {why}")


def called(part: Part) -> str:
    """Name a cell in a sentence, beginning in lower case."""
    if part.role == ANSWER:
        return f"the cell of {part.exercise}"
    if part.role == CHECK:
        return f"the check of {part.exercise}"
    lines = (line.strip() for line in part.source.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    whose = "your cell" if part.role == OWN else "the lesson's cell"
    return f"{whose} `{first[:50]}{' …' if len(first) > 50 else ''}`"


def _main(path: Path) -> None:
    """Judge, in the process of its own, and report on stdout, one JSON object a line."""
    # What the cells write to stdout, also from processes of theirs, must not mix with it.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**what: Any) -> None:
        report.write(json.dumps(what) + "\n")
        report.flush()

    from grader.student.notebooks import NotANotebook
    from grader.student.runner import run_notebook

    try:
        checked = run_notebook(path, lambda part: say(cell=called(part)))
    except NotANotebook as error:
        say(fault=str(error))
        return
    except OSError as error:
        say(fault=f"{error.filename or path}: {error.strerror}")
        return
    results: list[Mapping[str, Any]] = [
        {
            "exercise": verdict.exercise,
            "attempted": verdict.attempted,
            "passed": sum(check.passed for check in verdict.checks),
            "checks": len(verdict.checks),
            "points": float(verdict.score),
            "possible": float(verdict.max_score),
        }
        for verdict in checked.verdicts
    ]
    raised: list[str] = []
    follow: list[str] = []
    for one in checked.raised:
        kind, message = one.error
        first = message.strip().partition("\n")[0][:100]
        line = f"{called(one.part)} raises {kind}{': ' if first else ''}{first}"
        (follow if one.part.role == GIVEN else raised).append(line)
    say(results=results, raised=raised, follow=follow)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
