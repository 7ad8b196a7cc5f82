"""The same cohort on a Dask cluster: the same marks, whoever is lost on the way."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result

from grader.cli import main
from grader.course.layout import ROOT
from grader.course.sample import answer_text
from grader.course.solve import solved
from grader.judge import cluster
from grader.judge.judges import Terms
from grader.judge.workers import WorkerError
from grader.specs import assignment_id
from solutions.registry import misconceptions
from tests.conftest import with_answers

LESSON = "masking"
NAME = assignment_id(LESSON)
WORKERS = 3

pytest.importorskip("distributed", reason="Dask is not installed: pip install -e '.[cluster]'")


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

    def __init__(self, folder: Path) -> None:
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
            for number in range(WORKERS)
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


def grade(submitted: Path, course: Path, *more: str) -> Result:
    report = course.parent / f"{course.name}.json"
    words = ["grade", submitted, "--course-dir", course, "--salt", "s", "--json", report, *more]
    return CliRunner().invoke(main, [str(word) for word in words])


def results(course: Path) -> list[dict]:
    report = json.loads((course.parent / f"{course.name}.json").read_text())["submissions"]
    return [one | {"seconds": 0} for one in report]


def test_marks_are_the_same_on_a_cluster_of_which_a_worker_is_lost(
    dask_cluster: Cluster, submitted: Path, tmp_path: Path
) -> None:
    assert grade(submitted, tmp_path / "here").exit_code == 0
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


def test_another_version_on_a_worker_is_refused(
    dask_cluster: Cluster, submitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "engine_fingerprint", lambda: "another")
    done = grade(submitted, tmp_path / "course", "--scheduler", dask_cluster.address)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert "has another version of the course" in done.output
    assert not list((tmp_path / "course").rglob("*.html"))


def test_a_scheduler_that_does_not_answer_is_named(submitted: Path, tmp_path: Path) -> None:
    cluster_patience, cluster.PATIENCE = cluster.PATIENCE, 1.0
    try:
        done = grade(submitted, tmp_path / "course", "--scheduler", "tcp://127.0.0.1:9")
        assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
        assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.output
        done = grade(submitted, tmp_path / "course", "--scheduler", "no address at all")
        assert done.exit_code == 1 and "no Dask scheduler answers at no address" in done.output
    finally:
        cluster.PATIENCE = cluster_patience


def test_a_scheduler_without_workers_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 2.0)
    monkeypatch.setattr(sys.modules[__name__], "WORKERS", 0)
    alone = Cluster(tmp_path)
    try:
        named = pytest.raises(WorkerError, match="has no workers: start some with")
        with named, cluster.judges_on(alone.address, Terms(b"s")):
            pass
    finally:
        alone.close()
