"""What is on the site, in which order, laid out for mystmd in a folder of its own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nbformat

from grader.authoring.site.lessons import page
from grader.course.layout import LESSONS, ROOT, notebook_path

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
LINK = re.compile(r"\]\(([\w-]+\.md)[)#]")
FILES = ("docs/scale",)  # what pages offer for download


def guide(root: Path = ROOT) -> list[str]:
    """The instructors' pages: ``index.md``, then as it links to them, then the others by name."""
    pages = sorted((root / "docs" / "instructors").glob("*.md"))
    index = root / "docs" / "instructors" / "index.md"
    linked = LINK.findall(index.read_text(encoding="utf-8")) if index in pages else []
    order = {name: place for place, name in reversed([*enumerate([index.name, *linked])])}
    pages.sort(key=lambda path: order.get(path.name, len(linked) + 1))
    return [str(path.relative_to(root)) for path in pages]


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
