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
from grader.rules.comparing import with_cause
from grader.rules.evaluate import evaluate, not_attempted
from grader.source.cells import normalized
from grader.student import frozen, records, screen
from grader.student.folds import fold
from grader.student.report import Report
from grader.student.summary import summary


class CheckFailed(Exception):
    """An answer is not right yet. Shown as one line: what stands above it says the rest."""

    def _render_traceback_(self) -> list[str]:
        return [f"CheckFailed: {self}"]


class _Session:
    """What this kernel remembers between calls."""

    checking = True  # False in the grading worker, where the judge does the checking
    hints: dict[str, int] = {}  # hints given so far, by exercise
    complaint = ""  # why a verdict could not be recorded; printed only once


def check(exercise_id: str) -> None:
    """Try your answer to an exercise on the public cases and show what was found.

    Args:
        exercise_id: the name of the function or class that the exercise asks for.

    Raises:
        CheckFailed: a check did not pass. An answer that is not written yet raises nothing; a line
            on stderr says so, which nbgrader's Validate counts as not done.
        KeyError: the course has no such exercise.
    """
    if not _Session.checking:
        return
    namespace = _namespace()
    verdict = verdict_here(exercise_id, namespace)
    answers = frozen.load(exercise_id)
    if exercise_id in namespace:  # before the answer's cell has run, there is no answer to record
        _note(verdict)
    if not verdict.attempted:
        print(
            f"{exercise_id}: not attempted yet.\nWrite your answer in the cell above, run it, then "
            f'run this cell again. hint("{exercise_id}") gives a hint.',
            file=sys.stderr,
        )
        screen.show_html(fold(exercise_id, answers.hints))
        return
    run_failed = exercise_id not in namespace and bool(_cell_of(exercise_id, namespace))
    said = summary(verdict, following=answers.next, run_failed=run_failed)
    screen.show(Report(said, answers.hints))
    if not verdict.passed:
        raise CheckFailed(said.headline)


def _note(verdict: Verdict) -> None:
    """Record a verdict for ``progress()``; the first failure to do so is printed."""
    complaint = records.note(verdict)
    if complaint and not _Session.complaint:
        print(complaint)
    _Session.complaint = _Session.complaint or complaint


def verdict_here(
    exercise_id: str,
    namespace: Mapping[str, Any],
    source: str = "",
    error: tuple[str, str] | None = None,
) -> Verdict:
    """The verdict of the public cases on a namespace.

    ``source`` is the text of the answer's cell; without it, the cell is looked up in the history.
    The text tells whether the answer is still as it was handed out. ``error``: type and message of
    what that cell raised, if it did.
    """
    answers = frozen.load(exercise_id)
    text = source or _cell_of(exercise_id, namespace)
    as_given = bool(answers.given) and normalized(text) == normalized(answers.given)
    # Calling a stub is no test: a class's stub may fail before it reaches the forward that raises
    # NotImplementedError, because an earlier lesson's answer is missing.
    if as_given or is_stub(namespace.get(exercise_id)):
        return not_attempted(answers.suite)
    calls = DirectCalls(namespace, functools.partial(_candidate, answers.lesson, namespace))
    replies = put_questions(answers.suite, calls.ask, timed=False)  # no clock decides here
    return evaluate(answers.suite, with_cause(replies, error), lambda: answers.known)


def _candidate(lesson: str, namespace: Mapping[str, Any], key: str) -> Callable[..., Any]:
    """A function for a student's test to examine, made by the lesson from the student's answers."""
    module = importlib.import_module(f"{current().solutions}.{lesson}.public.candidates")
    return module.candidate(namespace, key)


def hint(exercise_id: str) -> None:
    """Print the next hint: a nudge first, then the idea, then an outline with blanks."""
    if not _Session.checking:
        return
    hints = frozen.load(exercise_id).hints
    index = min(_Session.hints.get(exercise_id, 0), len(hints) - 1)
    _Session.hints[exercise_id] = index + 1
    print(f"Hint {index + 1} of {len(hints)} for {exercise_id}:\n{hints[index]}")
    if index + 1 == len(hints):
        print("(That was the last one; now try, check, and read what the check has seen.)")


def ready(*answers: Any) -> bool:
    """Whether all these functions or classes are written; if not, one line says which."""
    missing = [getattr(a, "__name__", str(a)) for a in answers if is_stub(a)]
    if missing:
        print(f"(This cell waits for your {_listed(missing)}.)")
    return not missing


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def is_stub(answer: Any) -> bool:
    """Does an answer's body do nothing but raise NotImplementedError?"""
    function = getattr(answer, "forward", answer) if inspect.isclass(answer) else answer
    code = getattr(function, "__code__", None)
    return code is not None and code.co_names == ("NotImplementedError",)


def _namespace() -> Mapping[str, Any]:
    """The names of the notebook or script whose code called ``check``."""
    shell = screen.shell()
    # In plain Python: frame 0 is this function, 1 is check, 2 is the caller.
    return shell.user_ns if shell is not None else sys._getframe(2).f_globals


def _inputs(namespace: Mapping[str, Any]) -> list[Any]:
    """The cells as they were typed. ``In`` would show magics as calls of get_ipython."""
    shell = screen.shell()
    if shell is not None and shell.user_ns is namespace:
        return list(shell.history_manager.input_hist_raw)
    return list(namespace.get("In", []))


def _cell_of(exercise_id: str, namespace: Mapping[str, Any]) -> str:
    """The last cell run that defines the name; "" if there is none."""
    pattern = re.compile(
        rf"^(def|class)\s+{re.escape(exercise_id)}\b|^{re.escape(exercise_id)}\s*=", re.M
    )
    cells = [cell for cell in _inputs(namespace) if isinstance(cell, str)]
    return next((cell for cell in reversed(cells) if pattern.search(cell)), "")
