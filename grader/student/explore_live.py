"""The controls of an explorer as ipywidgets, in a front end that a person sits in front of.

What the front ends make of it:

- JupyterLab and Notebook 7: below the still picture stand the controls. As soon as one of them is
  moved, a moving picture takes the place of the still one. In a notebook that is opened again,
  controls whose kernel still runs work on; others leave a line that speaks of a model that was
  not found. The style here hides that line, and the still picture says what to do.
- VS Code has outputs of its own, which this style does not reach: the still picture stays where
  it is, and the moving one appears below it. Both are right.

Nothing here is loaded from anywhere: the widgets' scripts are part of the installed JupyterLab.
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets
from IPython.display import display

from grader.student.explore import Choice, Control, Explorer, Slider
from grader.student.figures import Picture

VIEW = "application/vnd.jupyter.widget-view+json"
# One output stands behind the other, each in a child of the output area.
STYLE = """\
<style>
.jp-OutputArea-child:has(+ .jp-OutputArea-child .explorer-moved) .explorer-still,
.jp-OutputArea-child:has(+ .jp-OutputArea-child .explorer) .explorer-note,
.jp-OutputArea-child:has(.explorer-still) + .jp-OutputArea-child > .jupyter-widgets:not(:has(*))
{ display: none; }
.explorer, .explorer .widget-box { overflow: visible; }
.explorer .widget-html-content { line-height: normal; }
.explorer input[type="number"] { width: 4.5em; }
.explorer-note { color: var(--jp-ui-font-color1, #333); font-size: 90%; }
</style>
"""
NOTE = "This picture stands still. Run the cell again to move it."

_boards: dict[str, Board] = {}


def offer(explorer: Explorer, still: Picture) -> None:
    """Display the still picture, and behind it its controls."""
    name = getattr(explorer.draw, "__qualname__", "")
    if name in _boards:  # the cell was run again: what it had shown is gone
        _boards.pop(name).close()
    board = _boards[name] = Board(explorer)
    page = (
        f'{STYLE}<div class="explorer-still">{still._repr_html_()}'
        f'<div class="explorer-note">{NOTE}</div></div>'
    )
    display({"text/html": page, "text/plain": repr(still)}, raw=True)
    # Where no widget can be shown this output is empty: the picture above has said it all.
    view = {"version_major": 2, "version_minor": 0, "model_id": board.box.model_id}
    display({VIEW: view, "text/html": "", "text/plain": ""}, raw=True)


class Board:
    """The moving picture and its controls."""

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
        """Draw anew with the values of now."""
        values = {name: widget.value for name, widget in self.controls.items()}
        try:
            shown = self.explorer.picture(**values)._repr_html_()
        except Exception as error:  # an answer was changed since, or what it needs
            said = f"{type(error).__name__}: {error}"
            shown = (
                f"<p>This figure could not be drawn ({html.escape(said)}). Mend the function, "
                "run its cell, then move a control again.</p>"
            )
        self.picture.value = shown
        self.box.add_class("explorer-moved")

    def close(self) -> None:
        """Let the front end and the kernel forget all of it."""
        for widget in (*self.row.children, self.picture, self.row, self.box):
            widget.close()


def _row(name: str, control: Control) -> list[Any]:
    """The widgets of one control, the first of which has its value."""
    said = {"description": control.label or name, "style": {"description_width": "initial"}}
    if isinstance(control, Choice):
        options = [(str(option), option) for option in control.options]
        menu = ipywidgets.Dropdown(options=options, value=control.start, **said)
        menu.layout.width = "auto"
        return [menu]
    if not isinstance(control, Slider):
        return [ipywidgets.Checkbox(value=control.start, indent=False, **said)]
    # The handle of a slider has no name that a screen reader could say; a number field has.
    numbers = {"value": control.start, "min": control.low, "max": control.high}
    numbers["step"] = control.step
    if all(isinstance(number, int) for number in numbers.values()):
        kinds = (ipywidgets.BoundedIntText, ipywidgets.IntSlider)
    else:
        kinds = (ipywidgets.BoundedFloatText, ipywidgets.FloatSlider)
    field = kinds[0](**numbers, **said)
    slider = kinds[1](**numbers, readout=False)
    field.layout.width = "auto"
    slider.layout.width = "18em"
    ipywidgets.link((field, "value"), (slider, "value"))
    return [field, slider]
