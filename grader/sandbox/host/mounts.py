"""What a worker sees of this machine: which files, and which environment."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from grader.errors import WorkerError

SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/fonts",
    "/etc/localtime",
    "/etc/alternatives",
    "/sys/devices/system/cpu",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SCRATCH = "/run/scratch"  # where bubblewrap's forkserver may write until it is forkserver


def view_of(folder: Path, light_folder: Path, hidden: Iterable[Path]) -> dict[str, Any]:
    """What a worker sees: the system's libraries, Python, and the light package; read-only."""
    pythons = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent}
    pythons |= {Path(path) for path in sysconfig.get_paths().values() if Path(path).is_dir()}
    shown = {*SYSTEM, str(light_folder), *(str(path) for path in pythons)}
    covered = {str(Path(path).resolve()) for path in hidden}
    for path in covered & shown:
        raise WorkerError(
            f"{path} is both the course and Python's own folder: make the virtual environment in "
            "a folder of its own (.venv) so that workers can be kept out of the course"
        )
    root = str(folder / "root")
    return {
        "root": root,
        "shown": without_inner(shown, covered),
        "hidden": sorted(covered),
        "devices": DEVICES,
    }


def without_inner(shown: Iterable[str], covered: Iterable[str]) -> list[str]:
    """Sorted, without what another window shows already: each costs a worker two mounts.

    A window inside a covered folder that lies in another window stays.
    """
    kept: list[str] = []
    for path in sorted(shown):
        around = [Path(k) for k in kept if Path(k) in Path(path).parents]
        inner = max(around, key=lambda one: len(one.parts), default=None)
        between = (Path(c) for c in covered if Path(c) in Path(path).parents)
        if inner is None or any(inner in one.parents for one in between) or _stands_alone(path):
            kept.append(path)
    return kept


def _stands_alone(path: str) -> bool:
    return os.path.islink(path) or os.path.ismount(path)


def bubblewrap(view: Mapping[str, Any]) -> list[str]:
    """bubblewrap with the view's files, read-only; the workers in it are held by seccomp alone."""
    command = ["bwrap", "--die-with-parent", "--unshare-user", "--unshare-net", "--unshare-ipc"]
    command += ["--unshare-uts", "--uid", "1000", "--gid", "1000"]
    shown = [Path(path) for path in view["shown"]]
    covered = [Path(h) for h in view["hidden"] if any(s in Path(h).parents for s in shown)]
    steps = [(path, True) for path in shown] + [(path, False) for path in covered]
    for path, visible in sorted(steps, key=lambda step: (len(step[0].parts), step[1])):
        if not visible:
            command += ["--tmpfs", str(path)]
        elif path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        else:
            command += ["--ro-bind-try", str(path), str(path)]
    for device in view["devices"]:
        command += ["--dev-bind", device, device]
    command += ["--ro-bind", view["root"], view["root"], "--tmpfs", SCRATCH]
    for name in ("SCRATCH", "TMPDIR", "MPLCONFIGDIR"):
        command += ["--setenv", name, SCRATCH]
    for path in [*covered, Path("/")]:
        command += ["--remount-ro", str(path)]
    return [*command, "--chdir", "/"]


def clean_environment() -> dict[str, str]:
    """Nothing of the instructor's environment but what Python needs to run."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": str(Path(tempfile.gettempdir()) / "grader-matplotlib"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
