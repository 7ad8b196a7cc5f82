"""Interactive figures: controls under a picture, or the picture alone where nobody can use them.

``explore(draw, alt=…, sharpness=Slider(0, 3, start=1))`` draws the figure at its start values. In
a notebook that a person has open, controls appear below, and the figure follows them
(``explore_live``). Everywhere else the figure does not change: in grading, in nbclient, nbval and
nbconvert, in a terminal, and in a saved notebook whose kernel is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.student import screen
from grader.student.figures import Picture, fixed_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Slider:
    """A number from ``low`` to ``high``; a whole one if bounds, start and step are whole.

    ValueError if ``low`` is not below ``high``, ``step`` not above 0, or ``start`` not in between.
    """

    low: float
    high: float
    start: float
    step: float = 1
    label: str = ""

    def __post_init__(self) -> None:
        if not self.low < self.high or self.step <= 0:
            raise ValueError(f"a slider needs low < high and step > 0, not {self}")
        if not self.holds(self.start):
            raise ValueError(f"start {self.start!r} is outside of {self.described()}")

    def holds(self, value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def described(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Choice:
    """One of several options; it starts at the first unless ``start`` names another.

    ValueError if there are no options, or if ``start`` is none of them.
    """

    options: Sequence[Any]
    start: Any = None
    label: str = ""

    def __post_init__(self) -> None:
        if not self.options:
            raise ValueError("a choice needs options")
        if self.start is None:
            object.__setattr__(self, "start", self.options[0])  # the dataclass is frozen
        if not self.holds(self.start):
            raise ValueError(f"start {self.start!r} is none of {self.described()}")

    def holds(self, value: Any) -> bool:
        return value in self.options

    def described(self) -> str:
        return ", ".join(map(str, self.options))


@dataclass(frozen=True)
class Switch:
    """On or off."""

    start: bool = False
    label: str = ""

    def holds(self, value: Any) -> bool:
        return isinstance(value, bool)

    def described(self) -> str:
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
        """Draw the figure at these values; every picture of an explorer has the same size.

        Raises:
            ValueError: a control does not hold the value given for it, or there is no such control.
        """
        for name in values.keys() - self.controls.keys():
            raise ValueError(f"{name}: there is no such control")
        values = self.start | values
        for name, control in self.controls.items():
            if not control.holds(values[name]):
                raise ValueError(
                    f"{name}={values[name]!r} is not allowed: use {control.described()}"
                )
        alt = self.alt(**values) if callable(self.alt) else self.alt
        if not isinstance(alt, str) or not alt.strip():
            raise ValueError("explore needs alt: a sentence that says what the figure shows")
        return Picture(fixed_png(self.draw(**values)), alt)


def explore(
    draw: Callable[..., Figure], *, alt: Callable[..., str] | str, **controls: Control
) -> None:
    """Display a figure that follows its controls, or the figure at their start values.

    Args:
        draw: makes a matplotlib figure from the controls' values, given by name. It is called
            again at each change and uses the student's functions as they are then.
        alt: what a reader who cannot see the figure must know: a sentence, or a function of the
            values that gives one.
        controls: a Slider, Choice or Switch for each argument of ``draw``.

    Raises:
        TypeError: a control is none of these.
        ValueError: ``alt`` gives no sentence.

    The picture and its controls are two outputs. The protocol would allow one output with both,
    but JupyterLab would then prefer the controls even where their kernel is gone, and show an
    error in place of the picture.
    """
    for name, control in controls.items():
        if not isinstance(control, Control):
            raise TypeError(f"{name}: give a Slider, a Choice or a Switch, not {control!r}")
    explorer = Explorer(draw, alt, controls)
    from IPython.display import display

    still = explorer.picture()
    if not screen.is_interactive():
        display(still)
        return
    from grader.student.explore_live import display_live

    display_live(explorer, still)
