"""Figures with alternative text, in colors that color-blind readers can tell apart."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from grader.student.summary import difference

if TYPE_CHECKING:  # a lesson's first cell imports this module, and matplotlib takes half a second
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

SEQUENTIAL = "cividis"
DIVERGING = "PuOr"
DPI = 110
SHARPNESS = 2  # image pixels per pixel on the page, for HiDPI screens


class Picture:
    """An image for a notebook: HTML with alternative text, or that text alone.

    ``size`` is its width and height on the page, in pixels.
    """

    def __init__(self, png: bytes, alt: str) -> None:
        self.png = png
        self.alt = alt
        self.size = _size(png)

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode()
        width, height = self.size
        return (
            f'<img alt="{html.escape(self.alt, quote=True)}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{data}" '
            'style="max-width:100%;height:auto;background:#fff">'
        )


def show(figure: Figure, *, alt: str) -> None:
    """Display a matplotlib figure with alternative text and close it.

    Args:
        figure: the figure.
        alt: what a reader who cannot see it must know; a full sentence.

    Raises:
        ValueError: ``alt`` is no text, or empty.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError("show needs alt: a sentence that says what the figure shows")
    from IPython.display import display

    display(Picture(_png(figure), alt))


def fixed_png(figure: Figure) -> bytes:
    """Render the figure as a PNG of its nominal size, whatever is drawn in it."""
    width, height = (round(inches * DPI) for inches in figure.get_size_inches())
    figure.set_size_inches(width / DPI, height / DPI)
    return _png(figure, None)


def _size(png: bytes) -> tuple[int, int]:
    """Return the width and height at which to show a PNG of :func:`_png`, from its header."""
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    return round(width / SHARPNESS), round(height / SHARPNESS)


def _png(figure: Figure, box: str | None = "tight") -> bytes:
    out = io.BytesIO()
    figure.savefig(
        out,
        format="png",
        dpi=DPI * SHARPNESS,
        bbox_inches=box,
        facecolor="white",
        metadata={"Software": None},
    )
    import sys

    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    return out.getvalue()


def heatmap(
    matrix: Any,
    *,
    rows: Sequence[str] | str = "",
    columns: Sequence[str] | str = "",
    title: str = "",
    alt: str,
    numbers: bool | None = None,
    low: float | None = None,
    high: float | None = None,
    root: bool = False,
) -> None:
    """Display a matrix as a heatmap.

    Numbers of both signs get two colors, which meet in white at 0. In a mask, whose only finite
    number is 0, the visible places are yellow.

    Args:
        matrix: (n, m) array or tensor; a value that is not finite (-inf in a mask) is gray.
        rows, columns: a label for each row or column, or one string that names the axis.
        title: above the picture.
        alt: the picture in a sentence.
        numbers: write the values into the cells (by default up to 12 by 12).
        low, high: the ends of the color scale (by default the smallest and largest number).
        root: the color follows the square root of a number, so that small ones differ visibly.

    Raises:
        ValueError: ``matrix`` does not have two axes, or ``alt`` is empty.
    """
    from matplotlib.figure import Figure

    values = _plain(matrix)
    if values.ndim != 2:
        raise ValueError(f"heatmap draws a matrix, but this has shape {values.shape}")
    height, width = values.shape
    figure = Figure(figsize=(min(1.6 + 0.55 * width, 9), min(1.2 + 0.45 * height, 7)))
    axes = figure.subplots()
    norm, colors = _scale(values, low, high, root)
    if numbers is None:
        numbers = height <= 12 and width <= 12
    image = _draw(axes, values, norm, colors, numbers)
    _label(axes, rows, columns)
    if title:
        axes.set_title(title, fontsize=10)
    if not numbers:
        figure.colorbar(image, ax=axes, shrink=0.85)
    show(figure, alt=alt)


def _scale(
    values: np.ndarray, low: float | None, high: float | None, root: bool
) -> tuple[Normalize, str]:
    """Return a heatmap's color scale, and the name of its colors."""
    from matplotlib.colors import Normalize, PowerNorm

    finite = values[np.isfinite(values)]
    low = low if low is not None else float(finite.min()) if finite.size else 0.0
    high = high if high is not None else float(finite.max()) if finite.size else 1.0
    if low == high and finite.size < values.size:  # a mask: 0 where one may look
        return Normalize(low - 1, high), SEQUENTIAL
    if min(-low, high) > 1e-6 * max(-low, high):  # not rounding errors around 0
        top = max(-low, high)
        return Normalize(-top, top), DIVERGING
    return (PowerNorm(0.5, low, high) if root else Normalize(low, high)), SEQUENTIAL


def comparison(yours: np.ndarray, expected: np.ndarray) -> str:
    """Return HTML of three heatmaps: yours, expected, difference (yours - expected).

    The difference is blank where both agree, infinities included. Where one of them is infinite, it
    has the color at the end of the scale.
    """
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    delta = difference(yours, expected)
    both = np.concatenate([yours.ravel(), expected.ravel()])
    finite = both[np.isfinite(both)]
    scale = Normalize(finite.min() if finite.size else 0, finite.max() if finite.size else 1)
    height, width = yours.shape
    # Small: the verdict around it has to fit on a laptop's screen, together with the picture.
    figure = Figure(figsize=(min(3 * (0.3 + 0.45 * width), 8.6), min(0.35 + 0.22 * height, 2.1)))
    left, middle, right = figure.subplots(
        1, 3, gridspec_kw={"left": 0, "right": 1, "bottom": 0, "wspace": 0.06}
    )
    numbers = height <= 8 and width <= 6
    _draw(left, yours, scale, SEQUENTIAL, numbers)
    _draw(middle, expected, scale, SEQUENTIAL, numbers)
    wide = np.abs(delta[np.isfinite(delta)])
    top = wide.max() if wide.size and wide.max() > 0 else 1.0
    shown = np.where(np.isinf(delta), np.copysign(top, delta), delta)
    _draw(right, shown, Normalize(-top, top), DIVERGING, numbers, _differences(delta))
    titles = ("yours", "expected", "difference" if width < 4 else "yours - expected")
    for axes, title in zip((left, middle, right), titles, strict=True):
        axes.set_title(title, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
    place = np.unravel_index(int(np.argmax(np.nan_to_num(np.abs(delta), nan=np.inf))), delta.shape)
    alt = (
        f"Three heatmaps of shape ({height}, {width}): yours, expected and their difference, "
        f"which is largest at [{place[0]}, {place[1]}], where yours is {yours[place]:.4g} "
        f"and {expected[place]:.4g} was expected."
    )
    return Picture(_png(figure), alt)._repr_html_()


def _differences(delta: np.ndarray) -> np.ndarray:
    """Return the text of each cell of a difference; empty where both agree."""
    words = [
        "" if value == 0 else f"{value:+.2g}" if np.isfinite(value) else _number(value)
        for value in delta.ravel().tolist()
    ]
    return np.array(words).reshape(delta.shape)


def _plain(matrix: Any) -> np.ndarray:
    detach = getattr(matrix, "detach", None)
    return np.asarray(detach() if detach else matrix, dtype=np.float64)


def _draw(
    axes: Any,
    values: np.ndarray,
    norm: Normalize,
    colors: str,
    numbers: bool,
    words: np.ndarray | None = None,
) -> Any:
    """Draw a heatmap; with ``numbers``, write ``words`` (by default the values) into its cells."""
    axes.set_facecolor("#d9d9d9")  # shows through where a value is not finite
    shown = np.where(np.isfinite(values), values, np.nan)
    image = axes.imshow(shown, cmap=colors, norm=norm, aspect="auto")
    if not numbers:
        for row, column in np.argwhere(~np.isfinite(values)):
            axes.add_patch(_hatch(row, column))
    else:
        finite = values[np.isfinite(values)]
        number = _whole if (finite == np.round(finite)).all() else _number
        for (row, column), value in np.ndenumerate(values):
            axes.text(
                column,
                row,
                number(value) if words is None else words[row, column],
                ha="center",
                va="center",
                fontsize=8,
                color=_ink(image, value),
            )
    return image


def _hatch(row: int, column: int) -> Any:
    from matplotlib.patches import Rectangle

    corner = (column - 0.5, row - 0.5)
    return Rectangle(corner, 1, 1, fill=False, hatch="//", edgecolor="#8a8a8a", linewidth=0)


def _number(value: float) -> str:
    if np.isnan(value):
        return "nan"
    if np.isinf(value):
        return "-∞" if value < 0 else "∞"
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00") if abs(value) < 100 else f"{value:.3g}"


def _whole(value: float) -> str:
    """Format a number of a table in which all numbers are whole."""
    return f"{value:.0f}" if np.isfinite(value) and abs(value) < 1e6 else _number(value)


def _ink(image: Any, value: float) -> str:
    """Return black or white, whichever can be read on the cell's color."""
    if not np.isfinite(value):
        return "black"
    red, green, blue, _ = image.cmap(image.norm(value))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


def _label(axes: Any, rows: Sequence[str] | str, columns: Sequence[str] | str) -> None:
    for labels, axis, ticks, ticklabels in (
        (rows, axes.set_ylabel, axes.set_yticks, axes.set_yticklabels),
        (columns, axes.set_xlabel, axes.set_xticks, axes.set_xticklabels),
    ):
        if isinstance(labels, str):
            axis(labels)
            ticker = axes.yaxis if axis == axes.set_ylabel else axes.xaxis
            ticker.get_major_locator().set_params(integer=True)
        else:
            ticks(range(len(labels)))
            longest = max((len(label) for label in labels), default=0)
            turn = (
                {"rotation": 35, "ha": "right"} if axis == axes.set_xlabel and longest > 6 else {}
            )
            ticklabels(labels, fontsize=9, **turn)
