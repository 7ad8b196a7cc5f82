"""Measure a solved notebook: run it in a fresh kernel; take that process's time and memory."""

from __future__ import annotations

import importlib
import subprocess
import sys

from grader.authoring.header import Measured
from grader.course.layout import module_of
from grader.errors import Failed

# Processor seconds that a solved notebook may take. Its cells use one thread where they train.
DEFAULT_BUDGET = 60.0

# Runs in a process of its own, whose only child is the kernel: getrusage sums up all children. It
# would also count the memory that this process held when it started the kernel, so the kernel's own
# peak is read from Linux, again and again while the kernel lives.
_PROGRAM = """
import re, resource, sys, tempfile, threading, time
from pathlib import Path
from grader.authoring.solve import solve
from grader.errors import Failed

peaks = [0]

def watch():
    while True:
        for children in Path("/proc/self/task").glob("*/children"):
            for pid in children.read_text().split():
                try:
                    status = Path("/proc", pid, "status").read_text()
                except OSError:  # it has ended
                    continue
                peaks.extend(int(found) for found in re.findall(r"VmHWM:\\s*(\\d+)", status))
        time.sleep(0.1)

threading.Thread(target=watch, daemon=True).start()
with tempfile.TemporaryDirectory() as folder:
    try:
        solve(sys.argv[1], Path(folder), run=True)
    except Failed as error:
        sys.exit(str(error))
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, max(peaks) / 1024)
"""


def budget(lesson: str) -> float:
    """Return the CPU seconds allowed: ``SOLVED_CPU`` in the lesson's checks, or the default."""
    module = importlib.import_module(module_of(lesson, "checks"))
    return getattr(module, "SOLVED_CPU", DEFAULT_BUDGET)


def measure(lesson: str) -> Measured:
    """Run a lesson's solved notebook once; raise Failed, with what it said, if that fails."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, lesson], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise Failed(done.stderr.strip() or f"{lesson} cannot be measured: exit {done.returncode}")
    cpu, peak = map(float, done.stdout.split()[-2:])
    return Measured(round(cpu, 1), round(peak) or None)
