"""The diagram of the lesson: the pre-norm block with its two bypasses."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.figure import Figure

from grader.authoring.drawing import BLUE, GRAY, LEARNED, SMALL, STEP, Box, Drawing

Part = tuple[float, float, str, str, bool]  # x, width, name, what stands below, has it weights?


def two_bypasses() -> Figure:
    """Data flow from left to right. The stream x, of shape (B, n, d), is a straight line on which
    nothing sits but two plus signs. Before the first plus a branch leaves it and goes through layer
    norm 1, multi-head attention with the mask M, and dropout, to the first plus; the stream itself
    bypasses all of them. A second branch leaves the new stream and goes through layer norm 2, the
    linear map up to (B, n, d ff), GELU, the linear map down to (B, n, d), and dropout, to the
    second plus; the stream bypasses these, too. What leaves has the shape (B, n, d) again.
    """
    page = Drawing(330)
    stream, branch = 254, 128
    page.text(207, 24, "attention: positions look at each other", size=SMALL, color=BLUE)
    page.text(584, 24, "feed-forward: every position by itself", size=SMALL, color=BLUE)
    first = _boxes(
        page,
        branch,
        ((74, 62, "LN$_1$", "gain, bias", True), (156, 98, "attention", "h heads", True))
        + ((276, 72, "dropout", "", False),),
    )
    second = _boxes(
        page,
        branch,
        ((414, 60, "LN$_2$", "gain, bias", True), (488, 50, "up", r"$d \to d_{ff}$", True))
        + ((553, 50, "GELU", "", False), (618, 50, "down", r"$d_{ff} \to d$", True))
        + ((684, 66, "dropout", "", False),),
    )
    plus_1, plus_2 = page.circle(372, stream, "+"), page.circle(768, stream, "+")
    page.arrow((12, stream), plus_1.left, color=BLUE, width=3)
    page.arrow(plus_1.right, plus_2.left, color=BLUE, width=3)
    page.arrow(plus_2.right, (798, stream), color=BLUE, width=3)
    page.arrow((48, stream), (48, branch), first[0].left)
    page.arrow(first[-1].right, (372, branch), plus_1.top)
    page.arrow((400, stream), (400, branch), second[0].left)
    page.arrow(second[-1].right, (768, branch), plus_2.top)
    mask = page.box(178, 46, 54, 34, "$M$", size=14)
    page.arrow(mask.bottom, first[1].top)
    page.text(240, 63, "(n, n)", size=SMALL, color=GRAY, align="left")
    page.text(210, stream - 18, "bypass", size=SMALL, color=BLUE)
    page.text(586, stream - 18, "bypass", size=SMALL, color=BLUE)
    page.text(12, stream + 26, "stream $x$  (B, n, d)", size=SMALL, color=GRAY, align="left")
    page.text(404, stream + 26, "(B, n, d)", size=SMALL, color=GRAY, align="left")
    page.text(790, stream + 26, "(B, n, d)", size=SMALL, color=GRAY, align="right")
    page.text(
        12,
        stream + 56,
        "blue boxes: weights to learn; gray boxes: none",
        size=SMALL,
        color=GRAY,
        align="left",
    )
    page.text(578, branch + 48, r"(B, n, $d_{ff}$)", size=SMALL, color=GRAY)
    return page.figure


def _boxes(page: Drawing, y: float, parts: Iterable[Part]) -> list[Box]:
    """Boxes in a row, each with an arrow to the next."""
    made = [
        page.box(
            x, y - 28, width, 56, name, below, fill=LEARNED if learned else STEP, size=14, small=11
        )
        for x, width, name, below, learned in parts
    ]
    for one, other in zip(made, made[1:], strict=False):
        page.arrow(one.right, other.left)
    return made
