"""``check``, ``hint`` and ``ready`` as a lesson calls them."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.coursefile import current
from grader.protocol.values import Verdict
from grader.rules.asking import put_questions
from grader.rules.comparing import with_cause
from grader.rules.evaluate import assess, not_attempted, verdict_on
from grader.source.cells import normalized
from grader.student import (
    cases,
    cell_versions,
    foundations,
    frozen,
    model_answers,
    records,
    screen,
)
from grader.student.calling import NotebookCalls, slow_questions
from grader.student.folds import fold
from grader.student.report import Report
from grader.student.session import FAILED, PASSED, WAITS, Session
from grader.student.summary import summary


class CheckFailed(Exception):
    """An answer is not right yet. It is shown as one line; the report above it says the rest."""

    def _render_traceback_(self) -> list[str]:
        return [f"CheckFailed: {self}"]


def check(exercise_id: str) -> None:
    """Try your answer to an exercise on the public cases and show what was found.

    Args:
        exercise_id: the name of the function or class that the exercise asks for.

    Raises:
        CheckFailed: a check did not pass. An answer that is not written yet raises nothing; a line
            on stderr says so, which nbgrader's Validate counts as not done.
        NoSuchExercise: the course has no such exercise.
    """
    if not Session.checking:
        return
    cell_versions.watch()
    namespace = _namespace()
    judgement = judge_here(exercise_id, namespace)
    verdict = judgement.verdict
    answers = frozen.load(exercise_id)
    stale = cell_versions.stale(exercise_id, namespace)
    right = verdict.passed and stale is None
    outcome = PASSED if right else FAILED if verdict.attempted else WAITS
    Session.outcomes[exercise_id] = outcome
    # Record nothing before the answer's cell has run, or if the file holds another version of the
    # answer, or of a helper of it, than was tried.
    if exercise_id in namespace and stale is None:
        _note(verdict, cell_versions.last_text(exercise_id, namespace))
    if stale is not None:
        screen.show_notice(stale.notice)
    if not verdict.attempted:
        print(
            f"{exercise_id}: not attempted yet.\nWrite your answer in the cell above, run it, then "
            f'run this cell again. hint("{exercise_id}") gives a hint.',
            file=sys.stderr,
        )
        screen.show_html(fold(exercise_id, answers.hints))
        return
    if stale is not None and verdict.passed:  # nothing green
        raise CheckFailed(stale.refusal)
    if judgement.remark:
        screen.show_notice(judgement.remark)
    was_run = bool(cell_versions.last_text(exercise_id, namespace))
    run_failed = exercise_id not in namespace and was_run
    model = model_answers.offer(exercise_id) if verdict.passed else ""
    said = summary(verdict, following=answers.next, run_failed=run_failed, model=model)
    screen.show(Report(said, answers.hints))
    if not verdict.passed:
        failing = judgement.failing
        if failing is not None and (failing.said or failing.code):
            screen.show(failing)
        raise CheckFailed(said.headline)


def _note(verdict: Verdict, answer: str) -> None:
    """Record a verdict for ``progress()``; the first failure to do so is printed."""
    complaint = records.note(verdict, answer=answer)
    if complaint and not Session.complaint:
        print(complaint)
    Session.complaint = Session.complaint or complaint


@dataclass(frozen=True)
class Judgement:
    """A verdict, a remark on the earlier answers that it depends on, and the case that fails."""

    verdict: Verdict
    remark: str = ""
    failing: cases.Failing | None = None


def judge_here(
    exercise_id: str,
    namespace: Mapping[str, Any],
    source: str = "",
    error: tuple[str, str] | None = None,
) -> Judgement:
    """Judge an answer on the public cases as grading does; arguments as for ``verdict_here``.

    An answer that fails and builds on earlier answers that are wrong or missing is judged with the
    course's versions of those, as far as recordings of them go. A test that the student has written
    is not: at grading it is run once.
    """
    calls = _calls(exercise_id, namespace)
    first, failing = _judged(exercise_id, namespace, source, calls, error)
    if first.passed or not first.attempted:
        return Judgement(first)
    if frozen.load(exercise_id).suite.has_candidates:
        return Judgement(first, failing=failing)
    weak = foundations.weak_ones(exercise_id, namespace, verdict_here)
    if not weak:
        return Judgement(first, failing=failing)
    calls = _calls(exercise_id, namespace)
    assessment, second, untold = foundations.verdict_with_stand_ins(
        exercise_id, namespace, weak, calls
    )
    better = not untold and first.score > second.score  # grading keeps the better one, too
    lesson, count = frozen.load(exercise_id).lesson, len(second.checks)
    remark = foundations.remark(exercise_id, lesson, weak, untold, count, better)
    if better:
        return Judgement(first, remark, failing)
    return Judgement(second, remark, cases.first_failing(assessment, second, calls))


def verdict_here(
    exercise_id: str,
    namespace: Mapping[str, Any],
    source: str = "",
    error: tuple[str, str] | None = None,
) -> Verdict:
    """Judge an answer on the public cases, with the namespace as it is.

    ``source`` is the text of the answer's cell; without it, the cell is looked up in the history.
    The text tells whether the answer is still as it was handed out. ``error``: type and message of
    the error that this cell raised, if any.
    """
    return _judged(exercise_id, namespace, source, _calls(exercise_id, namespace), error)[0]


def _judged(
    exercise_id: str,
    namespace: Mapping[str, Any],
    source: str,
    calls: NotebookCalls,
    error: tuple[str, str] | None = None,
) -> tuple[Verdict, cases.Failing | None]:
    """Return the verdict on a namespace, and the first case that fails."""
    answers = frozen.load(exercise_id)
    text = source or cell_versions.last_text(exercise_id, namespace)
    as_given = bool(answers.given) and normalized(text) == normalized(answers.given)
    # Calling a stub is no test: a class's stub may fail before it reaches the forward that raises
    # NotImplementedError, because an earlier lesson's answer is missing.
    if as_given or is_stub(namespace.get(exercise_id)):
        return not_attempted(answers.suite), None
    replies = put_questions(answers.suite, calls.ask, timed=False)  # no clock decides here
    assessment = assess(answers.suite, with_cause(replies, error))
    verdict = verdict_on(assessment, lambda: answers.known)
    return verdict, cases.first_failing(assessment, verdict, calls)


def _calls(exercise_id: str, namespace: Mapping[str, Any]) -> NotebookCalls:
    answers = frozen.load(exercise_id)
    callbacks = functools.partial(_candidate, answers.lesson, namespace)
    return NotebookCalls(namespace, callbacks, slow_questions(answers.suite))


def _candidate(lesson: str, namespace: Mapping[str, Any], key: str) -> Callable[..., Any]:
    """Return a function for a student's test to examine, which the lesson makes from answers."""
    module = importlib.import_module(f"{current().solutions}.{lesson}.public.candidates")
    return module.candidate(namespace, key)


def hint(exercise_id: str) -> None:
    """Print the next hint: a nudge first, then the idea, then an outline with blanks.

    Args:
        exercise_id: the name of the function or class that the exercise asks for.

    Raises:
        NoSuchExercise: the course has no such exercise.
    """
    if not Session.checking:
        return
    hints = frozen.load(exercise_id).hints
    index = min(Session.hints.get(exercise_id, 0), len(hints) - 1)
    Session.hints[exercise_id] = index + 1
    print(f"Hint {index + 1} of {len(hints)} for {exercise_id}:\n{hints[index]}")
    if index + 1 == len(hints):
        print("(That was the last hint. Now try it, run the check, and read what the check says.)")


def case(exercise_id: str) -> cases.Arguments:
    """Return the arguments of the first public case that your answer to an exercise fails.

    Args:
        exercise_id: the name of the function or class that the exercise asks for.

    Returns:
        The positional arguments as a tuple, in order: ``f(*case("f"))`` calls your function with
        them. Its attribute ``kwargs`` holds the arguments given by name. Its attribute ``answer``
        is what is called: your function or, if the exercise is a layer, your layer with the case's
        weights in it. If your answer fails no case, or is not written yet, it is the first case.

    Raises:
        LookupError: it is called in grading; use it only in your own notebook.
        NoSuchExercise: the course has no such exercise.
    """
    if not Session.checking:
        raise LookupError("case() works only in your own notebook, not in grading")
    namespace = _namespace()
    failing = judge_here(exercise_id, namespace).failing
    calls = _calls(exercise_id, namespace)
    if failing is None:
        first = frozen.load(exercise_id).suite.cases[0]
        failing = cases.Failing(exercise_id, first.name, first.ask, calls)
        print(f"(Your {exercise_id} fails no case; this is the first case: {first.name})")
    return failing.arguments()


def ready(*answers: Any) -> bool:
    """Tell whether all these functions or classes are written; if not, print which are missing.

    Args:
        answers: the functions or classes that a cell uses.

    Returns:
        False if one of them is still the stub that was handed out.
    """
    missing = [getattr(a, "__name__", str(a)) for a in answers if is_stub(a)]
    if missing:
        print(f"(This cell waits for your {_listed(missing)}.)")
    return not missing


def _listed(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def is_stub(answer: Any) -> bool:
    """Tell whether NotImplementedError is the only name that an answer's body looks up."""
    function = getattr(answer, "forward", answer) if inspect.isclass(answer) else answer
    code = getattr(function, "__code__", None)
    return code is not None and code.co_names == ("NotImplementedError",)


def _namespace() -> Mapping[str, Any]:
    """Return the names of the notebook or script whose code called ``check`` or ``case``."""
    shell = screen.shell()
    # In plain Python: frame 0 is this function, 1 is check or case, 2 is the caller.
    return shell.user_ns if shell is not None else sys._getframe(2).f_globals


# Record the runs from now on: the lesson's first cell imports this module.
cell_versions.watch()
