"""Check an answer that builds on earlier answers that are wrong or missing.

Grading takes the course's version of an earlier answer where that gives more points. A student's
machine has only recordings of it (:mod:`grader.student.stand_ins`), so a check here may need a
reply that was not recorded. It then says so, and blames nobody.
"""

from __future__ import annotations

import contextlib
import dis
import inspect
import types
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grader.coursefile import current
from grader.protocol.calls import Calls
from grader.protocol.values import Ask, CheckResult, CheckSuite, Failure, Reply, Verdict
from grader.rules.asking import put_questions
from grader.rules.evaluate import Assessment, assess, verdict_on, with_results
from grader.student import frozen
from grader.student.stand_ins import Doubt, StandIns
from grader.student.summary import begin_with, clause

NOT_TOLD = Reply(failure=Failure("exception", "NotTold", "an earlier answer comes first"))
# The verdict on one exercise's answer, by its name and the names around it.
Judge = Callable[[str, Mapping[str, Any]], Verdict]


@dataclass(frozen=True, eq=False)
class Weak:
    """An earlier answer that does not pass its own public checks.

    ``because`` holds the weak answers that it builds on: they have to be fixed first.
    """

    name: str
    lesson: str
    verdict: Verdict
    because: tuple[Weak, ...] = ()

    @property
    def roots(self) -> tuple[Weak, ...]:
        """The weak answers at the bottom of this one: they build on no weak one."""
        return roots(self.because) or (self,)

    def said(self, lesson: str) -> str:
        """Return a clause about it, as read in the given lesson."""
        lessons = current().lessons
        place = "" if self.lesson == lesson else f" of lesson {lessons.index(self.lesson) + 1}"
        return clause(f"your {self.name}{place}", self.verdict)


def roots(weak: Sequence[Weak]) -> tuple[Weak, ...]:
    """Return the weak answers at the bottom of these, each once."""
    return tuple({root.name: root for one in weak for root in one.roots}.values())


def weak_ones(exercise: str, namespace: Mapping[str, Any], judge: Judge) -> tuple[Weak, ...]:
    """Find the weak earlier answers that this exercise's answer or its questions use."""
    answers = frozen.load(exercise)
    used = names_used(namespace.get(exercise), namespace) | answers.suite.targets
    found = []
    for name in answers.foundations:
        if name not in used:
            continue
        # An answer of an earlier lesson has that lesson's names around it.
        space = {**namespace, **_globals(namespace.get(name)), name: namespace.get(name)}
        verdict = judge(name, space)
        if not verdict.passed:
            below = weak_ones(name, space, judge) if verdict.attempted else ()
            found.append(Weak(name, frozen.load(name).lesson, verdict, below))
    return tuple(found)


def verdict_with_stand_ins(
    exercise: str, namespace: Mapping[str, Any], weak: Sequence[Weak], calls: Calls
) -> tuple[Assessment, Verdict, int]:
    """Return the verdict with stand-ins for weak answers, and how many checks must wait for them.

    ``calls`` must call into ``namespace`` itself; the names there are put back afterwards.
    """
    answers = frozen.load(exercise)
    doubt = Doubt()
    known = StandIns(answers.recordings, doubt)
    stand_ins = {one.name: known[one.name] for one in weak}

    # A subclass of the student's version goes on using that one.
    answer = namespace.get(exercise)
    inherits = inspect.isclass(answer) and any(
        namespace.get(one.name) in answer.__mro__ for one in weak
    )

    def ask(asks: list[Ask]) -> list[Reply]:
        replies = []
        for one in asks:
            doubt.clear()
            (reply,) = calls.ask([one])
            # The count should include the work of the course's version, and a recording does none.
            counted = doubt.called and bool(one.counted)
            # An unwritten answer was reached around its stand-in, such as through a partial.
            unwritten = reply.failure is not None and reply.failure.type == "NotImplementedError"
            lost = doubt.raised or inherits or counted or unwritten
            replies.append(NOT_TOLD if lost else reply)
        return replies

    with _replaced(namespace, answer, stand_ins):
        replies = put_questions(answers.suite, ask, timed=False)
    assessment = assess(answers.suite, replies)
    verdict = verdict_on(assessment, lambda: answers.known)
    if not verdict.attempted:
        return assessment, verdict, 0
    return assessment, *_without_doubtful(answers.suite, replies, verdict, weak)


def _without_doubtful(
    suite: CheckSuite, replies: Sequence[Reply], verdict: Verdict, weak: Sequence[Weak]
) -> tuple[Verdict, int]:
    """Return the verdict, its checks not tried where a lost reply decides, and their number."""
    first = roots(weak)
    names = " and ".join(root.name for root in first)
    text = f"not judged here until your {names} {'passes' if len(first) == 1 else 'pass'}"
    start, doubtful = 0, []
    for check in suite.checks:
        own = replies[start : start + len(check.cases)]
        doubtful.append(any(reply is NOT_TOLD for reply in own))
        start += len(check.cases)
    core = any(lost and check.core for lost, check in zip(doubtful, suite.checks, strict=True))
    results = []
    for result, lost in zip(verdict.checks, doubtful, strict=True):
        waits = lost or (core and not result.tried)  # a core check decides whether it is tried
        results.append(CheckResult(result.name, False, text, tried=False) if waits else result)
    count = sum(not result.tried and result.message == text for result in results)
    return with_results(suite, results), count


def remark(
    exercise: str, lesson: str, weak: Sequence[Weak], untold: int, checks: int, better: bool
) -> str:
    """Say how weak earlier answers bear on the verdict on a later one.

    ``untold`` of its ``checks`` cannot be judged; ``better`` if it has more points with the earlier
    answers as they are.
    """
    first = roots(weak)
    said = " and ".join(root.said(lesson) for root in first)
    said = said[0].upper() + said[1:]
    if better:
        how = f"{exercise} is judged with it anyway: with the course's version it would get less"
    elif not untold:
        how = f"{exercise} is judged here with the course's version, as in grading"
    elif untold < checks:
        how = (
            f"{exercise} is judged here with the course's version, as in grading; {untold} of its "
            f"{checks} checks must wait"
        )
    else:
        how = f"{exercise} is not judged here yet; grading judges it with the course's version"
    written = all(root.verdict.attempted for root in first)
    return f"{said}. {how}. {begin_with([root.name for root in first], written)}"


def names_used(answer: Any, namespace: Mapping[str, Any], opaque: Collection[str] = ()) -> set[str]:
    """Return the global names that an answer's code uses, also through helpers defined here.

    Names in ``opaque`` are not followed.
    """
    found: set[str] = set()
    pending = [answer]
    while pending:
        thing = pending.pop()
        if inspect.isclass(thing):
            pending += [base for base in thing.__bases__ if _globals(base) is _globals(thing)]
            found |= {base.__name__ for base in thing.__bases__}
        names = {name for code in _codes(thing) for name in _globals_in(code)} - found
        found |= names
        around = _globals(thing) or namespace
        # Modules and classes of libraries are no helpers: theirs are other namespaces.
        pending += [
            around[name]
            for name in names - set(opaque)
            if name in around and _globals(around[name]) is _globals(thing)
        ]
    return found


def _functions(thing: Any) -> Iterator[types.FunctionType]:
    members = vars(thing).values() if inspect.isclass(thing) else [thing]
    for member in members:
        function = inspect.unwrap(member) if callable(member) else member
        if isinstance(function, types.FunctionType):
            yield function


def _codes(thing: Any) -> Iterator[types.CodeType]:
    pending = [function.__code__ for function in _functions(thing)]
    while pending:
        code = pending.pop()
        yield code
        pending += [const for const in code.co_consts if isinstance(const, types.CodeType)]


def _globals_in(code: types.CodeType) -> Iterator[str]:
    """Yield the global names that code reads. ``co_names`` would add attributes: `torch.exp`."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval


def _globals(thing: Any) -> dict[str, Any]:
    """Return the globals of a function's or class's code; empty for anything else."""
    function = next(_functions(thing), None)
    return function.__globals__ if function is not None else {}


@contextlib.contextmanager
def _replaced(namespace: Mapping[str, Any], answer: Any, new: Mapping[str, Any]) -> Iterator[None]:
    """Put these names into the namespace, and around the answer's code, for a while."""
    with contextlib.ExitStack() as undo:
        for space in (namespace, _globals(answer)):
            if isinstance(space, dict):
                for name, value in new.items():
                    if name in space:
                        undo.callback(space.__setitem__, name, space[name])
                    else:
                        undo.callback(space.pop, name, None)
                    space[name] = value
        yield
