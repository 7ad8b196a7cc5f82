"""Install the course: ``python -m grader.install``, with nothing but Python itself.

It makes a virtual environment in ``.venv`` beside this package, and installs there what the course
needs, in the versions of ``constraints.txt``. On Linux the default build of PyTorch carries GPU
libraries of several gigabytes, which this course does not use: the CPU build is taken from
PyTorch's own index where that can be reached. Where PyTorch cannot be installed, the rest is.

This module runs before anything is installed, also on a Python that is too old for the course.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PATIENCE = 2.0  # seconds that the index has to answer
OLDEST = (3, 11)
PIP = ("-m", "pip", "install", "--disable-pip-version-check")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m grader.install",
        description="Install the course into .venv, with nothing but Python itself.",
    )
    parser.add_argument(
        "--here",
        action="store_true",
        help="install into this Python's environment; keep its versions where the course allows it",
    )
    parser.add_argument("--extras", default="", help="extras to install: instructor, to grade")
    parser.add_argument("--gpu", action="store_true", help="PyTorch's default build, for a GPU")
    parser.add_argument("pip", nargs="*", help="further arguments for pip, after --")
    given = parser.parse_args(arguments)
    if sys.version_info < OLDEST:
        print(
            f"This course needs Python 3.11 or newer; this is {platform.python_version()}. Install "
            "it, and name it in this command: python3.11, or on Windows py -3.11.",
            file=sys.stderr,
        )
        return 1
    python = Path(sys.executable) if given.here else environment()
    if python is None:
        return 1
    index = [] if given.gpu else cpu_index()
    print("Installing the course; what is downloaded is shown below.", flush=True)
    pins = [] if given.here else ["-c", str(ROOT / "constraints.txt")]
    command = pip_command(python, given.extras, [*pins, *index, *given.pip])
    code = subprocess.run(command, check=False).returncode
    shown = str(python) if given.here else os.path.relpath(python)
    said = "Installed."
    if code and not given.extras:  # whoever grades needs PyTorch
        print("That failed. Installing the rest without PyTorch …", flush=True)
        commands = without_torch(python, [*pins, *given.pip])
        codes = (subprocess.run(one, check=False).returncode for one in commands)
        code = next(filter(None, codes), 0)
        said = (
            "Installed, but without PyTorch: see above what pip says about it. Lesson 1 works "
            "without it; for the others, fix the error and run python -m grader.install again."
        )
    if code:
        print("The installation failed: pip says why above.", file=sys.stderr)
        return code
    print(f"{said} Open the course with: {shown} -m grader lab", flush=True)
    return 0


def environment() -> Path | None:
    """Return the Python of ``.venv``, which is made if needed; None if it cannot be made."""
    folder = ROOT / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Making a virtual environment in {os.path.relpath(folder)} …", flush=True)
        done = subprocess.run([sys.executable, "-m", "venv", str(folder)], check=False)
        if done.returncode:
            print(
                "The virtual environment could not be made (see above). On Debian and Ubuntu: "
                "apt-get install python3-venv.",
                file=sys.stderr,
            )
            return None
    return python


def cpu_index(url: str = CPU_INDEX, system: str = "") -> list[str]:
    """Return arguments for pip that add PyTorch's CPU index, if it is needed and answers."""
    if (system or platform.system()) != "Linux":  # elsewhere the default build is the CPU's
        return []
    print("Looking for PyTorch's index of CPU builds …", flush=True)
    if answers(url):
        return ["--extra-index-url", url]
    print(
        f"The index did not answer within {PATIENCE:g} seconds and is not used: if pip now "
        "downloads gigabytes of packages named nvidia, stop pip and try again later."
    )
    return []


def answers(url: str, patience: float = PATIENCE) -> bool:
    """Tell whether the index answers in time. Looking up its name may hang, so a thread asks."""
    found = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(f"{url}/torch/", method="HEAD")
            urllib.request.urlopen(request, timeout=patience).close()
        except (OSError, ValueError, http.client.HTTPException):
            return
        found.set()

    thread = threading.Thread(target=ask, daemon=True)  # the program may end before it does
    thread.start()
    thread.join(patience)
    return found.is_set()


def pip_command(python: Path, extras: str, more: Sequence[str]) -> list[str]:
    """Return the command line of pip, which shows its progress."""
    what = f"{ROOT}[{extras}]" if extras else str(ROOT)
    return [str(python), *PIP, *more, "-e", what]


def without_torch(python: Path, more: Sequence[str]) -> list[list[str]]:
    """Return the command lines of pip that install the course and its needs but PyTorch."""
    import tomllib  # missing in old Pythons, on which this module must run

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    others = [line for line in project["dependencies"] if not re.match(r"torch\b", line)]
    pip = [str(python), *PIP, *more]
    return [[*pip, *others], [*pip, "--no-deps", "-e", str(ROOT)]]


if __name__ == "__main__":
    sys.exit(main())
