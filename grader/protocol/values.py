"""The data that crosses the wall between student code and the checks.

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


@dataclass(frozen=True)
class Opaque:
    """A value of a type that does not travel; only the name of the type does."""

    type: str


@dataclass(frozen=True)
class Failure:
    """Why there is no value.

    ``kind`` is one of ``exception``, ``missing`` (no such name), ``not_attempted`` (the stub's
    NotImplementedError), ``timed_out``, ``out_of_memory``, ``crashed``, ``malformed``.
    """

    kind: str
    type: str = ""
    message: str = ""
    line: str = ""


@dataclass(frozen=True)
class Callback:
    """As an argument: a function that lives with whoever asks, and is called from afar.

    Student code receives something it can call with tensors; what it does stays out of its reach.
    """

    key: str


@dataclass(frozen=True)
class Ref:
    """As an argument: the result of an earlier step, or the item of it at ``path``."""

    name: str
    path: tuple = ()


@dataclass(frozen=True)
class Step:
    """One call of a little program around a question; its result is kept under ``name``.

    ``target`` is a name of the student's, or one of the seam's own after an "@" (see
    :mod:`grader.protocol.step_library`). ``init`` and ``weights`` build a layer, as in an
    :class:`Ask`; the built layer itself is the step's result, and it is not called. ``times``
    repeats the step, whose arguments may refer to its own result of the time before.
    """

    name: str
    target: str
    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    init: tuple | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    times: int = 1


@dataclass(frozen=True)
class Ask:
    """One question put to student code.

    With ``init`` None the function ``target`` is called with ``args`` and ``kwargs``. Otherwise
    the class ``target`` is built from ``init``, the arrays in ``weights`` are loaded into the
    attributes they name (``"W_query.weight"``), and the layer is called.

    With ``cotangents`` the scalar sum(output * cotangent) over the floating outputs, in order, is
    differentiated with respect to ``wrt``: positions of arguments ("0") or names of weights.
    With ``watch`` the arguments are sent back as they stand after the call.

    A layer is put into ``mode`` ("train" or "eval") first, and ``seed`` seeds torch for the call.
    ``memory`` is how many bytes the call may take beyond what is in use. ``counted`` asks for
    ``Reply.work``: "work" is how much torch computed for the answer (see
    :mod:`grader.protocol.counters`), "instructions" how many instructions Python executed for it
    (see :mod:`grader.protocol.instructions`), "rows" the same for arrays that show when one of
    their rows is taken out. What is ``timed`` is timed from outside: ``Reply.cpu``, in seconds of
    processor time, is the judge's own finding and None in a notebook.

    ``steps`` run before the call and ``after`` follow it; arguments may refer to their results,
    and to the call's own as ``Ref("result")``. With ``after`` the reply's value is the tuple of
    the call's result and theirs.
    """

    target: str
    args: tuple = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    init: tuple | None = None
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    cotangents: tuple | None = None
    wrt: tuple = ()
    watch: bool = False
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

    ``work`` is what was to be counted, None if it could not be. Where these were Python's
    instructions, ``lines`` has of the busiest lines of code: instructions, turns of loops among
    them, calls made.
    """

    value: Any = None
    grads: tuple = ()
    args: tuple | None = None
    failure: Failure | None = None
    work: int | None = None
    lines: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    cpu: float | None = None


# The step of a kernel's processor clock, in seconds, where it has nothing finer.
TICK = 0.01
# In place of the answer to a slow or timed question where other answers have settled it.
NOT_ASKED = Reply(value=Opaque("not asked"))


@dataclass(frozen=True)
class Case:
    """A named question, with the reply that the reference gives (None: judged by a property)."""

    name: str
    ask: Ask
    expected: Reply | None = None


@dataclass(frozen=True)
class Check:
    """Cases that stand or fall together under one rule, and what to say when they fail.

    ``rule`` names a function in :mod:`grader.rules.rule`. A ``core`` check decides whether the
    exercise earns anything at all; ``share`` is the check's part of the points. ``where`` is
    "notebook" or "judge" for a check that exists only there. ``slow``: its answers take a good
    part of a second each. So it is tried only where no core check has failed (see
    :mod:`grader.rules.asking`), and known mistakes are put to it last, as few as can be.
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
    """All that one exercise is judged by, drawn for one occasion."""

    exercise: str
    points: float
    checks: tuple

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(case for check in self.checks for case in check.cases)

    def questions(self) -> tuple[list[Ask], list[int]]:
        """What to ask, and for each case the place of its answer.

        A question that several checks share is asked once; one that stands twice in the same
        check is asked twice there.
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
    """A named wrong answer: ``says`` tells the student what it does, never the right line."""

    id: str
    title: str
    says: str


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome, with what there is to say of it, passed or not.

    ``yours``/``expected`` hold a matrix pair where a picture helps. One that was not ``tried`` is
    not passed: nothing could be earned by it.
    """

    name: str
    passed: bool
    message: str = ""
    look: str = ""
    misconception: Misconception | None = None
    yours: np.ndarray | None = None
    expected: np.ndarray | None = None
    tried: bool = True


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
