"""A headless browser and a JupyterLab, as a user has them. Screenshots go to build/screenshots."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from grader.course.layout import ROOT

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    *("--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # loopback only
]
SETTINGS = {
    # every cell in the page, so that a test can find what is out of sight
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},  # nothing asks for it in the way
}
SCREENSHOTS = ROOT / "build" / "screenshots"


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    address: str
    token: str
    folder: Path

    def url(self, path: str) -> str:
        return f"{self.address}/{path}?token={self.token}"


# Not for the whole session: while Playwright is open, an event loop runs in this thread, and
# answers of other tests that start one of their own would fail.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("these tests drive Debian's chromium: apt-get install chromium")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)  # a busy machine is no fault of a page
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=FLAGS,
            chromium_sandbox=os.geteuid() != 0,  # root has none, and Chromium will not start
        )
        yield chromium
        chromium.close()


def run_cell(cell: Locator) -> None:
    """Press Shift+Enter in a code cell until JupyterLab has taken it.

    A cell run before its kernel is connected is dropped without a word, and the status bar may
    still show the kernel of the page that was open before.
    """
    for _ in range(20):
        cell.locator(".cm-content").click()
        cell.page.keyboard.press("Shift+Enter")
        try:
            expect(cell.locator(".jp-InputPrompt")).not_to_have_text("[ ]:", timeout=3_000)
            return
        except AssertionError:
            continue
    pytest.fail("JupyterLab did not run the cell within a minute")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def serve(command: list[str], folder: Path, cwd: Path) -> Iterator[Lab]:
    """Start a server with ``command`` plus port and token, wait for it, end it."""
    port, token = free_port(), secrets.token_hex(8)
    arguments = ["--no-browser", f"--port={port}", f"--IdentityProvider.token={token}"]
    home = folder.parent / "home"
    for name, value in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HOME": str(home)}
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    log = (folder.parent / "server.log").open("wb")
    process = subprocess.Popen(
        [*command, *arguments], cwd=cwd, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        lab = Lab(f"http://127.0.0.1:{port}", token, folder)
        wait_for(lab, process, Path(log.name))
        yield lab
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def wait_for(lab: Lab, process: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        if process.poll() is not None:
            pytest.fail(f"the server ended:\n{log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(lab.url("api/status"), timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"no server after two minutes:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """`python -m grader lab` on a fresh copy of the course."""
    folder = tmp_path_factory.mktemp("student") / "lab"
    command = [sys.executable, "-m", "grader", "lab", "--folder", str(folder)]
    yield from serve(command, folder, ROOT)
