"""Where a student looks: a notebook, an IPython prompt, or a plain Python."""

from __future__ import annotations

import sys
from typing import Any


def shell() -> Any:
    """The IPython shell that runs here; None in a plain Python."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def show(thing: Any) -> None:
    """Show something that displays itself: as HTML in a notebook, as text elsewhere."""
    if shell() is None:
        print(thing)
        return
    from IPython.display import display

    display(thing)


def show_html(text: str) -> None:
    """Show HTML where it can be seen; where there is only text, nothing."""
    if shell() is None:
        return
    from IPython.display import display

    display({"text/html": text}, raw=True)
