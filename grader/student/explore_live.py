"""The controls of an explorer as ipywidgets, for a front end that a person uses.

What each front end shows:

- JupyterLab and Notebook 7: the controls are below the still picture. As soon as a control is
  moved, a live picture takes the place of the still one. When the notebook is opened again,
  controls whose kernel still runs keep working. For the others JupyterLab prints that a model was
  not found; the style here hides that line, and the still picture says what to do.
- VS Code: its outputs are separate, so that this style does not reach them. The still picture
  stays where it is, and the live one appears below it. Both are right.

Nothing is loaded from the network: the widgets' scripts are part of the installed JupyterLab.
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets
from IPython.display import display

from grader.student import screen
from grader.student.explore import Choice, Control, Explorer, Slider
from grader.student.figures import Picture

VIEW = "application/vnd.jupyter.widget-view+json"
# Each output is a child of the output area: the picture first, then its controls.
# A slider's handle has no name that a screen reader could read out, and ipywidgets offers no way to
# give it one. So the handle is hidden, and keys and screen readers find only the number field
# beside it. A mouse still grips the visible area around the handle, whose picture is drawn anyway.
STYLE = """\
<style>
.jp-OutputArea-child:has(+ .jp-OutputArea-child .explorer-moved) .explorer-still,
.jp-OutputArea-child:has(+ .jp-OutputArea-child .explorer) .explorer-note,
.jp-OutputArea-child:has(.explorer-still) + .jp-OutputArea-child > .jupyter-widgets:not(:has(*))
{ display: none; }
.explorer, .explorer .widget-box { overflow: visible; }
.explorer .widget-html-content { line-height: normal; }
.explorer input[type="number"] { width: 4.5em; }
.explorer .noUi-handle { visibility: hidden; }
.explorer .noUi-touch-area { visibility: visible; }
.explorer .jupyter-widget-slider .noUi-handle::after {
  content: ""; display: block; visibility: visible; position: absolute; inset: 0;
  width: auto; height: auto; border-radius: 50%; pointer-events: none;
  border: 1px solid var(--jp-widgets-slider-handle-border-color, currentColor);
  background: var(--jp-widgets-slider-handle-background-color, #fff);
}
.explorer-note { color: var(--jp-ui-font-color1, currentColor); font-size: 90%; }
</style>
"""
NOTE = "To move this picture, run the cell again."

# By cell: the run that displayed them, and the figures with controls that are there.
_boards: dict[str, tuple[str, list[Board]]] = {}


def display_live(explorer: Explorer, still: Picture) -> None:
    """Display the still picture, then its controls."""
    shell = screen.shell()
    run = screen.request(shell).get("header", {}).get("msg_id", "")
    # Where the front end does not name its cells, the function tells one figure from another.
    cell = screen.running_cell(shell) or getattr(explorer.draw, "__qualname__", "")
    last, boards = _boards.get(cell, ("", []))
    if run != last:  # the cell was run again: its earlier output, with the widgets, is gone
        for board in boards:
            board.close()
        boards = []
    board = Board(explorer)
    _boards[cell] = run, [*boards, board]
    page = (
        f'{STYLE}<div class="explorer-still">{still._repr_html_()}'
        f'<div class="explorer-note">{NOTE}</div></div>'
    )
    display({"text/html": page, "text/plain": repr(still)}, raw=True)
    # Empty texts: a front end that shows no widgets shows nothing under the picture.
    view = {"version_major": 2, "version_minor": 0, "model_id": board.box.model_id}
    display({VIEW: view, "text/html": "", "text/plain": ""}, raw=True)


class Board:
    """The live picture and its controls."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.picture = ipywidgets.HTML()
        rows = {name: _row(name, one) for name, one in explorer.controls.items()}
        self.controls = {name: row[0] for name, row in rows.items()}
        self.row = ipywidgets.Box([widget for row in rows.values() for widget in row])
        self.row.layout.flex_flow = "row wrap"
        self.box = ipywidgets.VBox([self.picture, self.row])
        self.box.add_class("explorer")
        for widget in self.controls.values():
            widget.observe(self.redraw, names="value")

    def redraw(self, _change: Any = None) -> None:
        """Draw again with the controls' present values."""
        values = {name: widget.value for name, widget in self.controls.items()}
        try:
            shown = self.explorer.picture(**values)._repr_html_()
        except Exception as error:  # the figure calls the student's code, which may have changed
            reason = f"{type(error).__name__}: {error}"
            shown = (
                f"<p>This figure could not be drawn ({html.escape(reason)}). Fix the function, "
                "run its cell, then move a control again.</p>"
            )
        self.picture.value = shown
        self.box.add_class("explorer-moved")

    def close(self) -> None:
        """Free the widgets in the front end and the kernel."""
        for widget in (*self.row.children, self.picture, self.row, self.box):
            widget.close()


def _row(name: str, control: Control) -> list[Any]:
    """Make the widgets of one control; the first of them holds its value."""
    labeled = {"description": control.label or name, "style": {"description_width": "initial"}}
    if isinstance(control, Choice):
        options = [(str(option), option) for option in control.options]
        menu = ipywidgets.Dropdown(options=options, value=control.start, **labeled)
        menu.layout.width = "auto"
        return [menu]
    if not isinstance(control, Slider):
        return [ipywidgets.Checkbox(value=control.start, indent=False, **labeled)]
    # The field is for keys and screen readers, the slider for a mouse: see STYLE.
    numbers = {"value": control.start, "min": control.low, "max": control.high}
    numbers["step"] = control.step
    if all(isinstance(number, int) for number in numbers.values()):
        kinds = (ipywidgets.BoundedIntText, ipywidgets.IntSlider)
    else:
        kinds = (ipywidgets.BoundedFloatText, ipywidgets.FloatSlider)
    field = kinds[0](**numbers, **labeled)
    slider = kinds[1](**numbers, readout=False)
    field.layout.width = "auto"
    slider.layout.width = "18em"
    ipywidgets.link((field, "value"), (slider, "value"))
    return [field, slider]
