"""Which files and which environment of this machine a worker sees."""

from __future__ import annotations

import contextlib
import os
import stat
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
# Not /dev/zero: a shared mapping of it is memory that belongs to no process.
DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")
SCRATCH = "/run/scratch"  # where a forkserver in bubblewrap may write while it imports


def mounts_for(folder: Path, package: Path, hidden: Iterable[Path]) -> dict[str, Any]:
    """Return what a worker sees, read-only: system libraries, Python, and ``package``."""
    pythons = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent}
    pythons |= {Path(path) for path in sysconfig.get_paths().values() if Path(path).is_dir()}
    pythons |= {path.resolve() for path in pythons}  # a .venv may be a link to one elsewhere
    shown = {*SYSTEM, str(package), *(str(path) for path in pythons)}
    covered = {str(Path(path).resolve()) for path in hidden}
    # Hiding such a folder would hide Python; showing it would show the solutions.
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
    """Return the paths, sorted, without those inside another: each costs a worker two mounts.

    A path inside a covered folder is kept, since the folder around it does not show it.
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
    """Tell whether ``path`` is a link or a mount point, and so needs a mount of its own."""
    return os.path.islink(path) or os.path.ismount(path)


def bubblewrap(mounts: Mapping[str, Any]) -> list[str]:
    """Return the command that starts bubblewrap around the forkserver, showing files read-only.

    All workers share this one container: only the seccomp filter keeps them from each other.
    """
    command = ["bwrap", "--die-with-parent", "--unshare-user", "--unshare-net", "--unshare-ipc"]
    command += ["--unshare-uts", "--uid", "1000", "--gid", "1000"]
    shown = [Path(path) for path in mounts["shown"]]
    covered = [Path(h) for h in mounts["hidden"] if any(s in Path(h).parents for s in shown)]
    # Outer folders first: a later mount covers what lies below it.
    steps = [(path, True) for path in shown] + [(path, False) for path in covered]
    for path, visible in sorted(steps, key=lambda step: (len(step[0].parts), step[1])):
        if not visible and path.is_file():
            command += ["--ro-bind", "/dev/null", str(path)]
        elif not visible:
            command += ["--tmpfs", str(path)]
        elif path.is_symlink():
            command += ["--symlink", os.readlink(path), str(path)]
        else:
            command += ["--ro-bind-try", str(path), str(path)]
    for device in mounts["devices"]:
        command += ["--dev-bind", device, device]
    command += ["--ro-bind", mounts["root"], mounts["root"], "--tmpfs", SCRATCH]
    for name in ("SCRATCH", "TMPDIR", "MPLCONFIGDIR"):
        command += ["--setenv", name, SCRATCH]
    # Read-only last: the mounts above may need mount points inside these.
    for path in [*(path for path in covered if not path.is_file()), Path("/")]:
        command += ["--remount-ro", str(path)]
    return [*command, "--chdir", "/"]


def clean_environment(user: int | None = None) -> dict[str, str]:
    """Return a worker's environment: what Python needs, and nothing of the instructor's (no keys).

    ``user`` is the user id that the forkserver runs as, if that is not the present user's.
    """
    cache = _font_cache(os.geteuid() if user is None else user)
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        **({} if cache is None else {"MPLCONFIGDIR": str(cache)}),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }


def _font_cache(user: int) -> Path | None:
    """Return a folder in which matplotlib keeps its list of fonts from one run to the next.

    None if somebody else could write there: its name is predictable, and matplotlib also reads its
    settings from it, which can name functions to call.
    """
    path = Path(tempfile.gettempdir()) / f"grader-matplotlib-{user}"
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            if user != os.geteuid():
                os.chown(path, user, user)
        found = path.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == user and not found.st_mode & 0o022
    return path if own else None
