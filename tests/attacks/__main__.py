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


def markdown(results: list[Result], level: str, seconds: float) -> str:
    """Write the table, with its totals and the rows of the threat matrix that are covered."""
    totals = ", ".join(f"{name} {value:g}" for name, value in summary(results).items())
    rows = Counter(number for result in results for number in result.case.rows)
    lines = [
        "# Attacks",
        "",
        f"Made by `{PAGE.command}`. Each attack is a file in "
        "`tests/attacks/cases`. After each, an honest submission is graded by the same "
        "forkserver and must get the same marks as before.",
        "",
        f"Sandbox: {level}; {len(results)} attacks in {seconds:.0f} s. **{totals}.**",
        "",
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
    parser.add_argument("--only", metavar="TEXT", default="", help="attacks whose name holds this")
    parser.add_argument("--level", default="", choices=["", *LEVELS], help="this sandbox")
    arguments = parser.parse_args()
    if arguments.markdown and arguments.only:
        # The page would lack the other attacks, yet carry the stamp of a current page.
        parser.error("--markdown makes the page of all attacks: leave --only out")
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
    return int(any(result.faults for result in results))


if __name__ == "__main__":
    sys.exit(main())
