"""Count the instructions that Python executes for an answer: the same on every machine.

Only the student's own code counts, wherever it is written and whatever calls it: other cells,
lambdas, methods, code made by ``exec``, threads. The inside of a library does not count, but each
call of a library function does, even if ``map`` or ``sorted`` makes the call. A call of
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
from sys import gettrace, settrace  # bound now, before student code can replace them in sys
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
    """An array for which taking out a row counts as a call, even if C code takes it out.

    Without this ``list(map(keys.dot, queries))`` would execute no Python instruction per query.
    """

    def __array_finalize__(self, obj: Any) -> None:
        """NumPy calls this for every new view of the array and every array computed from it."""


def rows(value: Any) -> Any:
    """View an array as :class:`Rows`; return any other value as it is."""
    return value.view(Rows) if type(value) is np.ndarray else value


def _calls_of_numpy(frame: FrameType) -> int:
    """Estimate how often a loop of NumPy's calls its function: the size of its largest input."""
    inputs = [frame.f_locals.get("arr"), *frame.f_locals["args"]]
    return max(np.asarray(value, dtype=object).size for value in inputs)


def _new_objects(frame: FrameType) -> int:
    """Count an array of objects by its entries: ``np.frompyfunc`` called a function for each."""
    array = frame.f_locals["self"]
    return array.size if array.dtype.hasobject else 1


# Library functions that make many calls in one, by the identity of their code.
MANY: dict[int, Callable[[FrameType], int]] = {
    id(np.vectorize.__call__.__code__): _calls_of_numpy,
    id(inspect.unwrap(np.apply_along_axis).__code__): _calls_of_numpy,
    id(Rows.__array_finalize__.__code__): _new_objects,
}


class _Counts:
    """One code object's counts by offset: instructions executed, and calls, also through C code."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.executed: defaultdict[int, int] = defaultdict(int)
        self.called: defaultdict[int, int] = defaultdict(int)

    def trace(self, frame: FrameType, event: str, arg: Any) -> None:
        """Count an instruction. Python calls this local trace function before every one."""
        if event == "opcode":
            self.executed[frame.f_lasti] += 1

    def by_line(self) -> Iterator[tuple[str, tuple[int, int, int]]]:
        """Yield (text of the line, (instructions, jumps back among them, calls)) by offset."""
        back = {
            instruction.offset
            for instruction in dis.get_instructions(self.code)
            if instruction.opcode in (*dis.hasjrel, *dis.hasjabs)
            and instruction.argval <= instruction.offset
        }
        numbers = [position[0] or 0 for position in self.code.co_positions()]
        for offset in self.executed.keys() | self.called.keys():
            text = linecache.getline(self.code.co_filename, numbers[offset // 2]).strip()
            executed = self.executed[offset]
            yield text[:MAX_LINE], (executed, executed * (offset in back), self.called[offset])


class InstructionCounter:
    """A context that counts instructions; at its end a debugger's trace function is restored."""

    current: InstructionCounter | None = None

    def __init__(self) -> None:
        self._counts: dict[int, _Counts] = {}
        self._library_calls = 0
        self._lost = False  # True if something may have run uncounted

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
        """Instructions plus calls of libraries; None if the count may be incomplete.

        It may be if another trace function had replaced this one at the end, or a process was
        started.
        """
        if self._lost:
            return None
        instructions = sum(sum(counts.executed.values()) for counts in self._counts.values())
        return self._library_calls + instructions

    @property
    def lines(self) -> dict[str, tuple[int, int, int]]:
        """The busiest lines of code with their (instructions, jumps back among them, calls).

        A jump back is a turn of a loop of Python's own.
        """
        found: dict[str, tuple[int, int, int]] = {}
        for counts in self._counts.values():
            for text, (executed, turns, calls) in counts.by_line():
                before = found.get(text, (0, 0, 0))
                found[text] = (before[0] + executed, before[1] + turns, before[2] + calls)
        busiest = sorted(found.items(), key=lambda item: -item[1][0] - item[1][2])
        return dict(busiest[:MAX_LINES])

    def _trace(self, frame: FrameType, event: str, arg: Any) -> Any:
        """Count a call. Python calls this global trace function when it calls a Python function."""
        own, caller = _is_own(frame), frame.f_back
        if caller is not None and _is_own(caller):
            count = MANY.get(id(frame.f_code))
            calls = 1 if count is None else count(frame)
            self._counts_of(caller.f_code).called[caller.f_lasti] += calls
            self._library_calls += 0 if own else calls
        if not own:
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return self._counts_of(frame.f_code).trace

    def _counts_of(self, code: CodeType) -> _Counts:
        """Return a code object's counts, found by identity: comparing code objects is slow."""
        if id(code) not in self._counts:
            self._counts[id(code)] = _Counts(code)
        return self._counts[id(code)]


def _is_own(frame: FrameType) -> bool:
    return not frame.f_code.co_filename.startswith(LIBRARIES)


def _before_fork() -> None:
    """Give up the count: what a child process executes is not traced here."""
    if InstructionCounter.current is not None:
        InstructionCounter.current._lost = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
