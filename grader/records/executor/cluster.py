"""Judges on other machines: the same work, sent to the workers of a Dask cluster.

Whoever runs a worker of the cluster is trusted like the instructor: the salt goes there, and the
solutions are there, for each worker has this course installed. What students handed in is held by
the same walls as here. Only bytes and results cross; this machine alone writes marks.
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
from grader.records.executor import Executor, Graded, Lost, Terms, grade_work, judge_on
from grader.records.submissions import Work
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.select import NoSandbox, start_sandbox
from grader.threads import one_thread

PATIENCE = 30.0  # seconds, for the scheduler and for its first worker


class JudgePlugin(WorkerPlugin):
    """What each worker of the cluster keeps for a run: its terms, and a forkserver with work.

    Each run has one of its own, so that two on one cluster keep their salts apart.
    """

    def __init__(self, terms: Terms, fingerprint: str) -> None:
        self.name = f"grader-judge-{uuid.uuid4()}"
        self.terms = terms
        self.fingerprint = fingerprint

    def setup(self, worker: Any) -> None:
        self.address = worker.address
        self.forkserver: Forkserver | None = None
        self.one_at_a_time = threading.Lock()
        one_thread()

    def teardown(self, worker: Any) -> None:
        if self.forkserver is not None:
            self.forkserver.close()

    def grade(self, work: Work) -> Graded | str:
        """Grade one submission here. Lost where this machine cannot."""
        if engine_fingerprint() != self.fingerprint:
            raise Lost(
                f"the Dask worker {self.address} has another version of the course, of NumPy or of "
                "PyTorch than this machine: install the same on both"
            )
        with self.one_at_a_time:
            if self.forkserver is None:
                self.forkserver = self._raised()
            return grade_work(judge_on(self.terms, self.forkserver), work)

    def _raised(self) -> Forkserver:
        try:
            modules = modules_of(assignment_ids())  # whatever may come
            return start_sandbox(
                [ENGINE.parent, ROOT, Path.home()], 1, self.terms.unsandboxed, modules
            )
        except NoSandbox as error:
            raise Lost(f"the Dask worker {self.address}: {error}") from error


def _grade_there(name: str, work: Work) -> Graded | str:
    return cast(JudgePlugin, get_worker().plugins[name]).grade(work)


def _reach(address: str) -> None:
    """OSError or ValueError where nobody listens. A Client that cannot connect ends untidily."""
    host, port = parse_host_port(parse_address(address)[1])
    socket.create_connection((host, port), PATIENCE).close()


@contextlib.contextmanager
def cluster_judges(address: str, terms: Terms) -> Iterator[Executor]:
    """The workers of the Dask cluster at ``address``, however many come and go."""
    try:
        _reach(address)
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
        executor = client.get_executor(pure=False)
        try:
            yield Executor(
                functools.partial(executor.submit, _grade_there, plugin.name),
                lambda: max(1, sum(client.nthreads().values())),
                (KilledWorker, CommClosedError),
            )
        finally:
            executor.shutdown(wait=False)
            with contextlib.suppress(CommClosedError, OSError):  # the scheduler is gone, and all
                client.unregister_worker_plugin(plugin.name)
