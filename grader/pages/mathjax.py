"""MathJax from this machine, for the pages of Formgrader.

nbgrader's templates load it from a server elsewhere, which then knows who grades whom and when, and
whose script could change marks. The script is put into the page instead. It comes with the wheel
that the course's own site takes it from; without that wheel formulas are shown as written.
"""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path

WHEEL, SCRIPT = "sphinx-mathjax-offline", "mathjax/tex-svg.js"  # draws letters without any font


@functools.cache
def local_mathjax(_: str = "") -> str:
    """Return MathJax's script for a page, or nothing without its wheel. A filter for templates."""
    try:
        found = importlib.metadata.files(WHEEL) or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    paths = [Path(str(one.locate())) for one in found if str(one).endswith(SCRIPT)]
    text = paths[0].read_text(encoding="utf-8") if paths and paths[0].exists() else ""
    assert "</script" not in text
    return text
