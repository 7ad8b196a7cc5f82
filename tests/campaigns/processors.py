"""``python -m tests.campaigns.processors``: try what passes here with other processors' kernels.

Libraries choose their kernels by the processor, and each kernel adds up in another order, so that
the last bits differ. Environment variables make them choose the kernels of other processors.
Under each setting this runs the solved notebooks (through nbval), ``prove`` and the laws of the
lessons, and prints a table, with the kernels that torch and NumPy say they took. (Names are those
of OpenBLAS, which calls Prescott Katmai and takes Haswell's for Zen.) If a setting asks for
instructions that this processor does not have, the table says so.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from grader.course.layout import LESSONS, ROOT
from tests.authoring.outputs import rerun

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SETTINGS: dict[str, dict[str, str]] = {
    "as it is": {},
    "torch default": {"ATEN_CPU_CAPABILITY": "default"},
    "torch avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "torch avx512": {"ATEN_CPU_CAPABILITY": "avx512"},
    "oneDNN sse41": {"DNNL_MAX_CPU_ISA": "SSE41"},
    "oneDNN avx2": {"DNNL_MAX_CPU_ISA": "AVX2"},
    "MKL compatible": {"MKL_CBWR": "COMPATIBLE"},
    "NumPy Prescott": {"OPENBLAS_CORETYPE": "Prescott"},
    "NumPy Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "NumPy Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "NumPy SkylakeX": {"OPENBLAS_CORETYPE": "SkylakeX"},
    "one thread": dict.fromkeys(THREADS, "1"),
    "two threads": dict.fromkeys(THREADS, "2"),
    "all the oldest": {
        "ATEN_CPU_CAPABILITY": "default",
        "DNNL_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Prescott",
    },
}
PARTS = ("notebooks", "prove", "laws")

# Computes with each library, and says which kernels it has chosen. OpenBLAS prints its own name.
_PROBE = """
import numpy, torch
numpy.ones((99, 99)) @ numpy.ones((99, 99))
torch.softmax(torch.rand(99, 99) @ torch.rand(99, 99), dim=-1).exp().sum()
print("torch", torch.backends.cpu.get_cpu_capability().lower())
"""


def kernels(settings: Mapping[str, str]) -> str:
    """Name the kernels that torch and NumPy use under a setting; "" if they cannot run here."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE],
        env=os.environ | settings | {"OPENBLAS_VERBOSE": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return ""
    core = [line.split()[-1] for line in done.stderr.splitlines() if line.startswith("Core:")]
    return ", ".join([done.stdout.strip(), *(f"NumPy {name}" for name in core[:1])])


def commands(part: str, lessons: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and command of what a part runs besides notebooks."""
    if part == "prove":
        yield "prove", [sys.executable, "-m", "grader", "prove"]
    if part == "laws":
        files = [f"tests/lessons/test_{lesson}.py" for lesson in lessons]
        yield "laws", [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]


def outcomes(
    part: str, lessons: Sequence[str], settings: Mapping[str, str]
) -> Iterator[tuple[str, subprocess.CompletedProcess[str]]]:
    """Run one part under a setting; yield the result of each command."""
    if part == "notebooks":
        for lesson in lessons:
            yield lesson, rerun(lesson, settings)
    for name, command in commands(part, lessons):
        yield (
            name,
            subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | settings,
                capture_output=True,
                text=True,
                check=False,
            ),
        )


def main() -> int:
    """Parse, run, print a line for each setting and the output of whatever failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--setting", action="append", choices=SETTINGS, help="may be repeated")
    parser.add_argument("--part", action="append", choices=PARTS, help="may be repeated")
    parser.add_argument("--lesson", action="append", choices=LESSONS, help="may be repeated")
    options = parser.parse_args()
    parts, lessons = options.part or PARTS, options.lesson or LESSONS
    rows, failures = [], []
    for setting in options.setting or SETTINGS:
        found = kernels(SETTINGS[setting])
        row = [setting, found or "-"]
        for part in parts:
            if not found:
                row.append("not on this processor")
                continue
            started, failed = time.monotonic(), 0
            for name, done in outcomes(part, lessons, SETTINGS[setting]):
                if done.returncode:
                    failed += 1
                    failures.append(f"{setting}, {part}, {name}:\n{done.stdout[-4000:]}")
                    print(failures[-1], file=sys.stderr, flush=True)
            said = f"{failed} FAILED" if failed else "passed"
            row.append(f"{said}, {time.monotonic() - started:.0f} s")
        rows.append(row)
        print(" | ".join(row), file=sys.stderr, flush=True)
    for row in [["setting", "kernels", *parts], ["---"] * (2 + len(parts)), *rows]:
        print(f"| {' | '.join(row)} |")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
