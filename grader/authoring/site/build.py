"""Build the site: gather its sources in a folder and run Sphinx on them."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from grader.authoring.site.lessons import page
from grader.course.layout import NOTEBOOKS, ROOT, make_room
from grader.errors import Failed

SITE = ROOT / "docs" / "site"
MARK = ".grader-site"
# The mutants quote solutions, and Sphinx publishes every file that a page links to. So these files
# must not be among its sources at all.
KEPT_OFF = ("mutants.md", "*.json", "static", "conf.py")
FRONT_PAGE = "```{include} docs/site/index.md\n:relative-docs: ..\n```\n"


class SiteError(Failed):
    """The site cannot be built; the message says what to do."""


def gather(folder: Path) -> None:
    """Write the sources of the site into ``folder``, laid out as in the checkout."""
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns(*KEPT_OFF))
    shutil.copyfile(ROOT / "SECURITY.md", folder / "SECURITY.md")
    (folder / "index.md").write_text(FRONT_PAGE, encoding="utf-8")
    for notebook in sorted(NOTEBOOKS.glob("*/*.ipynb")):
        target = folder / notebook.relative_to(ROOT)
        target.parent.mkdir(parents=True)
        target.write_text(page(notebook), encoding="utf-8")


def build(output: Path) -> Path:
    """Build the site into ``output``, replacing an earlier one; return its front page's path.

    Raises:
        SiteError: Sphinx is not installed, or warns of something: a link that leads nowhere on the
            site, a page that is in no table of contents.
        FolderTakenError: ``output`` holds something that is not a site.
    """
    if importlib.util.find_spec("myst_nb") is None:
        raise SiteError("Sphinx is not installed: pip install -e '.[instructor,site]'")
    make_room(output, MARK, "make site")
    with tempfile.TemporaryDirectory() as name:
        sources, scratch = Path(name, "sources"), Path(name, "doctrees")
        gather(sources)
        command = [sys.executable, "-m", "sphinx", "--quiet", "--no-color"]
        command += ["--fail-on-warning", "-c", str(SITE), "-d", str(scratch)]
        done = subprocess.run(
            [*command, str(sources), str(output)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    if done.returncode:
        said = done.stderr.replace(f"{sources}/", "").splitlines()
        raise SiteError("\n".join(["Sphinx cannot build the site:", *said[-40:]]))
    return output / "index.html"
