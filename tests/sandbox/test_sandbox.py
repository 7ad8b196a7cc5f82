"""The sandbox is proved by trying to get out, at every level that this machine offers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner

from grader import bundles
from grader.authoring.sample import answer_text
from grader.authoring.solve import solved
from grader.commandline import main
from grader.course.assignments import assignment, modules_of
from grader.course.layout import ROOT, assignment_id
from grader.course.versions import alternatives
from grader.errors import WorkerError
from grader.judge.run import Judge, Submission
from grader.protocol.values import Ask, Reply
from grader.sandbox.host import select
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.levels import LEVELS
from grader.sandbox.host.mounts import clean_environment, mounts_for, without_inner
from grader.sandbox.host.usage import in_sockets, shares_of, user_ids
from grader.sandbox.host.workers import WorkerDied
from tests.conftest import QUICK, SALT, with_answers
from tests.records.test_cohort import hand_in

HIDDEN = [ROOT, Path.home()]


@pytest.mark.parametrize("level", select.levels())
def test_each_level_holds_and_grades_the_same(level: str) -> None:
    """Root's own way and an ordinary user's (root can take it, too)."""
    release = assignment("03_masking")
    submission = Submission("x", release.id, nbformat.writes(solved("masking")).encode())
    with _open(level) as forkserver:
        found = select.try_level(forkserver, HIDDEN)
        assert found.holds, select.describe(found)
        outcome = Judge(forkserver, SALT, QUICK).grade(submission, release)
    assert outcome.score == outcome.max_score
    assert outcome.sandbox == level


@contextlib.contextmanager
def _open(level: str, **options: Any) -> Iterator[Forkserver]:
    """A forkserver at this level. Where root's workers cannot read Python, the test is skipped.

    They become other users, who may not enter a folder such as /root; and it must say so.
    """
    if python_is_closed(level):
        with pytest.raises(WorkerError) as refused, Forkserver(level, HIDDEN) as forkserver:
            forkserver.start(QUICK)
        text = str(refused.value)
        assert "install Python where everybody can read it" in text or "Permission denied" in text
        pytest.skip("Python lies in a folder that is closed to other users")
    with Forkserver(level, HIDDEN, **options) as forkserver:
        yield forkserver


def python_is_closed(level: str) -> bool:
    """Whether root's workers at this level become users who may not enter Python's folders."""
    folders = Path(sys.executable).resolve().parents
    enters = all(folder.stat().st_mode & 0o001 for folder in folders)
    return os.geteuid() == 0 and level not in ("root", "none") and not enters


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
    with _open(level) as forkserver:
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
    with _open(level, modules=()) as forkserver:
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
    for claim in (
        "no network",
        "own processes only",
        "no sight of the course",
        "ends with its supervisor",
        "bounded memory",
    ):
        assert not found.held[claim]
    if os.geteuid() == 0:
        assert not found.held["not the machine's root"]
        assert os.access("/proc/sys/kernel/core_pattern", os.W_OK) == (
            not found.held["kernel's settings"]
        )


def test_threads_that_are_not_bounded_are_found() -> None:
    """A worker that may start as many as it likes, and one that is ended for it."""

    class Free:
        def ask(self, asks: Any, seconds: float) -> list[Reply]:
            return [Reply(value=False)]

    class Ended:
        def ask(self, asks: Any, seconds: float) -> list[Reply]:
            raise WorkerDied("crashed")

    assert not select._tasks_end(Free())  # type: ignore[arg-type]
    assert select._tasks_end(Ended())  # type: ignore[arg-type]


WITHOUT_THE_RIGHT = """
import json
from pathlib import Path
from grader.course.layout import ROOT
from grader.sandbox.host import select
from grader.sandbox.host.limits import Limits

tried = []
with select.start_sandbox([ROOT, Path.home()], 1, modules=()) as forkserver:
    found = select.try_level(forkserver, [ROOT, Path.home()])
    worker = forkserver.start(Limits())
    print(json.dumps([forkserver.level, found.holds, found.held, sorted(worker.user_ids())]))
    worker.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has the right to lose")
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv takes the right away")
def test_root_without_the_right_to_mount_gets_a_level_that_holds() -> None:
    """As in many containers: no namespaces of root's own, and never a worker that is root."""
    if python_is_closed("landlock"):
        pytest.skip("Python lies in a folder that is closed to other users")
    lost = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    done = subprocess.run([*lost, sys.executable, "-c", WITHOUT_THE_RIGHT], cwd=ROOT, check=False,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    level, holds, held, users = json.loads(done.stdout)
    assert level not in ("root", "none") and holds, held
    assert users and 0 not in users


def test_what_kills_the_forkserver_at_its_start_costs_no_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed from outside while it imports, it is started again, and at the same level."""
    started: list[str] = []

    class KilledAtFirst(Forkserver):
        def __init__(self, level: str, *args: Any) -> None:
            super().__init__(level, *args)
            started.append(level)
            if len(started) <= select.CHANCES:
                os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(select, "Forkserver", KilledAtFirst)
    with select.start_sandbox(HIDDEN, 1, modules=()):
        pass
    assert len(started) > select.CHANCES
    assert set(started[: select.CHANCES + 1]) == {select.levels()[0]}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_forkserver_that_cannot_start_leaves_no_copy_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """As when the disk is full, or at Ctrl-C."""

    def half(folders: Any, course: Any, target: Path) -> None:
        target.mkdir()
        raise error

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(bundles, "copy", half)
    with pytest.raises(error):
        Forkserver("none", HIDDEN, modules=())
    assert not list(tmp_path.iterdir())


def test_a_forkserver_that_lives_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that fails for another reason is left at once: there may be four of them."""

    def wait(process: subprocess.Popen, timeout: float | None = None) -> int:
        raise AssertionError("a process that lives is waited for")

    with Forkserver("none", HIDDEN, modules=()) as forkserver:
        forkserver.wait_until_ready()
        with monkeypatch.context() as patch:
            patch.setattr(subprocess.Popen, "wait", wait)
            assert not forkserver.was_killed()


def test_a_forkserver_that_is_killed_is_known_as_soon_as_it_answers_no_more() -> None:
    with Forkserver("none", HIDDEN, modules=()) as forkserver:
        forkserver.wait_until_ready()
        os.kill(forkserver.pid, signal.SIGKILL)
        with pytest.raises(WorkerError):
            while True:
                forkserver.start(QUICK).close()
        assert forkserver.was_killed()


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


LASTING = """
import ctypes, os, signal, time
prctl = ctypes.CDLL(None).prctl
def last():
    prctl(1, 0)  # PR_SET_PDEATHSIG: do not die with the parent
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
last()
try:
    for _ in range(2):
        if os.fork() == 0:
            os.setsid()
            last()
            if os.fork():
                os._exit(0)
            time.sleep(3600)
except OSError:
    pass  # a level that denies new processes
"""


@pytest.mark.parametrize("level", [*select.levels(), "none"])
@pytest.mark.parametrize("busy", [False, True], ids=["between questions", "in a cell"])
def test_the_graders_death_ends_all_that_a_submission_started(level: str, busy: bool) -> None:
    """By SIGKILL, which leaves the grader no time to end anything."""
    with _open(level):
        pass  # skips where this level cannot be had
    code = f"""
import time
from pathlib import Path
from grader.sandbox.host.forkserver_client import Forkserver
from grader.sandbox.host.limits import Limits
forkserver = Forkserver({level!r}, [Path.home()], modules=())
worker = forkserver.start(Limits())
worker.run_cell({LASTING!r}, 10)
print(forkserver.pid, flush=True)
worker.run_cell("time.sleep(600)" if {busy} else "1", 10)
time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    first = int(process.stdout.readline())
    process.stdout.close()
    due = 3 if level in ("bubblewrap", "landlock") else 5
    deadline = time.monotonic() + 20  # a process whose parent ends is not found for a moment
    while len(pids := {first, *_below(first)}) < due and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) >= due
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while (alive := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    assert not alive


def _below(pid: int) -> set[int]:
    """All that a process has started, and what that has."""
    children = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                children.add(int(folder.name))
    return children.union(*map(_below, children))


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.mark.parametrize("level", select.levels())
def test_a_worker_is_never_the_machines_root(level: str) -> None:
    """Whoever starts it, and whatever it is called inside; nor is its supervisor."""
    with _open(level, modules=()) as forkserver:
        worker = forkserver.start(QUICK)
        assert worker.user_ids() and 0 not in worker.user_ids()
        assert 0 not in user_ids(worker._supervisor)
        worker.close()


@pytest.mark.parametrize("level", select.levels())
def test_a_questions_limit_of_memory_cannot_be_lifted(level: str) -> None:
    """And is gone with the question, which an honest answer needs."""
    code = """
import resource
def grow(lift):
    if lift:
        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        try:
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        except ValueError:
            pass
    return len(bytearray(1 << 28))
"""
    with _open(level, modules=()) as forkserver:
        worker = forkserver.start(QUICK)
        worker.run_cell(code, 10)
        bounded = [Ask("grow", (lift,), memory=1 << 26) for lift in (False, True)]
        asks = [Ask("grow", (False,)), *bounded, Ask("grow", (False,)), Ask("grow", (True,))]
        replies = worker.ask(asks, 10)
        worker.close()
    assert [reply.value for reply in replies] == [1 << 28, None, None, 1 << 28, 1 << 28]
    failures = [reply.failure for reply in replies[1:3]]
    assert all(failure and failure.type == "MemoryError" for failure in failures)


@pytest.mark.parametrize("level", [name for name in select.levels() if LEVELS[name].own_world])
def test_what_sockets_hold_is_counted(level: str) -> None:
    """At least what a worker has put into them, and little where there are few."""
    code = """
import socket
kept = []
def fill(count):
    held = 0
    for _ in range(count):
        pair = socket.socketpair()
        kept.append(pair)
        pair[0].setblocking(False)
        try:
            while True:
                held += pair[0].send(bytes(1 << 16))
        except BlockingIOError:
            pass
    return held
"""
    with _open(level, modules=()) as forkserver:
        worker = forkserver.start(QUICK)
        worker.run_cell(code, 10)
        assert in_sockets(worker._pid) == 0
        held = worker.ask([Ask("fill", (50,))], 10)[0].value
        assert held > 1 << 20
        assert held <= in_sockets(worker._pid) < 20 * held
        worker.close()


def test_what_forks_share_is_counted_once(forkserver: Forkserver) -> None:
    """An honest pool of processes reads one large array: that is no reason to end it."""
    code = """
import os, time
data = bytearray(os.urandom(1 << 20) * 200)
for _ in range(6):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
def size():
    time.sleep(0.3)
    return len(data)
"""
    if not LEVELS[forkserver.level].own_world:
        pytest.skip("this level denies new processes")
    limits = replace(QUICK, worker=replace(QUICK.worker, memory=1200 << 20))
    worker = forkserver.start(limits)
    if shares_of([worker._pid]) is None:
        worker.close()
        pytest.skip("this user may not see the shares of a worker's memory")
    assert worker.run_cell(code, 10) == ([], "")
    used = worker._usage()
    assert len(used.processes) == 7 and used.memory > limits.worker.memory
    shares = shares_of(used.processes)
    assert shares is not None
    assert 150 << 20 < shares < 600 << 20  # the kernel estimates what is shared of large pages
    assert worker.ask([Ask("size", ())], 10)[0].value == 200 << 20
    worker.close()


TEXT = """
class Text(str):
    def __getitem__(self, key): return self
    def __radd__(self, other): return Text(other + str(self))
"""


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        (
            "from IPython.display import HTML\nHTML(Text('<b>x</b>'))",
            [
                {
                    "output_type": "execute_result",
                    "data": {
                        "text/plain": "<IPython.core.display.HTML object>",
                        "text/html": "<b>x</b>",
                    },
                }
            ],
        ),
        (
            "import sys\nfor _ in range(2): sys.stdout.write(Text('x'))",
            [{"output_type": "stream", "name": "stdout", "text": "xx"}],
        ),
    ],
    ids=["displayed", "printed"],
)
def test_text_of_a_subclass_is_shown_like_any_other(
    forkserver: Forkserver, source: str, outputs: list
) -> None:
    """As markupsafe and NumPy make it: a cell that displays it costs no other cell."""
    worker = forkserver.start(QUICK)
    try:
        assert worker.run_cell(TEXT + source, 10) == (outputs, "")
    finally:
        worker.close()


def test_an_error_whose_message_is_of_a_subclass_is_shown_like_any_other(
    forkserver: Forkserver,
) -> None:
    error = "class Own(Exception):\n    def __str__(self): return Text('why')\nraise Own"
    worker = forkserver.start(QUICK)
    try:
        ((output,), kind) = worker.run_cell(TEXT + error, 10)
    finally:
        worker.close()
    assert (kind, output["ename"], output["evalue"]) == ("Own", "Own", "why")


MOUNTED = """
import subprocess, sys
from pathlib import Path
from grader.sandbox.guest import linux, root
top, window = Path(sys.argv[1], "a b"), Path(sys.argv[1], "window")
for folder in (top, window):
    folder.mkdir()
def mount(*words): subprocess.run(["mount", *map(str, words)], check=True)
mount("-t", "tmpfs", "none", top)
(top / "in ner").mkdir()
mount("-t", "tmpfs", "-o", "nodev", "none", top / "in ner")
mount("--rbind", top, window)
getattr(root, sys.argv[2])(str(window))
for folder in (window, window / "in ner"):
    try:
        (folder / "x").touch()
    except OSError as error:
        print(error.strerror)
(top / "in ner" / "x").touch()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("way", ["read_only", "remount_read_only"])
def test_a_window_is_read_only_with_all_that_is_mounted_in_it(tmp_path: Path, way: str) -> None:
    """Whether the kernel has the newer call or not; and the machine's own mount stays as it is."""
    done = _in_own_mounts(MOUNTED, str(tmp_path), way)
    assert done.stdout.splitlines() == ["Read-only file system"] * 2, done.stderr


def _in_own_mounts(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a mount namespace of its own: no mount of a test reaches the machine."""
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", source]
    return subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


TOLD = """
def told(place):
    try:
        open(place + "/new", "w")
    except OSError as error:
        return error.strerror, open(place + "/known").read(), open(place + "/secret").read()
"""
IN_USR = """
import subprocess
from pathlib import Path
from tests.sandbox.test_sandbox import HIDDEN, QUICK, TOLD, Forkserver, Ask
place = Path("/usr/share")
subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
(place / "secret").write_text("secret")
(place / "known").write_text("known")
with Forkserver("root", [*HIDDEN, place / "secret"], modules=()) as forkserver:
    worker = forkserver.start(QUICK)
    worker.run_cell(TOLD, 10)
    print(worker.ask([Ask("told", (str(place),))], 10)[0].value)
    worker.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_what_is_mounted_in_a_shown_folder_cannot_be_written_and_a_hidden_file_not_read() -> None:
    done = _in_own_mounts(IN_USR)
    assert done.stdout.strip() == "('Read-only file system', 'known', '')", done.stderr


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


@pytest.mark.parametrize(
    ("source", "limits", "word", "reason"),
    [
        (BURN, {"notebook_cpu": 0.5}, "timed_out", "0.5 s of processor time"),
        ("import time\ntime.sleep(1)", {"naps": 0.05}, "timed_out", "idled longer than"),
        ("import os\nos._exit(3)", {"restarts": 1}, "crashed", "no more than 1 time"),
    ],
    ids=["time", "idle", "restarts"],
)
def test_the_limit_that_ends_a_notebook_is_the_one_that_is_named(
    forkserver: Forkserver, source: str, limits: dict, word: str, reason: str
) -> None:
    """In the checks of an exercise that no worker came to."""
    lesson = "single_query_attention"
    notebook = solved(lesson)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(source))
    text = nbformat.writes(notebook).encode()
    release = assignment(assignment_id(lesson))
    judge = Judge(forkserver, SALT, replace(QUICK, **limits))
    outcome = judge.grade(Submission("someone", release.id, text), release)
    messages = {check.message for verdict in outcome.verdicts for check in verdict.checks}
    assert outcome.outcome == word and any(reason in message for message in messages), messages


def test_a_virtual_environment_behind_a_link_is_shown_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link alone would lead nowhere in a worker's tree."""
    course, real = tmp_path / "course", tmp_path / "environments" / "one"
    course.mkdir()
    real.mkdir(parents=True)
    (course / ".venv").symlink_to(real)
    monkeypatch.setattr(sys, "prefix", str(course / ".venv"))
    shown = mounts_for(tmp_path / "workers", tmp_path / "package", [course])["shown"]
    assert {str(course / ".venv"), str(real)} <= set(shown)


def _link(path: Path) -> None:
    path.symlink_to(path.parent)


def _open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


def _of_another(path: Path) -> None:
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder of somebody else's")
    os.chown(path, 61_000, 61_000)


@pytest.mark.parametrize("plant", [_link, _open_to_all, _of_another, Path.touch])
def test_settings_that_another_user_has_laid_in_wait_are_not_read(
    plant: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """matplotlib's folder has a name that everybody knows, where everybody may write."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = clean_environment()["MPLCONFIGDIR"]
    assert clean_environment()["MPLCONFIGDIR"] == folder  # its own, the second time, too
    Path(folder).rmdir()
    plant(Path(folder))
    assert "MPLCONFIGDIR" not in clean_environment()
