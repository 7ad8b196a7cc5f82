"""Installing with nothing but Python: what is told, and an index that cannot be reached."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grader import install
from grader.course.layout import ROOT


@contextmanager
def index(answer: int) -> Iterator[str]:
    """A server on loopback that answers so."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_index_that_answers_is_used_on_linux_alone() -> None:
    with index(200) as url:
        assert install.cpu_index(url, "Linux") == ["--extra-index-url", url]
        assert install.cpu_index(url, "Windows") == install.cpu_index(url, "Darwin") == []


def test_an_index_that_refuses_or_is_not_there_is_left_out(capsys) -> None:
    with index(403) as url:
        assert install.cpu_index(url, "Linux") == []
    assert install.cpu_index(url, "Linux") == []  # its server has ended
    assert install.cpu_index("not an address", "Linux") == []
    assert "nvidia" in capsys.readouterr().out


def test_an_index_that_never_answers_is_left_out_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the connection, says nothing
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        before = time.monotonic()
        assert install.cpu_index(url, "Linux") == []
        assert time.monotonic() - before < install.PATIENCE + 3  # a busy machine


def test_a_name_whose_lookup_hangs_is_left_out_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(60))
    before = time.monotonic()
    assert not install.answers("http://nowhere.invalid")
    assert time.monotonic() - before < install.PATIENCE + 3


def test_it_runs_before_anything_is_installed() -> None:
    """On a Python with no package at all, and alone out of the engine's modules."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", NOTHING_ELSE.format(root=str(ROOT))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "click" not in done.stdout and "--gpu" in done.stdout


NOTHING_ELSE = """
import sys
sys.path.insert(0, {root!r})
import grader.install
try:
    grader.install.main(["--help"])
except SystemExit:
    print(*(name for name in sys.modules if name.partition(".")[0] in ("click", "numpy")))
"""


class FakePip:
    """In place of pip: notes what it is asked for, and cannot install some of it."""

    def __init__(self, fails: Callable[[list[str]], bool]) -> None:
        self.fails = fails
        self.installed: list[list[str]] = []

    def run(self, command: list[str], check: bool) -> subprocess.CompletedProcess:
        assert command[1:4] == ["-m", "pip", "install"]
        if self.fails(command):
            return subprocess.CompletedProcess(command, 1)
        self.installed.append(command[4:])
        return subprocess.CompletedProcess(command, 0)


def asks_for_torch(command: list[str]) -> bool:
    """By name, or as a dependency of the course."""
    by_name = any(argument.startswith("torch") for argument in command)
    return by_name or ("-e" in command and "--no-deps" not in command)


def installed_with(pip: FakePip, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(install.subprocess, "run", pip.run)
    monkeypatch.setattr(install, "environment", lambda: Path("python"))
    return install.main(["--gpu", *arguments])


def test_where_torch_cannot_be_installed_the_rest_is(monkeypatch, capsys) -> None:
    pip = FakePip(asks_for_torch)
    assert installed_with(pip, monkeypatch) == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {line for line in project["dependencies"] if not line.startswith("torch")}
    packages, course = pip.installed
    assert wanted <= set(packages) and course[-3:] == ["--no-deps", "-e", str(ROOT)]
    assert all("constraints.txt" in " ".join(one) for one in pip.installed)
    out = capsys.readouterr().out
    last = out.strip().splitlines()[-1]
    assert "Lesson 1 works without it" in last and "grader.install again" in last
    assert last.endswith("-m grader lab")


def test_where_pip_can_install_all_there_is_no_word_of_torch(monkeypatch, capsys) -> None:
    pip = FakePip(lambda command: False)
    assert installed_with(pip, monkeypatch) == 0
    assert len(pip.installed) == 1 and "PyTorch" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--extras", "instructor"]])
def test_what_fails_without_torch_too_has_failed(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """And whoever grades needs PyTorch: an installation without it is none."""
    pip = FakePip(asks_for_torch if arguments else lambda command: True)
    assert installed_with(pip, monkeypatch, *arguments) == 1
    said = capsys.readouterr()
    assert "The installation failed" in said.err and "Installed" not in said.out
    assert pip.installed == []


def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(install.sys, "version_info", (3, 9, 2))
    assert install.main([]) == 1
    assert "needs Python 3.11" in capsys.readouterr().err


def test_a_missing_package_names_the_way_in(tmp_path: Path) -> None:
    """The command line in a Python without the course's packages: one line, no traceback."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "grader", "lab"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "python -m grader.install" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


NO_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Blocked())
sys.argv = ["grader", "check", sys.argv[1]]
from grader.__main__ import run

run()
"""


def test_the_first_lesson_works_where_torch_cannot_be_installed(tmp_path: Path) -> None:
    import nbformat

    from grader.authoring.freeze import freeze
    from grader.authoring.solve import solved
    from grader.course.layout import LESSONS, assignment_id

    freeze(lessons=LESSONS[:1])
    path = tmp_path / f"{assignment_id(LESSONS[0])}.ipynb"
    nbformat.write(solved(LESSONS[0]), path)
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, str(path)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
