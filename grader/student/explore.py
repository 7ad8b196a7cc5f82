"""Figures to play with: controls under a picture, and the picture alone where nobody plays.

``explore(draw, alt=…, sharpness=Slider(0, 3, start=1))`` draws the figure at its start. In a
notebook with somebody in front of it, controls stand below, and the figure follows them
(``explore_live``). Everywhere else the figure stands still: in grading, in nbclient, nbval and
nbconvert, in a terminal, and in a saved notebook whose kernel is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.student.figures import Picture, fixed_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Slider:
    """Numbers from ``low`` to ``high`` in steps: whole ones, if all four are whole."""

    low: float
    high: float
    start: float
    step: float = 1
    label: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high or self.step <= 0:
            raise ValueError(f"a slider runs upward in steps above 0, not {self}")
        if not self.holds(self.start):
            raise ValueError(f"start {self.start!r} is outside of {self.said()}")

    def holds(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def said(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Choice:
    """One of several options; the first one, if ``start`` names no other."""

    options: Sequence[Any]
    start: Any = None
    label: str = ""

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError("a choice needs options")
        if self.start is None:
            object.__setattr__(self, "start", self.options[0])
        if not self.holds(self.start):
            raise ValueError(f"start {self.start!r} is none of {self.said()}")

    def holds(self, value: Any) -> bool:
        return value in self.options

    def said(self) -> str:
        return ", ".join(map(str, self.options))


@dataclass(frozen=True)
class Switch:
    """On or off."""

    start: bool = False
    label: str = ""

    def holds(self, value: Any) -> bool:
        return isinstance(value, bool)

    def said(self) -> str:
        return "True, False"


Control = Slider | Choice | Switch


@dataclass(frozen=True)
class Explorer:
    """A figure as a function of its controls."""

    draw: Callable[..., Figure]
    alt: Callable[..., str] | str
    controls: dict[str, Control]

    @property
    def start(self) -> dict[str, Any]:
        return {name: control.start for name, control in self.controls.items()}

    def picture(self, **values: Any) -> Picture:
        """The figure at these values; every picture of an explorer is of one size.

        Raises:
            ValueError: a value that its control does not hold, or one that no control has.
        """
        for name in values.keys() - self.controls.keys():
            raise ValueError(f"{name}: there is no such control")
        values = self.start | values
        for name, control in self.controls.items():
            if not control.holds(values[name]):
                raise ValueError(f"{name}={values[name]!r} is none of {control.said()}")
        alt = self.alt(**values) if callable(self.alt) else self.alt
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError("explore needs alt: a sentence that says what the figure shows")
        png, size = fixed_png(self.draw(**values))
        return Picture(png, alt, size)


def explore(
    draw: Callable[..., Figure], *, alt: Callable[..., str] | str, **controls: Control
) -> None:
    """Display a figure that follows its controls, or the figure at their start.

    Args:
        draw: makes a matplotlib figure from the controls' values, given by name. It is called
            anew for each movement and finds the student's functions as they are then.
        alt: what a reader who cannot see the figure must know: a sentence, or a function of the
            values that gives one.
        controls: a Slider, Choice or Switch for each argument of ``draw``.

    The picture and its controls are two outputs. One output that holds both would be enough for
    the protocol, but JupyterLab prefers the controls in it even where their kernel is gone, and
    then shows an error in place of the picture.
    """
    for name, control in controls.items():
        if not isinstance(control, Control):
            raise TypeError(f"{name}: give a Slider, a Choice or a Switch, not {control!r}")
    explorer = Explorer(draw, alt, controls)
    from IPython.display import display

    still = explorer.picture()
    if not _somebody_plays():
        display(still)
        return
    try:
        from grader.student.explore_live import offer
    except ImportError as error:
        display(still)
        print(f"(To move this figure: pip install {error.name}, and restart the kernel.)")
        return
    offer(explorer, still)


def _somebody_plays() -> bool:
    """Did whoever asked for this cell say that a person can be asked something back?

    Every ``execute_request`` says so: JupyterLab, Notebook 7 and VS Code allow input; nbclient
    (and with it nbconvert, nbgrader's autograder and Validate, papermill, `grader solve`) and
    nbval do not. Outside of a kernel, in the grading worker or a terminal, there is no request.
    """
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    request = kernel.get_parent("shell") if kernel is not None else None
    return bool((request or {}).get("content", {}).get("allow_stdin"))
