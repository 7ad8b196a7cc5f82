"""No submission gains a point by anything but right answers (the long list is another campaign)."""

from __future__ import annotations

import json
import secrets
import threading
from pathlib import Path

import nbformat
import pytest

from grader.authoring.solve import solved
from grader.course.layout import notebook_path
from tests.conftest import Grade, with_answers

LESSON = "masking"
FIRST = "single_query_attention"

DISPLAYHOOK = """
import sys
def {name}(*args, **kwargs):
    sys.displayhook("x")
    sys.displayhook(100)
    return None
"""
ALWAYS_EQUAL = """
import torch
class Yes(torch.Tensor):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
    def __array__(self, *a, **k): return self
    __hash__ = None
    shape = property(lambda self: Yes())
def {name}(*args, **kwargs):
    return torch.zeros(1).as_subclass(Yes)
"""
LIAR = """
class Liar:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __float__(self): return 0.0
    def __len__(self): return 2
    def __getattr__(self, name): return Liar()
    def __call__(self, *a, **k): return Liar()
    def __iter__(self): return iter([Liar(), Liar()])
def {name}(*args, **kwargs):
    return Liar()
"""
PATCHED = """
import numpy, torch, numpy.testing, builtins
for module in (numpy, torch):
    module.allclose = lambda *a, **k: True
    module.isclose = lambda *a, **k: True
    module.equal = lambda *a, **k: True
numpy.testing.assert_allclose = lambda *a, **k: None
numpy.abs = numpy.absolute = lambda *a, **k: numpy.zeros(1)
torch.Tensor.__eq__ = lambda self, other: True
builtins.abs = lambda x: 0
def {name}(*args, **kwargs):
    return torch.zeros(3, 3)
"""
PATCHED_CHECK = """
import grader, grader.student.check as api, grader.rules.evaluate as evaluate, sys
grader.check = check = lambda *a, **k: None
api.check = check
evaluate.evaluate = lambda *a, **k: 1
sys.modules["grader.rules.comparing"].difference = lambda *a, **k: None
sys.modules["grader.rules.rule"].RULES.clear()
def {name}(*args, **kwargs):
    return None
"""
PRINTED = """
print("score: 10")
print("### BEGIN GRADE\\n10\\n### END GRADE")
def {name}(*args, **kwargs):
    print("10"); print("all checks passed")
    return 10
10
"""
TRANSFORMER = """
ip = get_ipython()
ip.input_transformers_cleanup.append(lambda lines: ["10.0\\n"])
ip.run_cell = lambda *a, **k: None
def {name}(*args, **kwargs):
    return 10
"""
FAKE_REPLIES = """
import socket, os, struct, json
from grader.rules import wire
from grader.protocol.values import Reply
def flood():
    s = socket.socket(fileno=3)
    for _ in range(50):
        s.sendall(wire.dumps({{"replies": [Reply(value=1.0)] * 40}}))
def {name}(*args, **kwargs):
    flood()
flood()
"""
FORGERIES = {
    "displayhook": DISPLAYHOOK,
    "always equal": ALWAYS_EQUAL,
    "methods that lie": LIAR,
    "patched numpy and torch": PATCHED,
    "patched check": PATCHED_CHECK,
    "printed scores": PRINTED,
    "input transformer": TRANSFORMER,
    "replies before they are asked for": FAKE_REPLIES,
}


@pytest.mark.parametrize("name", FORGERIES)
@pytest.mark.parametrize("lesson", [FIRST, "self_attention", LESSON])
def test_no_point_is_gained(grade: Grade, lesson: str, name: str) -> None:
    from grader.course.exercises import exercises

    texts = {e.id: FORGERIES[name].format(name=e.id) for e in exercises(lesson)}
    outcome = grade(lesson, with_answers(lesson, texts))
    assert outcome.score == 0


def notebook() -> dict:
    return json.loads(notebook_path(LESSON).read_text())


def test_edited_points_and_flags_change_nothing(grade: Grade) -> None:
    document = json.loads(nbformat.writes(solved(LESSON, {"causal_mask"})))
    honest = grade(LESSON, json.dumps(document)).score
    for cell in document["cells"]:
        marks = cell["metadata"].get("nbgrader")
        if marks:
            marks |= {"points": 1000, "grade": True, "locked": False, "solution": True}
            marks |= {"schema_version": 99, "checksum": "0"}
        cell["metadata"]["editable"] = {"not": "a bool"}
    document["metadata"] = {"kernelspec": {"name": "../../evil"}, "nbgrader": []}
    outcome = grade(LESSON, json.dumps(document))
    assert outcome.score == honest > 0
    assert outcome.max_score == sum(v.max_score for v in outcome.verdicts) < 100


def test_check_cells_replaced_deleted_duplicated_or_moved_change_nothing(grade: Grade) -> None:
    document = json.loads(nbformat.writes(solved(LESSON, {"causal_mask"})))
    honest = grade(LESSON, json.dumps(document)).score
    checks = [c for c in document["cells"] if c["id"].startswith("check_")]
    for cell in checks:
        cell["source"] = "10.0"
    replaced = grade(LESSON, json.dumps(document))
    document["cells"] = [c for c in document["cells"] if c not in checks]
    deleted = grade(LESSON, json.dumps(document))
    document["cells"] = checks * 3 + document["cells"] + document["cells"][::-1] * 2
    duplicated = grade(LESSON, json.dumps(document))
    assert replaced.score == deleted.score == duplicated.score == honest > 0
    assert deleted.repairs and duplicated.repairs


def test_the_first_of_two_answers_counts(grade: Grade) -> None:
    document = json.loads(nbformat.writes(solved(LESSON)))
    copy = json.loads(json.dumps(next(c for c in document["cells"] if c["id"] == "causal_mask")))
    copy["source"] = "def causal_mask(n):\n    return 7"
    document["cells"].append(copy)
    outcome = grade(LESSON, json.dumps(document))
    assert outcome.score == outcome.max_score
    assert any("more than once" in repair for repair in outcome.repairs)


def test_the_mark_is_for_the_name_as_it_stands_at_its_check(grade: Grade) -> None:
    """A right answer defined after the check comes too late; one overwritten before it is gone."""
    document = json.loads(nbformat.writes(solved(LESSON)))
    cells = document["cells"]
    index = next(i for i, c in enumerate(cells) if c["id"] == "check_causal_mask")
    late = {"cell_type": "code", "id": "late", "metadata": {}, "outputs": [], "source": ""}
    late["source"] = "causal_mask = lambda n: None"
    cells.insert(index + 1, late)
    assert (
        grade(LESSON, json.dumps(document)).score == grade(LESSON, json.dumps(document)).max_score
    )
    cells.remove(late)
    cells.insert(index, late)
    outcome = grade(LESSON, json.dumps(document))
    assert next(v for v in outcome.verdicts if v.exercise == "causal_mask").score == 0


def test_nobody_elses_mark_is_touched(grade: Grade) -> None:
    """A hostile submission between two honest ones changes neither."""
    honest = nbformat.writes(solved(LESSON))
    hostile = (
        "import os, subprocess, pathlib, threading\n"
        "for p in ('/tmp', '/home/student', '/', '/dev/shm'):\n"
        "    for i in range(200):\n"
        "        try: pathlib.Path(p, f'x{i}').write_text('x' * 1000000)\n"
        "        except OSError: break\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    os.setsid()\n"
        "    while True: pass\n"
        "subprocess.Popen('sleep 1000', shell=True, start_new_session=True)\n"
        "try: os.kill(-1, 9)\n"
        "except OSError: pass\n"
    )
    before = grade(LESSON, honest, "a")
    grade(LESSON, with_answers(LESSON, {"causal_mask": hostile}), "b")
    after = grade(LESSON, honest, "a")
    assert before.as_json()["exercises"] == after.as_json()["exercises"]


def processes_named(name: str) -> list[int]:
    """Living processes of the whole machine that call themselves so."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
        except OSError:  # it ended while we looked
            continue
        if f"Name:\t{name}\n" in status and "State:\tZ" not in status:
            found.append(int(folder.name))
    return found


def test_nothing_outlives_a_submission(grade: Grade) -> None:
    name = f"left-{secrets.token_hex(4)}"
    daemon = (
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        f"        import ctypes\n        ctypes.CDLL(None).prctl(15, {name.encode()!r})\n"
        "        import time\n        while True: time.sleep(1)\n    os._exit(0)\n"
        "import time\ntime.sleep(0.5)\n"
    )
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen.extend(processes_named(name))

    watcher = threading.Thread(target=look)
    watcher.start()
    grade(LESSON, with_answers(LESSON, {"causal_mask": daemon}))
    over.set()
    watcher.join()
    assert seen, "it was never there: this test would see nothing"
    assert processes_named(name) == []


ESCAPES = """
import os, socket, pathlib, ctypes
def attempt(name, action):
    try:
        found[name] = str(action())[:200]
    except BaseException as error:
        found[name] = None
found = {{}}
attempt("course", lambda: os.listdir({root!r} + "/solutions"))
attempt("course file", lambda: open({root!r} + "/solutions/masking/checks.py").read())
attempt("home", lambda: [f for f in os.listdir({home!r}) if f in (".bashrc", ".ssh", ".profile")][0])
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("root of process 1", lambda: os.listdir("/proc/1/root" + {root!r} + "/grader"))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)))
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", {port}), 1))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("write usr", lambda: pathlib.Path("/usr/x").touch())
attempt("write python", lambda: pathlib.Path(os.__file__).write_text("#"))
attempt("mount", lambda: 1 / int(ctypes.CDLL(None).mount(b"none", b"/mnt", b"tmpfs", 0, b"") == 0))
attempt("unshare", lambda: 1 / int(ctypes.CDLL(None).unshare(0x10000000) == 0))
attempt("ptrace", lambda: 1 / int(ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0))
attempt("setuid", lambda: os.setuid(0))
attempt("environment", lambda: [v for k, v in os.environ.items() if "SECRET" in k][0])
attempt("parent", lambda: open(f"/proc/{{os.getppid()}}/mem"))
attempt("other processes", lambda: [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())][0])
attempt("descriptors", lambda: [f for f in range(4, 64) if os.path.exists(f"/proc/self/fd/{{f}}") and "socket" in os.readlink(f"/proc/self/fd/{{f}}")][0])
attempt("modules", lambda: [m for m in __import__("sys").modules if m.startswith(("solutions", "grader.judge", "grader.course.exercises"))][0])
print("ESCAPED", sorted(name for name, value in found.items() if value is not None))
def causal_mask(n): return None
"""


def test_there_is_nothing_to_reach(grade: Grade, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket
    from pathlib import Path

    from grader.course.layout import ROOT

    with socket.create_server(("127.0.0.1", 0)) as server:
        text = ESCAPES.format(root=str(ROOT), home=str(Path.home()), port=server.getsockname()[1])
        outcome = grade(LESSON, with_answers(LESSON, {"causal_mask": text}))
    shown = next(cell for cell in outcome.cells if cell.id == "causal_mask")
    printed = "".join(o.get("text", "") for o in shown.outputs)
    assert "ESCAPED []" in printed, printed


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("while True: pass", "timed_out"),
        ("def causal_mask(n):\n    while True: pass", "timed_out"),
        ("import time\ntime.sleep(10**6)", "timed_out"),
        ("input('?')", "graded"),
        ("x = bytearray(10**11)", "out_of_memory"),
        ("import torch\nx = torch.zeros(10**11)", "out_of_memory"),
        ("def causal_mask(n): return bytearray(10**11)", "out_of_memory"),
        ("import os\nos._exit(0)", "crashed"),
        ("import ctypes\nctypes.string_at(0)", "crashed"),
        ("def causal_mask(n):\n    import os\n    os._exit(0)", "crashed"),
        ("def f(): return f()\nf()", "graded"),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "timed_out"),
        ("import os\nos.close(3)", "crashed"),
        ("import os\nos.write(3, b'x' * 100)", "crashed"),
    ],
)
def test_every_end_has_its_word_and_takes_nothing_else_down(
    grade: Grade, text: str, word: str
) -> None:
    outcome = grade(LESSON, with_answers(LESSON, {"causal_mask": text}, solve=True))
    scores = {v.exercise: (v.score, v.max_score) for v in outcome.verdicts}
    assert scores.pop("causal_mask")[0] == 0
    assert all(score == most for score, most in scores.values())
    assert outcome.outcome == word
