"""Draw a diagram of data flow: boxes, arrows, grids and formulas on a white page 800 units wide.

A unit is a pixel at the width of a notebook's column, and is drawn as two pixels, so that the
diagram is sharp on any screen. The page is white because a picture cannot know whether the page
around it is light or dark. Text is in DejaVu Sans, which matplotlib brings along; ``$...$`` is a
formula.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from grader.student.figures import SEQUENTIAL

WIDTH = 800
UNITS_PER_INCH, SHARPNESS = 100, 2
INK, GRAY = "#1a1a1a", "#5c5c5c"
BLUE, ORANGE, GREEN = "#0072b2", "#c24e00", "#00735a"  # dark enough for text on white
DATA, LEARNED, STEP = "#ffffff", "#d9e8f5", "#ececec"  # numbers, numbers to learn, operations
# The heatmaps' colors: the end of the scale for "visible" or 1, and gray for minus infinity.
VISIBLE, HIDDEN = "#fee838", "#d9d9d9"
SMALL, NORMAL, LARGE = 13, 15, 18  # of text, in units
RADIUS = 12  # of a circle with an operation in it
Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rectangle that was drawn, for arrows to begin and end at."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def left(self) -> Point:
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> Point:
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> Point:
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> Point:
        return self.x + self.width / 2, self.y + self.height

    def near(self, x: float, y: float) -> Point:
        """Of a circle: the point on its edge that is nearest to (x, y)."""
        across, down = x - self.center[0], y - self.center[1]
        share = self.width / 2 / math.hypot(across, down)
        return self.center[0] + across * share, self.center[1] + down * share


class Drawing:
    """A page that is drawn on; x grows to the right and y downward, both in units."""

    def __init__(self, height: float) -> None:
        size = (WIDTH / UNITS_PER_INCH, height / UNITS_PER_INCH)
        self.figure = Figure(figsize=size, dpi=UNITS_PER_INCH, facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        self.axes.axis("off")

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = NORMAL,
        color: str = INK,
        align: str = "center",
        bold: bool = False,
    ) -> None:
        """Write words; y is the middle of the text, x its middle, ``left`` or ``right`` end."""
        # A line alone stands on its baseline, or words with descenders would sit higher.
        alone = "\n" not in words
        self.axes.text(
            x,
            y + (0.36 * size if alone else 0),
            words,
            fontsize=size * 72 / UNITS_PER_INCH,  # points
            color=color,
            ha=align,
            va="baseline" if alone else "center",
            weight="bold" if bold else "normal",
            linespacing=1.35,
            zorder=4,
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        words: str = "",
        below: str = "",
        *,
        fill: str = DATA,
        size: float = NORMAL,
        small: float = SMALL,
    ) -> Box:
        """Draw a box with words in it and, under them, its shape or another small text."""
        self.axes.add_patch(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=5",
                facecolor=fill,
                edgecolor=INK,
                linewidth=1.2,
                zorder=2,
            )
        )
        middle = y + height / 2
        self.text(x + width / 2, middle - (9 if below else 0), words, size=size)
        if below:
            self.text(x + width / 2, middle + 11, below, size=small, color=GRAY)
        return Box(x, y, width, height)

    def circle(self, x: float, y: float, sign: str) -> Box:
        """Draw a small circle with an operation in it, such as the sum of two vectors."""
        self.axes.add_patch(
            Circle((x, y), RADIUS, facecolor=STEP, edgecolor=INK, linewidth=1.2, zorder=3)
        )
        self.text(x, y, sign, size=LARGE)
        return Box(x - RADIUS, y - RADIUS, 2 * RADIUS, 2 * RADIUS)

    def frame(self, x: float, y: float, width: float, height: float, *, color: str) -> None:
        """Draw a thick outline around something."""
        self.axes.add_patch(
            Rectangle((x, y), width, height, fill=False, edgecolor=color, linewidth=2.2, zorder=5)
        )

    def arrow(
        self, *points: Point, color: str = INK, width: float = 1.4, dashed: bool = False
    ) -> None:
        """Draw a line through these points, with a head at the last."""
        style: dict[str, Any] = {"color": color, "linewidth": width}
        style["linestyle"] = "--" if dashed else "-"
        self.axes.plot(*zip(*points[:-1], strict=True), **style, zorder=1)
        self.axes.annotate(
            "",
            points[-1],
            points[-2],
            arrowprops={"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
            | style,
            zorder=1,
        )

    def line(self, *points: Point, color: str = GRAY, width: float = 1.2) -> None:
        """Draw a line without a head."""
        self.axes.plot(*zip(*points, strict=True), color=color, linewidth=width, zorder=1)

    def grid(
        self,
        x: float,
        y: float,
        words: Sequence[Sequence[str]],
        *,
        cell: tuple[float, float] = (46, 30),
        fills: Sequence[Sequence[str]] | None = None,
        size: float = SMALL,
    ) -> Box:
        """Draw a matrix: a word and a color for each cell; by default the color of data."""
        width, height = cell
        for row, line in enumerate(words):
            for column, word in enumerate(line):
                color = DATA if fills is None else fills[row][column]
                corner = (x + column * width, y + row * height)
                style: dict[str, Any] = {
                    "facecolor": color,
                    "edgecolor": INK,
                    "linewidth": 1.0,
                    "zorder": 2,
                }
                self.axes.add_patch(Rectangle(corner, width, height, **style))
                ink = INK if _is_light(color) else "white"
                middle = (corner[0] + width / 2, corner[1] + height / 2)
                self.text(*middle, word, size=size, color=ink)
        return Box(x, y, width * len(words[0]), height * len(words))


def shade(value: float) -> str:
    """The color that a heatmap from 0 to 1 gives to this value."""
    return matplotlib.colors.to_hex(matplotlib.colormaps[SEQUENTIAL](value))


def png(draw: Callable[[], Figure], stamp: str) -> bytes:
    """What ``draw`` draws, as a PNG with few colors, which says what it was made from."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    drawn, out, info = io.BytesIO(), io.BytesIO(), PngInfo()
    with matplotlib.rc_context(matplotlib.rcParamsDefault):  # whatever the author's own settings
        draw().savefig(drawn, format="png", dpi=UNITS_PER_INCH * SHARPNESS, facecolor="white")
    info.add_text(STAMP, stamp)
    picture = Image.open(drawn).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(out, format="PNG", optimize=True, pnginfo=info)
    return out.getvalue()


def stamp_of(content: bytes) -> str:
    """What a PNG says that it was made from; "" if it says nothing."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return str(picture.info.get(STAMP, ""))


STAMP = "Source"


def _is_light(color: str) -> bool:
    red, green, blue = matplotlib.colors.to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
