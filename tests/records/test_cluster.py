"""The same cohort on a Dask cluster: the same marks, whoever is lost on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.layout import ROOT, assignment_id
from grader.course.versions import misconceptions
from tests.conftest import with_answers

LESSON = "masking"
NAME = assignment_id(LESSON)
WORKERS = 3

distributed = pytest.importorskip(
    "distributed", reason="Dask is not installed: pip install -e '.[cluster]'"
)


def _start(*words: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "distributed.cli." + str(words[0]), *map(str, words[1:])]
    return subprocess.Popen(
        [*command, "--no-dashboard"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class Cluster:
    """A scheduler and workers as processes of their own, on the loopback."""

    def __init__(self, folder: Path, workers: int = WORKERS) -> None:
        where = folder / "scheduler.json"
        host = ("--host", "127.0.0.1")
        self.scheduler = _start("dask_scheduler", *host, "--port", 0, "--scheduler-file", where)
        deadline = time.monotonic() + 60
        while not where.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.2)
        self.address = json.loads(where.read_text())["address"]
        self.workers = [
            _start("dask_worker", self.address, *host, "--nthreads", 1, "--no-nanny",
                   "--local-directory", folder / str(number))
            for number in range(workers)
        ]  # fmt: skip

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    found = Cluster(tmp_path_factory.mktemp("cluster"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort") / "submitted"
    texts = {"ada": nbformat.writes(solved(LESSON)), "junk": "no notebook"}
    for number, version in enumerate(misconceptions(LESSON, "causal_mask")[:4]):
        wrong = {"causal_mask": answer_text(version)}
        texts[f"wrong-{number}"] = with_answers(LESSON, wrong, solve=True)
    texts["killer"] = with_answers(LESSON, {"causal_mask": "import os\nos._exit(1)"}, solve=True)
    for student, text in texts.items():
        path = folder / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    return folder


def grade(
    submitted: Path, course: Path, *more: str, first: str = "", salt: str = "s"
) -> subprocess.CompletedProcess:
    """The command in a process of its own; ``first`` is done there before."""
    report = course.parent / f"{course.name}.json"
    words = ["grade", submitted, "--course-dir", course, "--salt", salt, "--json", report, *more]
    code = "from grader.records.executor import cluster\n"
    code += f"{first}\nfrom grader.commandline import main\nmain()"
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def results(course: Path) -> list[dict]:
    report = json.loads((course.parent / f"{course.name}.json").read_text())["submissions"]
    return [one | {"seconds": 0} for one in report]


def test_marks_are_the_same_on_a_cluster_of_which_a_worker_is_lost(
    dask_cluster: Cluster, submitted: Path, tmp_path: Path
) -> None:
    assert grade(submitted, tmp_path / "here").returncode == 0
    lost = dask_cluster.workers.pop()
    remote = [sys.executable, "-m", "grader", "grade", submitted, "--salt", "s"]
    remote += ["--course-dir", tmp_path / "there", "--json", tmp_path / "there.json"]
    remote += ["--scheduler", dask_cluster.address]
    run = subprocess.Popen([str(word) for word in remote], cwd=ROOT, stdout=subprocess.DEVNULL)
    records = tmp_path / "there" / ".grader" / "records"
    deadline = time.monotonic() + 120
    while not list(records.rglob("*.json")) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert run.poll() is None, "the run ended before a worker could be lost"
    lost.kill()
    lost.wait()
    assert run.wait(300) == 0
    assert results(tmp_path / "there") == results(tmp_path / "here")
    check = ["verify", "--course-dir", str(tmp_path / "there"), "--salt", "s"]
    assert CliRunner().invoke(main, check).exit_code == 0


def test_two_runs_at_once_keep_their_salts_apart_and_leave_none_behind(
    dask_cluster: Cluster, submitted: Path, tmp_path: Path
) -> None:
    address = ("--scheduler", dask_cluster.address)
    salts = ("first", "second")
    with ThreadPoolExecutor() as threads:
        there = [
            threads.submit(grade, submitted, tmp_path / f"{salt}-there", *address, salt=salt)
            for salt in salts
        ]
        assert [run.result().returncode for run in there] == [0, 0]
    for salt in salts:
        assert grade(submitted, tmp_path / salt, salt=salt).returncode == 0
        assert results(tmp_path / f"{salt}-there") == results(tmp_path / salt)
    first, second = (results(tmp_path / salt) for salt in salts)
    assert first != second  # the cases that a message shows are drawn from the salt
    with distributed.Client(dask_cluster.address, set_as_default=False) as client:
        left = client.run(lambda dask_worker: [str(name) for name in dask_worker.plugins])
    assert left and not any("judge" in name for names in left.values() for name in names)


def refused(done: subprocess.CompletedProcess, *words: str) -> bool:
    """Exit 1 and one line that holds the words; no traceback."""
    said = " ".join((done.stdout + done.stderr).split())
    return done.returncode == 1 and "Traceback" not in said and all(w in said for w in words)


def test_another_version_on_a_worker_is_refused(
    dask_cluster: Cluster, submitted: Path, tmp_path: Path
) -> None:
    other = "cluster.engine_fingerprint = lambda: 'another'"
    address = ("--scheduler", dask_cluster.address)
    done = grade(submitted, tmp_path / "course", *address, first=other)
    assert refused(done, "have different versions of the course"), done
    assert not list((tmp_path / "course").rglob("*.html"))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "no address at all"])
def test_a_scheduler_that_does_not_answer_is_named(
    address: str, submitted: Path, tmp_path: Path
) -> None:
    soon = "cluster.PATIENCE = 1.0"
    done = grade(submitted, tmp_path / "course", "--scheduler", address, first=soon)
    assert refused(done, f"no Dask scheduler answers at {address}", "`dask scheduler`"), done


def test_a_scheduler_without_workers_is_named(submitted: Path, tmp_path: Path) -> None:
    alone, soon = Cluster(tmp_path, workers=0), "cluster.PATIENCE = 2.0"
    try:
        address = ("--scheduler", alone.address)
        done = grade(submitted, tmp_path / "course", *address, first=soon)
    finally:
        alone.close()
    assert refused(done, "has no workers: start some with `dask worker tcp://"), done
