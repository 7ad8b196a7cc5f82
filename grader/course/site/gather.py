"""What is on the site, in which order, laid out for mystmd in a folder of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat

from grader.course.layout import ROOT, notebook_path
from grader.course.site.lessons import page
from grader.specs import LESSONS

SITE = ROOT / "docs" / "site"
THEME = SITE / "theme"
TITLE = "Attention, from a single query to a language model"
# Pages beside the lessons and the instructors' folder. Not the mutants: they quote solutions.
EVIDENCE = (
    "docs/kill_matrix.md",
    "docs/performance.md",
    "docs/scale.md",
    "docs/attacks.md",
    "docs/plain_nbgrader.md",
    "SECURITY.md",
    "docs/architecture.md",
)
FRONT = "docs/site/index.md"
FILES = ("docs/scale",)  # what pages offer for download


def guide(root: Path = ROOT) -> list[str]:
    """The instructors' pages, ``index.md`` first, then by name."""
    found = (root / "docs" / "instructors").glob("*.md")
    return [str(p.relative_to(root)) for p in sorted(found, key=lambda p: (p.stem != "index", p))]


def contents(instructors: list[str]) -> list[dict]:
    """The table of contents, as MyST wants it."""
    parts = {
        "Lessons": [str(notebook_path(x).relative_to(ROOT)) for x in LESSONS],
        "For instructors": instructors,
        "What it rests on": list(EVIDENCE),
    }
    listed = [
        {"title": title, "children": [{"file": name} for name in names]}
        for title, names in parts.items()
        if names
    ]
    return [{"file": FRONT}, *listed]


def gather(folder: Path) -> None:
    """Write the sources of the site into ``folder``: pages, lessons, configuration."""
    instructors = guide()
    for name in (FRONT, *instructors, *EVIDENCE):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in FILES:
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True)
    for beside in sorted((ROOT / "docs" / "instructors").glob("*")):
        if beside.suffix in (".png", ".svg", ".csv"):
            shutil.copyfile(beside, folder / "docs" / "instructors" / beside.name)
    for lesson in LESSONS:
        path = folder / notebook_path(lesson).relative_to(ROOT)
        path.parent.mkdir(parents=True)
        nbformat.write(page(lesson), path)
    settings = {
        "version": 1,
        "project": {"title": TITLE, "toc": contents(instructors)},
        "site": {"template": str(THEME)},
    }
    # JSON is YAML
    (folder / "myst.yml").write_text(json.dumps(settings, indent=1), encoding="utf-8")
