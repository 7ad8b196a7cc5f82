"""Judge on other machines: send the same work to the workers of a Dask cluster.

Whoever runs a Dask worker is trusted like the instructor: the worker is sent the salt, and has the
solutions, since the course is installed there. Submissions run in the same sandbox as on this
machine. Only bytes and results cross; this machine alone writes marks.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from distributed import Client, KilledWorker, WorkerPlugin, get_worker
from distributed.comm import CommClosedError, parse_address, parse_host_port

from grader.course.assignments import assignment_ids, modules_of
from grader.course.layout import ROOT
from grader.coursefile import ENGINE
from grader.errors import WorkerError
from grader.judge.fingerprint import engine_fingerprint
from grader.records.executor import Executor, Graded, Lost, Terms, judge_on
from grader.records.executor.apart import JudgeApart
from grader.records.submissions import Work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.select import NoSandbox, start_sandbox
from grader.threads import one_thread

PATIENCE = 30.0  # seconds to wait for the scheduler, and for its first worker


class JudgePlugin(WorkerPlugin):
    """The state of a Dask worker during a run: the terms, and from the first work on a judge.

    Each run registers its own plug-in, so that two runs on one cluster keep their salts apart.
    """

    def __init__(self, terms: Terms, fingerprint: str) -> None:
        self.name = f"grader-judge-{uuid.uuid4()}"
        self.terms = terms
        self.fingerprint = fingerprint

    def setup(self, worker: Any) -> None:
        self.address = worker.address
        self.forkserver: Forkserver | None = None
        self.judge: JudgeApart | None = None
        self.one_at_a_time = threading.Lock()  # Dask may run several threads; a judge is not shared
        one_thread()

    def teardown(self, worker: Any) -> None:
        if self.judge is not None:
            self.judge.close()
        if self.forkserver is not None:
            self.forkserver.close()

    def grade(self, work: Work) -> Graded | str:
        """Grade one submission in this Dask worker. Lost if this machine cannot."""
        # Another version could give the same submission other marks.
        if engine_fingerprint() != self.fingerprint:
            raise Lost(
                f"the Dask worker {self.address} and this machine have different versions of the "
                "course, NumPy or PyTorch: install the same versions on both"
            )
        with self.one_at_a_time:
            if self.forkserver is None or self.judge is None:
                self.forkserver = self._start_forkserver()
                self.judge = JudgeApart(judge_on(self.terms, self.forkserver), self.terms.judge)
            return self.judge.grade(work)

    def _start_forkserver(self) -> Forkserver:
        try:
            modules = modules_of(assignment_ids())  # any lesson may come
            return start_sandbox(
                [ENGINE.parent, ROOT, Path.home()], 1, self.terms.unsandboxed, modules
            )
        except NoSandbox as error:
            raise Lost(f"the Dask worker {self.address}: {error}") from error


def _grade_on_worker(name: str, work: Work) -> Graded | str:
    """Grade by the plug-in of this name; runs in a Dask worker."""
    return cast(JudgePlugin, get_worker().plugins[name]).grade(work)


def _check_reachable(address: str) -> None:
    """Raise OSError or ValueError if nobody listens at ``address``.

    Called before a Client is made, because a Client that cannot connect ends untidily.
    """
    host, port = parse_host_port(parse_address(address)[1])
    socket.create_connection((host, port), PATIENCE).close()


@contextlib.contextmanager
def cluster_judges(address: str, terms: Terms) -> Iterator[Executor]:
    """Open an executor on the Dask workers at ``address``, which may come and go during the run."""
    try:
        _check_reachable(address)
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise WorkerError(
            f"no Dask scheduler answers at {address} ({error}). Start one with `dask scheduler`, "
            "and give the address that it prints"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError as error:
            raise WorkerError(
                f"the Dask scheduler at {address} has no workers: start some with "
                f"`dask worker {address} --nthreads 1 --nworkers N`"
            ) from error
        plugin = JudgePlugin(terms, engine_fingerprint())
        client.register_plugin(plugin)
        # pure=False: a submission that is sent again is graded again, not answered from a cache.
        executor = client.get_executor(pure=False)
        try:
            yield Executor(
                functools.partial(executor.submit, _grade_on_worker, plugin.name),
                lambda: max(1, sum(client.nthreads().values())),
                (KilledWorker, CommClosedError),
            )
        finally:
            executor.shutdown(wait=False)
            with contextlib.suppress(CommClosedError, OSError):  # the scheduler may be gone
                client.unregister_worker_plugin(plugin.name)
