"""Show things to a student: in a notebook, at an IPython prompt, or in plain Python."""

from __future__ import annotations

import html
import sys
from typing import Any


def shell() -> Any:
    """Return the IPython shell of this process; None in plain Python."""
    # A script that has not imported IPython has no shell: do not import it to find out.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def request(shell: Any) -> dict[str, Any]:
    """Return the ``execute_request`` that this kernel answers; empty outside of a kernel."""
    kernel = getattr(shell, "kernel", None)
    return (kernel.get_parent("shell") if kernel is not None else None) or {}


def running_cell(shell: Any) -> str:
    """Return the id of the running cell; "" if the front end does not tell it."""
    return str((request(shell).get("metadata") or {}).get("cellId") or "")


def inputs(shell: Any) -> list[str]:
    """Return the cells as they were typed, in order; the last is the one that runs."""
    return [text for text in shell.history_manager.input_hist_raw if text]


def is_interactive() -> bool:
    """Tell whether the front end that runs this cell allows the kernel to ask for input.

    Each ``execute_request`` says whether it does. JupyterLab, Notebook 7 and VS Code allow it;
    nbclient (and with it nbconvert, nbgrader's autograder and Validate, papermill, `grader solve`)
    and nbval do not. Outside of a kernel, as in a worker or a terminal, there is no request.
    """
    return bool(request(shell()).get("content", {}).get("allow_stdin"))


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


def show_notice(text: str) -> None:
    """Show a sentence, to be read before a verdict; a screen reader announces it."""
    show(_Notice(text))


class _Notice:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        style = (
            "margin:.3em 0;padding:.2em .7em;border-left:.25em solid currentColor;max-width:50em"
        )
        return f'<p role="status" style="{style}">{html.escape(self.text)}</p>'
