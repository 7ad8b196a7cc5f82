"""Call a student's answer in their own kernel, with a time limit, and keep what it prints."""

from __future__ import annotations

import _thread
import io
import linecache
import signal
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from grader.protocol.calls import Callbacks, answer, is_cell
from grader.protocol.values import Ask, CheckSuite, Failure, Reply

# Seconds that one call may take. A slow check, such as a training, may take long on a slow machine.
LIMIT, SLOW_LIMIT = 20.0, 120.0
MAX_PRINTED = 2000  # characters kept of what one call prints
MAX_FRAMES = 6  # of a traceback: a recursion that never ends has a thousand


class _Printed(io.TextIOBase):
    """A text stream that keeps the beginning of what is printed."""

    def __init__(self) -> None:
        self.text = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text[: MAX_PRINTED - len(self.text)]
        return len(text)


@dataclass
class Heard:
    """A call's printed text, and the student's own lines of the traceback if it raised."""

    printed: Any = field(default_factory=_Printed)
    trace: str = ""

    def raised(self, error: BaseException) -> None:
        self.trace = own_traceback(error)


class NotebookCalls:
    """Calls into a notebook's namespace, in the thread that runs the check.

    ``heard`` has what the last call of each question printed and raised, by the question's ``id``.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        callbacks: Callbacks | None = None,
        slow: Iterable[Ask] = (),
    ) -> None:
        self.namespace = namespace
        self.callbacks = callbacks
        self.heard: dict[int, Heard] = {}
        self._slow = {id(ask) for ask in slow}
        self._stopped = ""  # where a call was stopped: the calls after it would run on as well

    def ask(self, asks: Iterable[Ask]) -> list[Reply]:
        return [self._ask(one) for one in asks]

    def _ask(self, ask: Ask) -> Reply:
        if self._stopped:
            return Reply(failure=Failure("timed_out", message=self._stopped))
        heard = self.heard[id(ask)] = Heard()
        seconds = SLOW_LIMIT if id(ask) in self._slow else LIMIT
        try:
            return within(
                seconds, lambda: answer(self.namespace, ask, self.callbacks, listener=heard)
            )
        except RanOn as error:
            self._stopped = str(error)
            return Reply(failure=Failure("timed_out", message=self._stopped))


def slow_questions(suite: CheckSuite) -> list[Ask]:
    """Return the questions that only slow checks ask."""
    quick = {id(case.ask) for check in suite.checks if not check.slow for case in check.cases}
    return [case.ask for case in suite.cases if id(case.ask) not in quick]


class RanOn(Exception):
    """A call was stopped because it took too long; the message says where it was."""


def within(seconds: float, call: Callable[[], Reply]) -> Reply:
    """Return what ``call`` returns, and interrupt it if it takes longer than ``seconds``.

    Another thread interrupts the main one, as a click on "interrupt the kernel" does, on every
    system alike. Like a click, it takes effect only when a long operation inside NumPy or torch
    has ended. Outside the main thread a call is not interrupted.

    Raises:
        RanOn: the call took longer.
        KeyboardInterrupt: a person has interrupted it.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    # A program that a script starts in the background ignores SIGINT, and so every interrupt.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _interrupted_after(seconds, call)
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupted_after(seconds: float, call: Callable[[], Reply]) -> Reply:
    watch = _Watch(seconds)
    try:
        try:
            return call()
        finally:
            watch.stop()
    except KeyboardInterrupt as error:
        watch.stop()  # again: the interrupt may have come before the first call of it began
        if not watch.fired:
            raise
        raise RanOn(f"still running after {seconds:g} s{_last_line(error)}") from None


class _Watch:
    """A timer that interrupts the main thread when time is up, and each second until stopped."""

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self._lock = threading.Lock()
        self._over = False
        self._again(seconds)

    def _again(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._interrupt)
        self._timer.daemon = True
        self._timer.start()

    def _interrupt(self) -> None:
        with self._lock:  # never after the main thread has stopped the watch
            if not self._over:
                self.fired = True
                _thread.interrupt_main()
                self._again(1.0)  # the answer may catch one interrupt, in a loop even many

    def stop(self) -> None:
        """Stop further interrupts; catch one that is on its way."""
        while True:
            try:
                with self._lock:
                    self._over = True
                self._timer.cancel()
                if self.fired:
                    time.sleep(0.01)
                return
            except KeyboardInterrupt:
                if not self.fired:
                    raise


def own_frames(error: BaseException) -> Iterator[tuple[types.FrameType, int]]:
    """Yield the frames of a traceback that run a notebook cell's code, with their line numbers."""
    for frame, number in traceback.walk_tb(error.__traceback__):
        if is_cell(frame.f_code.co_filename):
            yield frame, number


def _last_line(error: BaseException) -> str:
    for frame, number in reversed(list(own_frames(error))):
        text = linecache.getline(frame.f_code.co_filename, number).strip()
        return f" in line {number}: `{text}`" if text else f" in line {number}"
    return ""


def own_traceback(error: BaseException) -> str:
    """Format the traceback, cut to the student's own lines; "" if it has none."""
    frames = list(own_frames(error))
    if not frames:
        return ""
    lines = []
    for frame, number in frames[-MAX_FRAMES:]:
        text = linecache.getline(frame.f_code.co_filename, number).strip()
        lines.append(f"line {number} of {frame.f_code.co_qualname}: {text}")
    if len(frames) > MAX_FRAMES:
        lines.insert(0, f"… {len(frames) - MAX_FRAMES} more calls …")
    last = traceback.format_exception_only(error)
    return "\n".join([*lines, last[-1].strip()[:500]])
