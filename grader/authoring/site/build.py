"""From the course to a folder of pages: gather, let mystmd read and render, put it in place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from grader.authoring.site.gather import SITE, gather
from grader.authoring.site.pages import LEFT_AS_TEXT
from grader.course.layout import ROOT, make_room

MARK = ".grader-site"
LIBRARIES = ROOT / "build" / "site_libraries"
LISTS = ("package.json", "package-lock.json")


class SiteError(Exception):
    """The site cannot be built; the message says what to do."""


def tool(name: str) -> str:
    """A program's path, this environment's before the machine's. SiteError if there is none."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise SiteError(f"{name} is not here: pip install -e '.[instructor,site]'")
    return found


def run(command: Sequence[str], folder: Path, what: str) -> str:
    """Run a program of this environment; its output. SiteError holds the end of it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    python = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    settings = {"PATH": path, "PYTHONPATH": python, "COURSE_PYTHON": sys.executable}
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SiteError(f"{what} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def set_up() -> Path:
    """The forms of equations and the search, by npm from the lock file; the folder they are in."""
    LIBRARIES.mkdir(parents=True, exist_ok=True)
    done = LIBRARIES / "node_modules" / ".package-lock.json"
    if not done.exists() or any(
        (LIBRARIES / name).read_bytes() != (SITE / name).read_bytes() for name in LISTS
    ):
        for name in LISTS:
            shutil.copyfile(SITE / name, LIBRARIES / name)
        command = [tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        run(command, LIBRARIES, "npm (it needs its registry, this one time)")
    return LIBRARIES / "node_modules"


def build(output: Path) -> tuple[Path, list[str]]:
    """Build the site into ``output``, replacing an earlier one. SiteError, FolderTakenError.

    Returns:
        The front page, and the links that lead to what is not on the site: they are text now.
    """
    mystmd = tool("myst")
    tool("node")  # mystmd would fetch one
    libraries = set_up()
    make_room(output, MARK, "make site")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gather(folder)
        said = run([mystmd, "build", "--html", "--strict"], folder, "mystmd")
        html = folder / "_build" / "html"
        if not (html / "index.html").exists():
            raise SiteError(f"mystmd wrote no front page:\n{said[-3000:]}")
        shutil.copytree(html, output, dirs_exist_ok=True)
        left = (html.parent / LEFT_AS_TEXT).read_text(encoding="utf-8").splitlines()
    add_libraries(libraries, output / "libraries")
    return output / "index.html", left


def add_libraries(modules: Path, folder: Path) -> None:
    """What the pages load beside their own: KaTeX's style and fonts, MiniSearch, their licences."""
    katex, search = modules / "katex", modules / "minisearch"
    (folder / "fonts").mkdir(parents=True)
    shutil.copyfile(katex / "dist" / "katex.min.css", folder / "katex.min.css")
    for font in (katex / "dist" / "fonts").glob("*.woff2"):
        shutil.copyfile(font, folder / "fonts" / font.name)
    shutil.copyfile(search / "dist" / "umd" / "index.js", folder / "minisearch.js")
    shutil.copyfile(katex / "LICENSE", folder / "katex.LICENSE.txt")
    shutil.copyfile(search / "LICENSE.txt", folder / "minisearch.LICENSE.txt")
