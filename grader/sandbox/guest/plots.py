"""matplotlib in the warm process and its workers: there when something is drawn, and no sooner.

Every lesson's first cell imports pyplot, and few submissions draw anything that is run at grading.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from grader.later import Package, StandIn

PYPLOT = "matplotlib.pyplot"


def delay(shell: Any) -> None:
    """Stand-ins for matplotlib and pyplot; the real ones draw into the cells of this shell."""
    log = logging.getLogger("matplotlib")
    log.setLevel(logging.ERROR)  # a worker that imports it has no folder for its cache

    def loaded(_: object) -> None:
        log.setLevel(logging.NOTSET)
        shell.run_line_magic("matplotlib", "inline")

    Package(StandIn("matplotlib"), StandIn(PYPLOT), loaded=loaded).delay()


def load() -> None:
    """Import it now, and do once what the first figure costs."""
    pyplot = sys.modules[PYPLOT]
    pyplot.close(pyplot.figure())
