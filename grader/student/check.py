"""``check``, ``hint`` and ``ready`` as a lesson calls them."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from grader.coursefile import current
from grader.protocol.calls import DirectCalls
from grader.protocol.values import Verdict
from grader.rules.asking import put_questions
from grader.rules.evaluate import evaluate, not_attempted
from grader.source.cells import normalized
from grader.student import frozen, records, screen
from grader.student.folds import fold
from grader.student.report import Report


class CheckFailed(Exception):
    """An answer is not right yet. Shown as one line: the table above it says what was seen."""

    def _render_traceback_(self) -> list[str]:
        return [f"CheckFailed: {self}"]


class _Session:
    """What this kernel knows: whether checks run here, how many hints were given, and what was
    said of records that cannot be kept, which is said once."""

    checking = True  # False in the grading worker, where the judge does the checking
    hints: dict[str, int] = {}
    complaint = ""


def check(exercise_id: str) -> None:
    """Try your answer to an exercise on the public cases and show what was found.

    Args:
        exercise_id: the name of the function or class that the exercise asks for.

    Raises:
        CheckFailed: a check did not pass. An answer that is not written yet raises nothing; it is
            said on stderr, which nbgrader's Validate counts as not done.
        KeyError: the course has no such exercise.
    """
    if not _Session.checking:
        return
    namespace = _namespace()
    verdict = verdict_here(exercise_id, namespace)
    hints = frozen.load(exercise_id).hints
    if exercise_id in namespace:  # a check that is run before its cell says nothing of the answer
        _note(verdict)
    if not verdict.attempted:
        print(
            f"{exercise_id}: not attempted yet.\nWrite your answer in the cell above, run it, then "
            f'run this cell again. hint("{exercise_id}") gives a hint.',
            file=sys.stderr,
        )
        screen.show_html(fold(exercise_id, hints))
        return
    report = Report(verdict, hints)
    screen.show(report)
    if not verdict.passed:
        raise CheckFailed(report.headline)


def _note(verdict: Verdict) -> None:
    complaint = records.note(verdict)
    if complaint and not _Session.complaint:
        print(complaint)
    _Session.complaint = _Session.complaint or complaint


def verdict_here(exercise_id: str, namespace: Mapping[str, Any], source: str = "") -> Verdict:
    """The verdict of the public cases on a namespace.

    ``source`` is the text of the answer's cell, by which one that is still as it was given out is
    known; without it the cell is looked for.
    """
    answers = frozen.load(exercise_id)
    text = source or _cell_of(exercise_id, namespace)
    as_given = bool(answers.given) and normalized(text) == normalized(answers.given)
    # A class's stub may fail before its forward is reached, for want of an earlier lesson.
    if as_given or is_stub(namespace.get(exercise_id)):
        return not_attempted(answers.suite)
    calls = DirectCalls(namespace, functools.partial(_candidate, answers.lesson, namespace))
    replies = put_questions(answers.suite, calls.ask, timed=False)  # nobody takes the time here
    return evaluate(answers.suite, replies, lambda: answers.known)


def _candidate(lesson: str, namespace: Mapping[str, Any], key: str) -> Callable[..., Any]:
    """What a student's test is tried on, made of the student's own answers by the lesson."""
    module = importlib.import_module(f"{current().solutions}.{lesson}.public.candidates")
    return module.candidate(namespace, key)


def hint(exercise_id: str) -> None:
    """Print the next hint: a nudge first, then the idea, then an outline with blanks."""
    if not _Session.checking:
        return
    hints = frozen.load(exercise_id).hints
    given = min(_Session.hints.get(exercise_id, 0), len(hints) - 1)
    _Session.hints[exercise_id] = given + 1
    print(f"Hint {given + 1} of {len(hints)} for {exercise_id}:\n{hints[given]}")
    if given + 1 == len(hints):
        print("(That was the last one; now try, check, and read what the check has seen.)")


def ready(*answers: Any) -> bool:
    """Whether all these functions or classes are written; if not, one line says which."""
    missing = [getattr(a, "__name__", str(a)) for a in answers if is_stub(a)]
    if missing:
        print(f"(This cell waits for your {_listed(missing)}.)")
    return not missing


def _listed(names: list[str]) -> str:
    *front, last = names
    return f"{', '.join(front)} and {last}" if front else last


def is_stub(answer: Any) -> bool:
    """Does its body do nothing but raise NotImplementedError?"""
    function = getattr(answer, "forward", answer) if inspect.isclass(answer) else answer
    code = getattr(function, "__code__", None)
    return code is not None and code.co_names == ("NotImplementedError",)


def _namespace() -> Mapping[str, Any]:
    shell = screen.shell()
    return shell.user_ns if shell is not None else sys._getframe(2).f_globals


def _inputs(namespace: Mapping[str, Any]) -> list[Any]:
    """The cells as they were typed. ``In`` has their magics turned into calls of get_ipython."""
    shell = screen.shell()
    if shell is not None and shell.user_ns is namespace:
        return list(shell.history_manager.input_hist_raw)
    return list(namespace.get("In", []))


def _cell_of(exercise_id: str, namespace: Mapping[str, Any]) -> str:
    """The last cell that was run and defines the name; "" where there is none."""
    pattern = re.compile(
        rf"^(def|class)\s+{re.escape(exercise_id)}\b|^{re.escape(exercise_id)}\s*=", re.M
    )
    cells = [cell for cell in _inputs(namespace) if isinstance(cell, str)]
    return next((cell for cell in reversed(cells) if pattern.search(cell)), "")
