"""Measure the least that running a cohort's cells can cost, with everything already imported.

    python -m tests.bench.limit JOBS NOTEBOOK...

Each notebook's code cells run once, in order, in a fresh fork of a process that has imported numpy,
torch, what an optimizer's first use imports, and matplotlib; JOBS forks side by side. Prints the
seconds after the imports, and the processor seconds of the forks.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import time
from contextlib import redirect_stderr, redirect_stdout

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot
import numpy  # noqa: F401
import torch
import torch._dynamo
from IPython.core.interactiveshell import InteractiveShell

import grader  # noqa: F401


def run_cells(path: str) -> None:
    """Run every code cell, even after one fails; discard what they show."""
    torch.set_num_threads(1)
    with open(path, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    shell = InteractiveShell.instance()
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for cell in cells:
            if cell["cell_type"] == "code":
                shell.run_cell("".join(cell["source"]), store_history=True)
                matplotlib.pyplot.close("all")


def main() -> None:
    """Fork for each notebook; wait for one whenever all jobs are taken."""
    jobs, paths = int(sys.argv[1]), sys.argv[2:]
    started, running = time.perf_counter(), 0
    for path in paths:
        if running == jobs:
            os.wait()
            running -= 1
        if os.fork() == 0:
            try:
                run_cells(path)
            finally:
                os._exit(0)
        running += 1
    while running:
        os.wait()
        running -= 1
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    main()
