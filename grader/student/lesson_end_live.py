"""A button that packs the lesson, as an ipywidget, for a front end that a person uses."""

from __future__ import annotations

from typing import Any

import ipywidgets
from IPython.display import display

from grader.student import screen
from grader.student.hand_in import pack
from grader.student.packing import NothingPacked

VIEW = "application/vnd.jupyter.widget-view+json"
# Where the kernel of a saved button is gone, JupyterLab would print that a model was not found.
STYLE = """\
<style>
.jp-OutputArea-child:has(.lesson-end-button) + .jp-OutputArea-child > .jupyter-widgets:not(:has(*))
{ display: none; }
</style><span class="lesson-end-button"></span>"""
LABEL = "Check and pack this lesson"


class _Shown:
    """This kernel's button. When the cell is run again, it closes the button before."""

    box: Any = None


def show_button() -> None:
    """Show the button, and its output below it."""
    if _Shown.box is not None:
        for widget in (*_Shown.box.children, _Shown.box):
            widget.close()
    button, output = ipywidgets.Button(description=LABEL), ipywidgets.Output()
    button.layout.width = "auto"
    button.on_click(lambda _: _pack(button, output))
    _Shown.box = ipywidgets.VBox([button, output])
    _Shown.box.layout.align_items = "flex-start"  # a button as wide as its words
    display({"text/html": STYLE, "text/plain": ""}, raw=True)
    view = {"version_major": 2, "version_minor": 0, "model_id": _Shown.box.model_id}
    display({VIEW: view, "text/html": "", "text/plain": ""}, raw=True)


def _pack(button: ipywidgets.Button, output: ipywidgets.Output) -> None:
    button.disabled, button.description = True, "Packing …"
    output.clear_output()
    with output:
        try:
            pack()
        except NothingPacked as error:
            screen.show_notice(f"Nothing was packed: {error}")
        finally:
            button.disabled, button.description = False, LABEL
