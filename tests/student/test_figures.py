"""Laws of the figures: sharp, and colors that mean the same in every lesson."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from grader.judge.sanitize import clean_html
from grader.student import figures

INF = np.inf
TOP = to_rgb(colormaps["cividis"](1.0))  # yellow: 1 in a heatmap of weights, and "visible"


class Drawn:
    """A heatmap that was drawn: the color of each cell, and what is written in it."""

    def __init__(self, figure: Figure) -> None:
        (image,) = figure.axes[0].images
        shown = image.get_array()
        self.colors = np.where(
            np.ma.getmaskarray(shown)[..., None] | ~np.isfinite(np.ma.getdata(shown))[..., None],
            np.nan,
            image.cmap(image.norm(np.ma.getdata(shown)))[..., :3],
        )
        self.words = [text.get_text() for text in figure.axes[0].texts]


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Any:
    def drawn(matrix: Any, **options: Any) -> Drawn:
        made: list[Figure] = []
        monkeypatch.setattr(figures, "show", lambda figure, alt: made.append(figure))
        figures.heatmap(np.array(matrix, dtype=float), alt="A table.", **options)
        return Drawn(made[0])

    return drawn


@pytest.mark.parametrize(
    "mask", [[[0, -INF], [0, 0]], [[0, 0, -INF]], [[-INF, -INF], [-INF, 0]]], ids=str
)
def test_what_a_mask_shows_has_the_color_of_a_weight_of_one(draw: Any, mask: list) -> None:
    visible = np.array(mask) == 0
    weights = draw(visible, low=0, high=1)
    assert np.allclose(weights.colors[visible], TOP)
    masked = draw(mask)
    assert np.allclose(masked.colors[visible], TOP)
    assert np.isnan(masked.colors[~visible]).all()  # gray shows through


def test_numbers_of_both_signs_meet_in_white_at_zero(draw: Any) -> None:
    for table in ([[-3.0, 0.0, 1.5]], [[-0.5, 0.0, 4.0]]):
        (negative, zero, positive) = draw(table).colors[0]
        assert zero.min() > 0.95
        assert (negative[0] > negative[2]) != (positive[0] > positive[2])  # orange, purple
    scale = draw([[0.0, 0.5]], low=-1, high=1).colors[0]  # the lesson says how far it could go
    assert scale[0].min() > 0.95


def test_rounding_below_zero_makes_no_number_negative(draw: Any) -> None:
    clean, noisy = draw([[0.0, 1.0]]), draw([[-1e-9, 1.0]])
    assert np.allclose(clean.colors, noisy.colors, atol=0.01)


def test_whole_numbers_are_written_whole(draw: Any) -> None:
    assert draw([[1, 0], [0, 12]]).words == ["1", "0", "0", "12"]
    assert draw([[0, -INF]]).words == ["0", "-∞"]
    assert draw([[1, 0.5]]).words == ["1.00", "0.50"]


def test_by_the_root_small_numbers_can_be_told_from_zero(draw: Any) -> None:
    table = [[0.0, 0.04, 1.0]]
    plain, root = draw(table).colors[0], draw(table, root=True).colors[0]
    assert np.abs(root[1] - root[0]).max() > 3 * np.abs(plain[1] - plain[0]).max()
    assert np.allclose(root[2], plain[2]) and np.allclose(root[0], plain[0])


def test_a_picture_has_two_dots_for_each_pixel_that_it_takes() -> None:
    """Sharp on a HiDPI screen, and no larger on the page than the figure says."""
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2])
    png = figures.fixed_png(figure)
    picture = figures.Picture(png, "A line.")
    assert struct.unpack(">2I", png[16:24]) == (660, 440)
    assert picture.size == (330, 220)
    assert 'width="330" height="220"' in picture._repr_html_()
    assert "max-width:100%;height:auto" in picture._repr_html_()


def test_the_feedback_page_keeps_a_pictures_proportions() -> None:
    figure = Figure(figsize=(3, 2))
    html = clean_html(figures.Picture(figures.fixed_png(figure), "Nothing.")._repr_html_())
    assert 'width="330" height="220"' in html
    for style in ("max-width:100%", "height:auto"):
        assert style in html.replace(" ", "")
