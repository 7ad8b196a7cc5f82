"""Grade in a separate process with limits of its own: its loss costs one submission.

What a submission makes the judge do (parse its JSON, read its code, answer its calls, draw its
pages) is bounded where it is done. The limits of this process are the last resort: the kernel
enforces them, and a bound that was overlooked costs the submission that used it, and no other.

The process continues from one submission to the next, so that it need not read and compile things
again. If it dies on a submission, a new one is started.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import resource
import signal
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from grader.errors import WorkerError
from grader.judge import outcome as words
from grader.judge.run import Judge
from grader.protocol.limits import allowed
from grader.records.executor import Graded, JudgeLimits, grade_work, our_fault, without_result
from grader.records.submissions import Work

CHANCES = 1  # how often a submission is graded again if something else may have killed the process
KILLED = (
    "the grader's own process was killed on this submission (signal 9), as happens when the "
    "machine runs out of memory"
)
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class _Failed:
    """The process's answer if it has no result: the outcome word and the reason."""

    word: str
    reason: str


@dataclass(frozen=True)
class _NoWorker:
    """The process's answer if the sandbox failed: another judge may grade the submission."""

    message: str


class JudgeApart:
    """Grades by a judge in a separate process, which is forked when it is first needed.

    Not safe for use by several threads at a time.
    """

    def __init__(self, judge: Judge, limits: JudgeLimits) -> None:
        self._judge = judge
        self._limits = limits
        self._pid = 0
        self._pipe: Connection | None = None

    def grade(self, work: Work) -> Graded | str:
        """Grade one submission. If the process dies of it, that is the submission's outcome.

        WorkerError if the sandbox or the forkserver failed.
        """
        if not work.found.has_place:
            return work.found.refused
        answer: Graded | str | _Failed | _NoWorker | None = None
        for _ in range(CHANCES + 1):
            answer = self._ask(work)
            if answer is not None:
                break
        if isinstance(answer, _NoWorker):
            raise WorkerError(answer.message)
        if answer is None:
            answer = _Failed(words.CRASHED, f"{CHANCES + 1} times {KILLED}")
        if isinstance(answer, _Failed):
            self.close()
            return without_result(self._judge, work, answer.word, answer.reason)
        return answer

    def close(self) -> None:
        """End the process, if there is one."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        """Wait until the process ends; return its exit code, or minus the signal that ended it."""
        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(status)

    def _ask(self, work: Work) -> Graded | str | _Failed | _NoWorker | None:
        """Return the process's answer; None if something else may have killed the process."""
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send(work)
            return pickle.loads(self._pipe.recv_bytes())  # from our own process, not a worker
        except (EOFError, OSError):  # it has ended, perhaps in the middle of its answer
            self._pipe.close()
            self._pipe = None
            ended_by = self._reap()
        except BaseException:  # Ctrl-C: a late answer would be taken for the next one
            self.close()
            raise
        if ended_by == -signal.SIGXCPU:
            most = f"{self._limits.cpu} s of processor time for this submission"
            return _Failed(words.TIMED_OUT, f"the grader itself needed more than {most}")
        if ended_by == -signal.SIGKILL:
            return None
        how = f"signal {-ended_by}" if ended_by < 0 else f"exit code {ended_by}"
        return _Failed(words.CRASHED, f"the grader's own process ended on this submission ({how})")

    def _start(self) -> None:
        self._pipe, end = multiprocessing.Pipe()
        # Before the fork: the forkserver says only once that it is ready, and a child that took the
        # message would leave the next child waiting.
        self._judge.forkserver.wait_until_ready()
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid:
            end.close()
            return
        code = 1
        try:
            self._pipe.close()
            end_with(parent)
            _serve(end, self._judge, self._limits)
            code = 0
        except BaseException:
            traceback.print_exc()  # the parent sees the exit code, and nothing of the cause
        finally:
            os._exit(code)  # not sys.exit: the parent's exit handlers must not run here


# -- in the process --------------------------------------------------------------------------------


def end_with(parent: int) -> None:
    """Make this process die with its parent, and leave Ctrl-C to the parent."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.getppid() != parent:  # it ended before prctl, so no signal will come
        os._exit(0)


def _serve(pipe: Connection, judge: Judge, limits: JudgeLimits) -> None:
    """Grade the work that comes through the pipe, until the parent closes it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    # The limit is on all memory, and the fork starts with the parent's: add what it has already.
    memory = allowed(resource.RLIMIT_AS, pages * resource.getpagesize() + limits.memory)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the salt
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    while True:
        try:
            work = pipe.recv()
        except EOFError:
            return
        # Set anew for each submission. Past the soft limit the kernel sends SIGXCPU, which kills.
        soft = allowed(resource.RLIMIT_CPU, int(time.process_time()) + limits.cpu)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        pipe.send_bytes(_answer(judge, work))


def _answer(judge: Judge, work: Work) -> bytes:
    try:
        return pickle.dumps(grade_work(judge, work))
    except WorkerError as error:
        return pickle.dumps(_NoWorker(str(error)))
    except Exception as error:  # our error on a submission is that submission's outcome (T12)
        return pickle.dumps(_Failed(*our_fault(error)))
