"""How many instructions Python executes for an answer: the same on every machine, idle or busy.

Only the student's own code counts, wherever it stands and whoever calls it: other cells, lambdas,
methods, code made by ``exec``, threads. What a library does inside does not count; that it is
called does, once for each time, even where ``map`` or ``sorted`` do the calling. A call of
``np.vectorize`` or ``np.apply_along_axis`` counts as often as it calls its function.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import os
import sysconfig
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from sys import gettrace, settrace  # as they were before a student's code could replace them
from types import CodeType, FrameType
from typing import Any

import numpy as np

MAX_LINES, MAX_LINE = 50, 200

LIBRARIES = tuple(
    os.path.join(folder, "")
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        str(Path(np.__file__).parents[1]),
        str(Path(__file__).parent),
    }
) + ("<frozen ",)


class Rows(np.ndarray):
    """An array that shows when a row is taken out of it, though it be in C: each is a call.

    ``list(map(keys.dot, queries))`` executes no instruction of Python's for a query.
    """

    def __array_finalize__(self, obj: Any) -> None:
        """Called for every new view of the array, and for what is computed from it."""


def rows(value: Any) -> Any:
    """The value; an array as one of :class:`Rows`."""
    return value.view(Rows) if type(value) is np.ndarray else value


def _calls_of_numpy(frame: FrameType) -> int:
    """How often, or in proportion to that, NumPy's loop in disguise calls its function."""
    given = [frame.f_locals.get("arr"), *frame.f_locals["args"]]
    return max(np.asarray(one, dtype=object).size for one in given)


def _new_objects(frame: FrameType) -> int:
    """An array of objects has been made by a function for each entry, as by ``np.frompyfunc``."""
    array = frame.f_locals["self"]
    return array.size if array.dtype.hasobject else 1


# Library code whose call stands for many, by the identity of its code.
MANY: dict[int, Callable[[FrameType], int]] = {
    id(np.vectorize.__call__.__code__): _calls_of_numpy,
    id(inspect.unwrap(np.apply_along_axis).__code__): _calls_of_numpy,
    id(Rows.__array_finalize__.__code__): _new_objects,
}


class _Counts:
    """Of one piece of code, by place: instructions executed, and calls that were made from there,
    by whatever code of C in between."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.executed: defaultdict[int, int] = defaultdict(int)
        self.called: defaultdict[int, int] = defaultdict(int)

    def trace(self, frame: FrameType, event: str, arg: Any) -> None:
        """Python's local trace function: told of every instruction before it is executed."""
        if event == "opcode":
            self.executed[frame.f_lasti] += 1

    def by_line(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """(text of the line, (instructions, jumps back among them, calls)), place by place."""
        back = {
            one.offset
            for one in dis.get_instructions(self.code)
            if one.opcode in (*dis.hasjrel, *dis.hasjabs) and one.argval <= one.offset
        }
        numbers = [place[0] or 0 for place in self.code.co_positions()]
        for offset in self.executed.keys() | self.called.keys():
            text = linecache.getline(self.code.co_filename, numbers[offset // 2]).strip()
            executed = self.executed[offset]
            yield text[:MAX_LINE], (executed, executed * (offset in back), self.called[offset])


class InstructionCounter:
    """Counts while it is entered. A debugger's own trace function is put back at the end."""

    current: InstructionCounter | None = None

    def __init__(self) -> None:
        self._counts: dict[int, _Counts] = {}
        self._library = 0
        self._lost = False

    def __enter__(self) -> InstructionCounter:
        self._before = gettrace(), threading.gettrace()
        InstructionCounter.current = self
        threading.settrace(self._trace)
        settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        self._lost |= gettrace() != self._trace or threading.gettrace() != self._trace
        settrace(self._before[0])
        threading.settrace(self._before[1])  # type: ignore[arg-type]
        InstructionCounter.current = None

    @property
    def work(self) -> int | None:
        """Instructions and calls of libraries. None: another trace function was in the place of
        this one at the end, or a process was started, and so nobody knows."""
        if self._lost:
            return None
        return self._library + sum(sum(one.executed.values()) for one in self._counts.values())

    @property
    def lines(self) -> dict[str, tuple[int, int, int]]:
        """For the busiest lines of code: instructions, turns of Python's own loops among them
        (jumps back), and calls that were made from there."""
        found: dict[str, tuple[int, int, int]] = {}
        for one in self._counts.values():
            for text, (executed, turns, calls) in one.by_line():
                before = found.get(text, (0, 0, 0))
                found[text] = (before[0] + executed, before[1] + turns, before[2] + calls)
        busiest = sorted(found.items(), key=lambda item: -item[1][0] - item[1][2])
        return dict(busiest[:MAX_LINES])

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Python's global trace function: told of every call of a Python function."""
        own, caller = _is_own(frame), frame.f_back
        if caller is not None and _is_own(caller):
            count = MANY.get(id(frame.f_code))
            calls = 1 if count is None else count(frame)
            self._of(caller.f_code).called[caller.f_lasti] += calls
            self._library += 0 if own else calls
        if not own:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._of(frame.f_code).trace

    def _of(self, code: CodeType) -> _Counts:
        """By the code's identity: to compare two codes takes long."""
        if id(code) not in self._counts:
            self._counts[id(code)] = _Counts(code)
        return self._counts[id(code)]


def _is_own(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(LIBRARIES)


def _fork() -> None:
    if InstructionCounter.current is not None:
        InstructionCounter.current._lost = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_fork)
