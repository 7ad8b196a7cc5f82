"""Show things to a student: in a notebook, at an IPython prompt, or in plain Python."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """The IPython shell of this process; None in plain Python."""
    # A script that has not imported IPython has no shell: do not import it to find out.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def show(thing: Any) -> None:
    """Show an object that displays itself: as HTML in a notebook, as text elsewhere."""
    if shell() is None:
        print(thing)
        return
    from IPython.display import display

    display(thing)


def show_html(text: str) -> None:
    """Show HTML in a notebook; show nothing in plain Python."""
    if shell() is None:
        return
    from IPython.display import display

    display({"text/html": text}, raw=True)
