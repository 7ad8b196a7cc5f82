"""``doctor``: find out what this machine can do by doing it, and say how to fix what fails."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from grader.coursefile import ENGINE, current

PACKAGES = (
    "numpy",
    "torch",
    "matplotlib",
    "jupyterlab",
    "nbgrader",
    "nbval",
    "click",
    "rich",
    "nh3",
)
GB = 1e9  # bytes
DISK, MEMORY = 1 * GB, 4 * GB


@dataclass(frozen=True)
class Finding:
    """One line of the report. ``fix`` is empty where there is nothing to do."""

    what: str
    found: str
    good: bool
    fix: str = ""
    fatal: bool = False


@click.command()
def command() -> None:
    """Say what this machine offers: versions, sandbox, limits. Exit 1 if grading is refused."""
    from rich.console import Console
    from rich.table import Table

    findings = [*versions(), *machine(), *sandbox()]
    table = Table(title="doctor")
    for name in ("", "what", "found", "what to do"):
        table.add_column(name)
    for finding in findings:
        mark = (
            "[green]ok[/]" if finding.good else ("[red]no[/]" if finding.fatal else "[yellow]![/]")
        )
        table.add_row(mark, finding.what, finding.found, finding.fix)
    Console().print(table)
    if any(finding.fatal and not finding.good for finding in findings):
        raise SystemExit(1)


def versions() -> Iterator[Finding]:
    """Compare Python and the packages with the versions that were tested."""
    python = platform.python_version()
    tried = sys.version_info[:2] == (3, 11)
    fix = "" if tried else "tried only with Python 3.11: install 3.11 and run make again"
    yield Finding("Python", python, tried, fix, fatal=sys.version_info < (3, 11))
    pins = pinned()
    for name in PACKAGES:
        wanted = pins.get(name, "")
        try:
            found = importlib.metadata.version(name).partition("+")[0]
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "missing", False, f"pip install {name}=={wanted}", fatal=True)
            continue
        same = found == wanted or not wanted
        fix = "" if same else f"tested with {wanted}: pip install {name}=={wanted}"
        yield Finding(name, found, same, fix)


def pinned() -> dict[str, str]:
    """Return the tested version of each package, from constraints.txt."""
    path = ENGINE.parent / "constraints.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def machine() -> Iterator[Finding]:
    """Report the system, its cores, its disk and its memory."""
    yield Finding("system", f"{platform.system()} {platform.release()}", True)
    yield Finding("cores", str(os.cpu_count()), True)
    free = shutil.disk_usage(".").free
    fix = "" if free >= DISK else "free some disk: grading a cohort writes notebooks and pages"
    yield Finding("free disk", f"{free / GB:.1f} GB", free >= DISK, fix)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return
    fix = "" if memory >= MEMORY else f"below {MEMORY / GB:.0f} GB: grade with --jobs 1"
    yield Finding("memory", f"{memory / GB:.1f} GB", memory >= MEMORY, fix)


def sandbox() -> Iterator[Finding]:
    """Test each level of the sandbox by building it and trying to get out of it."""
    from grader.errors import WorkerError
    from grader.sandbox.host.forkserver_client import Forkserver
    from grader.sandbox.host.levels import title
    from grader.sandbox.host.select import describe, levels, try_level

    hidden = [ENGINE.parent, current().root, Path.home()]
    holding = []
    for level in levels():
        try:
            with Forkserver(level, hidden) as forkserver:
                found = try_level(forkserver, hidden)
        except WorkerError as error:
            # The last line that a sandbox prints before it fails says why.
            last = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
            yield Finding(f"sandbox: {title(level)}", last, False, _fix(level, str(error)))
            continue
        holding.append(found.holds)
        fix = "" if found.holds else _fix(level, found.error)
        yield Finding(
            f"sandbox: {title(level)}", describe(found).partition(": ")[2], found.holds, fix
        )
    if not any(holding) and not shutil.which("bwrap"):
        fix = "another level to try: apt-get install bubblewrap"
        yield Finding(f"sandbox: {title('bubblewrap')}", "not installed", False, fix)
    if not any(holding):
        fix = "grade on Linux (a virtual machine will do), or trust every submission: --no-sandbox"
        yield Finding("sandbox", "none holds: grading is refused", False, fix, fatal=True)


def _fix(level: str, error: str) -> str:
    """Say what to do where this level is denied."""
    if level == "landlock":
        denied = "landlock:" in error
        return "use Linux 5.13 or newer, with Landlock enabled" if denied else ""
    if level == "bubblewrap":
        return "allow user namespaces, or use a distribution that allows them to bwrap"
    restricted = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    if restricted.exists() and restricted.read_text().strip() == "1":
        return (
            "AppArmor denies user namespaces: sudo sysctl -w "
            "kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
        )
    clone = Path("/proc/sys/kernel/unprivileged_userns_clone")
    if clone.exists() and clone.read_text().strip() == "0":
        return "sudo sysctl -w kernel.unprivileged_userns_clone=1, or run as root"
    allowed = Path("/proc/sys/user/max_user_namespaces")
    if allowed.exists() and allowed.read_text().strip() == "0":
        return "sudo sysctl -w user.max_user_namespaces=10000, or run as root"
    return "in a container, allow user namespaces (or --privileged); or grade on the host"
