"""``python -m tests.bench.lines [COMMIT…]``: count lines of engine, course, tests, derived files.

Counts every line of the files that git holds at each commit, blank lines and comments included.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter

from grader.course.layout import ROOT

# The first pattern that a path matches decides its kind. Folders since moved count, too.
KINDS = {
    "derived": r"solutions/(solved|caught)/|docs/lessons\.json"
    r"|docs/(kill_matrix|mutants|attacks|plain_nbgrader)\.md",
    "notebooks": r"notebooks/.*\.ipynb$",
    "course": r"solutions/.*\.py$|grader/specs/(?!__init__|building|examining|quiz)\w+\.py$",
    "engine": r"grader/.*\.(py|j2|tmpl|sql|json)$|docs/site/.*\.(py|mjs|js|css|j2)$",
    "tests": r"tests/.*\.(py|toml|cfg|ipynb)$",
    "documents": r".*\.md$",
}


def count(commit: str) -> Counter[str]:
    """Count lines by kind; of the engine also those of comments."""
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", commit],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: Counter[str] = Counter()
    for path in listed.stdout.splitlines():
        kind = next((k for k, pattern in KINDS.items() if re.match(pattern, path)), "")
        if not kind:
            continue
        shown = subprocess.run(
            ["git", "show", f"{commit}:{path}"], cwd=ROOT, capture_output=True, check=True
        )
        lines = shown.stdout.decode("utf-8", "replace").splitlines()
        found[kind] += len(lines)
        if kind == "engine" and path.endswith(".py"):
            found["comments in the engine"] += sum(line.lstrip().startswith("#") for line in lines)
    return found


def main(words: list[str]) -> None:
    """Print a table with a column for each commit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", metavar="COMMIT", nargs="*", default=["HEAD"])
    commits = parser.parse_args(words).commits
    counts = {commit: count(commit) for commit in commits}
    print("| lines |", " | ".join(commits), "|")
    print("| --- |" + " ---: |" * len(commits))
    for kind in (*KINDS, "comments in the engine"):
        print(f"| {kind} |", " | ".join(f"{counts[c][kind]:,}" for c in commits), "|")


if __name__ == "__main__":
    main(sys.argv[1:])
