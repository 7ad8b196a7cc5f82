"""Start JupyterLab on a folder of lessons, and end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from grader.coursefile import ENGINE
from grader.student.lab_folder import CONFIG


def command_line(folder: Path, start: Path, more: Sequence[str]) -> list[str]:
    """Return JupyterLab's command line; it opens on the page ``start`` if that is there."""
    command = [sys.executable, "-m", "jupyterlab", "--notebook-dir", str(folder.resolve())]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # without this, it refuses to run as root
        command.append("--allow-root")
    command += [  # ask nothing of the network
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not any("default_url" in argument for argument in more):
        page = f"/tree/{start.name}" if start.exists() else ""
        command.append(f"--LabApp.default_url=/lab{page}")
    return [*command, *more]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which JupyterLab reads the folder's own settings first."""
    paths = [str(folder.resolve() / CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


@contextlib.contextmanager
def answers_in_the_background(say: Callable[[str], object] = print) -> Iterator[None]:
    """Make what checks compare with meanwhile, in a checkout; a student bundle ships it.

    A check that comes too early makes the answers of its own lesson. What is made is kept.
    """
    if not (ENGINE / "authoring").is_dir():
        yield
        return
    say("Preparing in the background what the lessons' checks still need")
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "freeze", "--gently"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # a check that then finds no answers says why
        start_new_session=True,  # Ctrl-C is for JupyterLab, which asks whether to stop
    )
    try:
        yield
    finally:
        if process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGTERM)  # and the processes that it has started
            else:
                process.terminate()
            process.wait()


def run_until_it_ends(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run JupyterLab; return its exit code. The terminal sends it Ctrl-C, this process SIGTERM."""
    process = subprocess.Popen(command, env=dict(environment))
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),  # the terminal sends both one
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
    }
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
