"""The data that student code and the checks exchange.

Everything here is plain: numbers, strings, NumPy arrays, and frozen dataclasses of those.
A torch tensor travels as :class:`Tensor`, so that this module needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Tensor:
    """A torch tensor in transit: its values as an array of the same dtype and shape."""

    data: np.ndarray


def moved_on(array: np.ndarray) -> np.ndarray:
    """Return the array with its rows moved on by one place: the last comes first."""
    return np.roll(array, 1, 0) if array.ndim else array


@dataclass(frozen=True)
class Opaque:
    """A value of a type that does not travel; only the name of the type does."""

    type: str


BFLOAT16 = Opaque("bfloat16 tensor")  # NumPy has no such dtype


@dataclass(frozen=True)
class Failure:
    """The reason why a call gave no value.

    ``kind`` is one of ``exception``, ``missing`` (no such name), ``not_attempted`` (the stub's
    NotImplementedError), ``timed_out``, ``out_of_memory``, ``crashed``, ``malformed``. ``type`` is
    the exception's, "" for one of ours about a layer that is not built as agreed. ``line`` is
    the text of the line in the student's cell that raised the error, and ``number`` its number
    there; "" and 0 if no line of a cell raised it. ``base`` is the built-in class that the error's
    own class is derived from; "" if the class is built in.
    """

    kind: str
    type: str = ""
    message: str = ""
    line: str = ""
    number: int = 0
    base: str = ""


@dataclass(frozen=True)
class Callback:
    """An argument that is a function of the process that asks, named by its ``key``.

    Student code gets a function that passes each call on to that process. So the student can call
    the function, but cannot read its code.
    """

    key: str


@dataclass(frozen=True)
class Ref:
    """An argument that is the result of an earlier step, or the item at ``path`` within it."""

    name: str
    path: tuple = ()


@dataclass(frozen=True)
class Step:
    """One call before or after a question's own call; its result is kept under ``name``.

    ``target`` is a name in the student's notebook or, after an "@", a function of
    :mod:`grader.protocol.step_library`. ``init`` and ``weights`` build a layer, as in an
    :class:`Ask`; the built layer itself is the step's result, and it is not called. ``times``
    repeats the step; its arguments may refer to the result of the previous repetition. With
    ``every`` = (name, *path), the items at this path of all its results are kept, too, in a list
    under that name.
    """

    name: str
    target: str
    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    init: tuple | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    times: int = 1
    every: tuple = ()


@dataclass(frozen=True)
class Ask:
    """One question put to student code.

    With ``init`` None the function ``target`` is called with ``args`` and ``kwargs``. Otherwise
    the class ``target`` is built from ``init``, the arrays in ``weights`` are loaded into the
    attributes they name (``"W_query.weight"``), and the layer is called.

    With ``cotangents`` the scalar sum(output * cotangent) over the floating outputs, in order, is
    differentiated with respect to ``wrt``: positions of arguments ("0") or names of weights.
    With ``watch`` the arguments are sent back as they are after the call: positional ones, then
    keywords. But that is only what the worker claims. So with ``twice`` the target is called once
    more, with the same objects, after the rows of each array among its positional arguments were
    moved on by one place (the last row comes first): see ``Reply.again``.

    A layer is put into ``mode`` ("train" or "eval") first, and ``seed`` seeds torch for the call.
    ``memory`` is how many bytes the call may allocate beyond what is already in use. ``counted``
    asks for ``Reply.work``: "work" is how much torch computed for the answer (see
    :mod:`grader.protocol.counters`), "instructions" is how many instructions Python executed for
    it (see :mod:`grader.protocol.instructions`), and "rows" is the same with arguments that count
    each access to one of their rows. With ``timed`` the judge measures ``Reply.cpu``, in seconds
    of processor time, from outside the worker; in a notebook it is None.

    ``steps`` run before the call, ``after`` run after it; their arguments may refer to results of
    earlier steps, and to the call's own result as ``Ref("result")``. With ``after`` the reply's
    value is a tuple: the call's result, then the results of ``after``.
    """

    target: str
    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    init: tuple | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    cotangents: tuple | None = None
    wrt: tuple = ()
    watch: bool = False
    twice: bool = False
    mode: str = ""
    seed: int | None = None
    memory: int = 0
    counted: str = ""
    timed: bool = False
    steps: tuple = ()
    after: tuple = ()


@dataclass(frozen=True)
class Reply:
    """What student code gave for one :class:`Ask`.

    ``args`` are the arguments after the call, and ``again`` is the result of the second call, where
    these were asked for. ``work`` is the count that was asked for, None if nothing could be
    counted. If Python's instructions were counted, ``lines`` maps the text of the busiest lines of
    code to three counts: instructions, turns of loops, calls made.
    """

    value: Any = None
    grads: tuple = ()
    args: tuple | None = None
    failure: Failure | None = None
    work: int | None = None
    lines: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    cpu: float | None = None
    again: Any = None


# The resolution of the coarsest processor clock of a kernel, in seconds.
TICK = 0.01
# The reply in place of one to a slow or timed question that was not asked; compare it by identity.
NOT_ASKED = Reply(value=Opaque("not asked"))


@dataclass(frozen=True)
class Case:
    """A named question, and the reference's reply to it (None if a property is judged)."""

    name: str
    ask: Ask
    expected: Reply | None = None


@dataclass(frozen=True)
class Check:
    """Cases that pass or fail together under one rule, and what to tell the student.

    ``rule`` names a rule (see :func:`grader.rules.rule.rule_named`), and ``look`` says where to
    look for the mistake. A ``core`` check decides whether the exercise earns anything at all;
    ``share`` is the check's part of the points. ``where`` is "notebook" or "judge" for a check
    that exists only there. The answers of a ``slow`` check take a good part of a second each. So
    it is tried only while no core check has failed (see :mod:`grader.rules.asking`), and as few
    misconceptions as possible are compared by it.
    """

    name: str
    look: str
    cases: tuple = ()
    rule: str = "equal"
    options: dict[str, Any] = field(default_factory=dict)
    core: bool = False
    share: int = 1
    where: str = "both"
    slow: bool = False


@dataclass(frozen=True)
class CheckSuite:
    """All checks of one exercise, drawn for one occasion."""

    exercise: str
    points: float
    checks: tuple

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(case for check in self.checks for case in check.cases)

    @property
    def targets(self) -> set[str]:
        """The names that the questions call."""
        asks = [case.ask for case in self.cases]
        steps = [step for ask in asks for step in (*ask.steps, *ask.after)]
        return {call.target for call in (*asks, *steps)}

    @property
    def has_candidates(self) -> bool:
        """Whether the answer is a test, to which functions are given that it calls back."""
        return any(isinstance(arg, Callback) for case in self.cases for arg in case.ask.args)

    def questions(self) -> tuple[list[Ask], list[int]]:
        """Return the questions to ask, and for each case the index of its question among them.

        A question that several checks share is asked once. A question that one check has twice is
        asked twice: such a check compares the two answers.
        """
        asks: list[Ask] = []
        places: list[int] = []
        known: dict[tuple[int, int], int] = {}
        for check in self.checks:
            times: dict[int, int] = {}
            for case in check.cases:
                times[id(case.ask)] = number = times.get(id(case.ask), 0) + 1
                key = (id(case.ask), number)
                if key not in known:
                    known[key] = len(asks)
                    asks.append(case.ask)
                places.append(known[key])
        return asks, places


@dataclass(frozen=True)
class Misconception:
    """A named wrong answer: ``says`` tells the student what it does, never the right line.

    A mistake can be made in several ways, with other numbers or other operations. These variants
    share id, title and text; ``variant`` tells them apart.
    """

    id: str
    title: str
    says: str
    variant: str = ""


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome, and what to say about it, whether it passed or not.

    ``yours`` and ``expected`` hold a pair of arrays where numbers help. ``failure`` is why the
    call that failed the check gave no value. A check that was not ``tried`` (it could earn nothing)
    or could not be judged (a side check where the value is wrong) counts as not passed.
    """

    name: str
    passed: bool
    message: str = ""
    look: str = ""
    misconception: Misconception | None = None
    yours: np.ndarray | None = None
    expected: np.ndarray | None = None
    tried: bool = True
    failure: Failure | None = None


@dataclass(frozen=True)
class Verdict:
    """One exercise's outcome, ready to be shown or recorded."""

    exercise: str
    score: float
    max_score: float
    attempted: bool
    checks: tuple

    @property
    def passed(self) -> bool:
        return self.attempted and all(check.passed for check in self.checks)
