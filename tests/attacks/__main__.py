"""``python -m tests.attacks``: run every attack as the present user, and print a table of results.

Exit 1 if any attack gained or harmed anything.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections import Counter
from pathlib import Path

import torch

from grader.sandbox.host.levels import LEVELS
from tests.attacks.arena import Arena, Result, summary
from tests.attacks.reader import PAGE, cases

# On the page: the totals of each run, by sandbox and user. The first made the page.
RUNS = "| sandbox | run by | attacks | in all |\n| --- | --- | ---: | --- |\n"
SYS_ADMIN = 21  # the number of the capability to mount and to make namespaces
COLUMNS = ("attack", "points", "secrets", "others", "left", "unsafe", "alive", "outcome", "s")


def row(result: Result) -> list[str]:
    return [
        result.case.name,
        f"{result.points:g}",
        str(len(result.secrets)),
        str(result.others),
        str(len(result.left)),
        str(len(result.unsafe)),
        "yes" if result.alive else "NO",
        result.outcome,
        f"{result.seconds:.1f}",
    ]


def who() -> str:
    """Say as which kind of user this runs."""
    if os.getuid() != 0:
        return "an ordinary user"
    status = Path("/proc/self/status").read_text(encoding="ascii")
    bounding = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    may = int(bounding.split()[1], 16) >> SYS_ADMIN & 1
    return "root" if may else "root without CAP_SYS_ADMIN"


def run_row(results: list[Result], level: str) -> str:
    """The row of one run in the table of runs."""
    totals = ", ".join(f"{name} {value:g}" for name, value in list(summary(results).items())[1:])
    return f"| {level} | {who()} | {len(results)} | {totals} |\n"


def with_run(page: str, row: str) -> str:
    """The page with one more row in its table of runs, or with a newer one for the same run."""
    head, _, rest = page.partition(RUNS)
    runs, gap, rest = rest.partition("\n\n")
    same = row.split("|")[1:3]
    kept = [one for one in runs.splitlines() if one.split("|")[1:3] != same]
    return head + RUNS + "\n".join([*kept, row.rstrip("\n")]) + gap + rest


def markdown(results: list[Result], level: str, seconds: float) -> str:
    """Write the table, with its totals and the rows of the threat matrix that are covered."""
    rows = Counter(number for result in results for number in result.case.rows)
    lines = [
        "# Attacks",
        "",
        f"Made by `{PAGE.command}`. Each attack is a file in "
        "`tests/attacks/cases`. After each, an honest submission is graded by the same "
        "forkserver and must get the same marks as before.",
        "",
        "Each run is of all attacks; those at other levels of the sandbox and by other users were "
        "added with `--also`. The second table shows the first run, attack by attack. It took "
        f"{seconds:.0f} s.",
        "",
        RUNS + run_row(results, level),
        "| attack | tries | points gained | secrets read | others' marks changed | "
        "processes left | unsafe parts of pages | grader alive | outcome |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |",
    ]
    for result in results:
        cells = row(result)
        tries = result.case.tries.replace("|", "\\|")
        lines.append("| " + " | ".join([cells[0], tries, *cells[1:-1]]) + " |")
    covered = ", ".join(f"{number} ({count})" for number, count in sorted(rows.items()))
    lines += ["", f"Rows of the threat matrix, and how many attacks cover each: {covered}.", ""]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="write the table there, too")
    parser.add_argument("--also", metavar="FILE", type=Path, help="add the totals to this page")
    parser.add_argument("--only", metavar="TEXT", default="", help="attacks whose name holds this")
    parser.add_argument("--level", default="", choices=["", *LEVELS], help="this sandbox")
    arguments = parser.parse_args()
    if arguments.only and (arguments.markdown or arguments.also):
        # The page would lack the other attacks, yet carry the stamp of a current page.
        parser.error("the page tells of all attacks: leave --only out")
    if arguments.also and PAGE.stamp() not in arguments.also.read_text(encoding="utf-8"):
        parser.error(f"{arguments.also} was made from other sources: make it with --markdown first")
    torch.set_num_threads(1)
    stamp = PAGE.stamp()
    chosen = [case for case in cases() if arguments.only in case.name]
    started, results = time.monotonic(), []
    with Arena(level=arguments.level) as arena:
        level = f"{arena.forkserver.level}, run by {getpass.getuser()} (uid {os.getuid()})"
        print(f"{len(chosen)} attacks, sandbox: {level}")
        print("{:38}{:>7}{:>8}{:>7}{:>5}{:>7}{:>6}  {:24}{:>6}".format(*COLUMNS))
        for case in chosen:
            result = arena.run(case)
            results.append(result)
            print("{:38}{:>7}{:>8}{:>7}{:>5}{:>7}{:>6}  {:24}{:>6}".format(*row(result)))
            for fault in result.faults:
                print(f"    {ascii(fault)[1:-1]}", flush=True)
    seconds = time.monotonic() - started
    for name, value in summary(results).items():
        print(f"{name:24}{value:g}")
    print(f"{seconds:.0f} s")
    if arguments.markdown:
        text = markdown(results, arena.forkserver.level, seconds)
        arguments.markdown.write_text(f"{text}\n{stamp}", encoding="utf-8")
    if arguments.also:
        page = arguments.also.read_text(encoding="utf-8")
        row_of_this = run_row(results, arena.forkserver.level)
        arguments.also.write_text(with_run(page, row_of_this), encoding="utf-8")
    return int(any(result.faults for result in results))


if __name__ == "__main__":
    sys.exit(main())
