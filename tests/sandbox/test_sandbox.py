"""The sandbox is proved by trying to get out, at every level that this machine offers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment, modules_of
from grader.course.layout import ROOT, assignment_id
from grader.course.versions import alternatives
from grader.errors import WorkerError
from grader.judge.run import Judge, Submission
from grader.protocol.values import Ask
from grader.sandbox.host import select
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.levels import LEVELS
from grader.sandbox.host.mounts import without_inner
from tests.conftest import QUICK, SALT, with_answers
from tests.records.test_cohort import hand_in

HIDDEN = [ROOT, Path.home()]


@pytest.mark.parametrize("level", select.levels())
def test_each_level_holds_and_grades_the_same(level: str) -> None:
    """Root's own way and an ordinary user's (root can take it, too)."""
    release = assignment("03_masking")
    submission = Submission("x", release.id, nbformat.writes(solved("masking")).encode())
    with Forkserver(level, HIDDEN) as forkserver:
        found = select.try_level(forkserver, HIDDEN)
        if level == "landlock" and _closed(forkserver):
            assert "install Python where everybody can read it" in found.error
            return
        assert found.holds, select.describe(found)
        outcome = Judge(forkserver, SALT, QUICK).grade(submission, release)
    assert outcome.score == outcome.max_score
    assert outcome.sandbox == level


def _closed(forkserver: Forkserver) -> bool:
    """Root's workers become other users: may they not enter a folder that holds Python?"""
    above = [parent for path in forkserver.shown for parent in Path(path).resolve().parents]
    return os.geteuid() == 0 and not all(folder.stat().st_mode & 0o001 for folder in above)


@pytest.mark.parametrize("level", [name for name in select.levels() if not LEVELS[name].own_world])
def test_without_namespaces_a_submission_is_kept_alone(level: str) -> None:
    """It writes no file, starts no process, sends no signal, and changes no mode."""
    tries = {
        "write": "open('x', 'w')",
        "write to a temporary folder": "open('/run/scratch/x', 'w')",
        "make a folder": "os.mkdir('/tmp/made')",
        "fork": "os.fork()",
        "start a program": "subprocess.run(['/bin/true'])",
        "signal": "os.kill(os.getppid(), 0)",
        "signal by its file": "fcntl.fcntl(pair[0], fcntl.F_SETOWN, os.getppid())",
        "limits of others": "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
        "mode": "os.chmod(os.getcwd(), 0o777)",
        "socket": "socket.socket(socket.AF_UNIX)",
        "shared memory": "open('/dev/shm/x', 'w')",
        "priority": "os.setpriority(os.PRIO_PROCESS, os.getppid(), 5)",
        "list the machine's processes": "os.listdir('/proc')[0]",
        "read": "open('/etc/hostname').read()",
    }
    lines = ["import fcntl, os, resource, socket, subprocess, threading"]
    lines += ["pair = socket.socketpair()", "done = []"]
    for name, source in tries.items():
        lines += ["try:", f"    {source}", f"    done.append({name!r})"]
        lines += ["except (OSError, IndexError):", "    pass"]
    lines += [
        "t = threading.Thread(target=done.append, args=('a thread',))",
        "t.start()",
        "t.join()",
    ]
    lines += ["def what():", "    return done"]
    with Forkserver(level, HIDDEN) as forkserver:
        if level == "landlock" and _closed(forkserver):
            pytest.skip("Python lies in a folder that is closed to other users")
        worker = forkserver.start(QUICK)
        _, error = worker.run_cell("\n".join(lines), 10)
        assert not error
        assert worker.ask([Ask("what", ())], 10)[0].value == ["a thread"]
        worker.close()


@pytest.mark.parametrize("level", select.levels())
def test_a_lesson_that_needs_no_torch_may_be_solved_with_it(level: str) -> None:
    """Its forkserver has none imported, but where an import may need what a worker has not; a
    student's import costs no mark behind any wall."""
    release = assignment(assignment_id("single_query_attention"))
    by_torch = {
        exercise.id: answer_text(version)
        for exercise in release.exercises
        for version in alternatives(release.lesson, exercise.id)
        if "torch" in version.source
    }
    assert by_torch and "torch" not in modules_of([release.id])
    notebook = with_answers(release.lesson, by_torch, solve=True).encode()
    with Forkserver(level, HIDDEN, modules=()) as forkserver:
        if level == "landlock" and _closed(forkserver):
            pytest.skip("Python lies in a folder that is closed to other users")
        worker = forkserver.start(QUICK)
        worker.run_cell("import sys\ndef has(): return 'torch' in sys.modules", 10)
        assert worker.ask([Ask("has", ())], 10)[0].value is (not LEVELS[level].own_world)
        worker.close()
        outcome = Judge(forkserver, SALT, QUICK).grade(
            Submission("ada", release.id, notebook), release
        )
    assert outcome.outcome == "graded" and outcome.score == outcome.max_score


def test_the_probe_can_fail() -> None:
    """Without walls every claim about them is found false: the proof is no ornament."""
    with Forkserver("none", HIDDEN) as forkserver:
        found = select.try_level(forkserver, HIDDEN)
    assert not found.holds
    for claim in ("no network", "own processes only", "no sight of the course"):
        assert not found.held[claim]


def test_without_walls_grading_is_refused_unless_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "levels", list)
    hand_in(tmp_path / "submitted", "ada", nbformat.writes(solved("masking", {"causal_mask"})))
    arguments = ["grade", str(tmp_path / "submitted"), "--course-dir", str(tmp_path / "course")]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1 and "no sandbox holds" in refused.output
    assert not list((tmp_path / "course").rglob("*.html"))
    trusted = CliRunner().invoke(main, [*arguments, "--no-sandbox"])
    assert trusted.exit_code == 0, trusted.output
    assert "--no-sandbox" in trusted.output
    page = next((tmp_path / "course").rglob("*.html"))
    assert "graded without a sandbox" in page.read_text()
    monkeypatch.undo()  # walls again: what was graded without them is not taken over
    walled = CliRunner().invoke(main, arguments)
    assert walled.exit_code == 0 and "--no-sandbox" not in walled.output
    assert "graded without a sandbox" not in page.read_text()


def test_a_course_in_pythons_own_folder_is_refused() -> None:

    with pytest.raises(WorkerError, match="virtual environment in a folder of its own"):
        Forkserver("user", [Path(sys.prefix)])


def test_the_judges_death_ends_the_workers() -> None:
    """A judge that is killed takes the forkserver and its workers with it."""
    import signal
    import sys
    import time

    code = (
        "import sys, time; from grader.sandbox.host.forkserver_client import Forkserver;"
        "from grader.sandbox.host.limits import Limits; from pathlib import Path;"
        f"w = Forkserver({select.levels()[0]!r}, [Path.home()]); k = w.start(Limits());"
        "print(w.pid, k._pid, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    alive = [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
    assert not alive or all("zombie" in Path(f"/proc/{p}/status").read_text() for p in alive)


def test_a_window_that_lies_in_another_is_not_mounted_twice(tmp_path: Path) -> None:
    """But for one that would be hidden: inside a covered folder of the other."""
    python = tmp_path / "python"
    secret = python / "secret"
    inner, kept = python / "lib", secret / "shown"
    for folder in (inner, kept):
        folder.mkdir(parents=True)
    shown = [str(path) for path in (python, inner, kept)]
    assert without_inner(shown, [str(secret)]) == [str(python), str(kept)]
    assert without_inner(shown, []) == [str(python)]


def test_a_warm_process_that_dies_is_our_fault() -> None:
    with Forkserver("none", HIDDEN, modules=()) as forkserver:
        forkserver.wait_until_ready()
        os.kill(forkserver.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="is gone"):
            while True:  # until the signal has arrived
                forkserver.start(QUICK).close()


def test_a_warm_process_that_dies_while_it_imports_is_our_fault() -> None:
    with Forkserver("none", HIDDEN, modules=()) as forkserver:
        os.kill(forkserver.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="could not start"):
            forkserver.start(QUICK)


def test_a_terminals_interrupt_does_not_reach_the_warm_process() -> None:
    """It goes to the group of the command, which would lose its workers before it has stopped."""
    with Forkserver("none", HIDDEN, modules=()) as forkserver:
        assert os.getpgid(forkserver.pid) == forkserver.pid != os.getpgrp()
        worker = forkserver.start(QUICK)
        assert os.getpgid(worker._pid) != os.getpgrp()
        worker.close()


BURN = (
    "import time\nstart = time.process_time()\nwhile time.process_time() < start + 0.6:\n    pass"
)


def test_a_notebooks_time_is_that_of_all_its_cells(forkserver: Forkserver) -> None:
    """None of these is too slow by itself, and together they are."""
    lesson = "single_query_attention"
    notebook = solved(lesson)
    notebook.cells += [nbformat.v4.new_code_cell(f"# {number}\n{BURN}") for number in range(6)]
    text = nbformat.writes(notebook).encode()
    release = assignment(assignment_id(lesson))
    words = {
        seconds: Judge(forkserver, SALT, replace(QUICK, notebook_cpu=seconds))
        .grade(Submission("someone", release.id, text), release)
        .outcome
        for seconds in (2, 30)
    }
    assert words == {2: "timed_out", 30: "graded"}
