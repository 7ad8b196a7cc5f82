"""The diagram of the lesson: a position that is added, beside one that turns vectors."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from grader.authoring.drawing import BLUE, GRAY, LEARNED, ORANGE, SMALL, STEP, Drawing


def added_or_turned() -> Figure:
    """Two rows of data flow. In the upper row the position is added: x and the table PE, both of
    shape (n, d), are summed once, before the first layer; the sum goes through W query, W key and
    W value, so queries, keys and values all carry the position, and a score depends on both
    positions m and n. In the lower row the position turns vectors: x goes through the same three
    maps unmarked; then queries and keys, and they alone, are turned by the angle p times theta, in
    every layer; values stay as they are, and a score depends on the positions only through the
    offset m - n. Beside each row, in the plane: an arrow to which another is added, and an arrow
    that is turned on a circle.
    """
    page = Drawing(470)
    page.text(12, 24, "added: once, before the first layer", bold=True, color=BLUE, align="left")
    _row(page, 152, turned=False)
    page.line((12, 246), (788, 246), color="#d9d9d9")
    page.text(
        12, 270, "turned: queries and keys, in every layer", bold=True, color=ORANGE, align="left"
    )
    _row(page, 372, turned=True)
    return page.figure


def _row(page: Drawing, y: float, *, turned: bool) -> None:
    x = page.box(12, y - 26, 72, 52, "$x$", "(n, d)")
    up, down = y - 34, y + 40
    maps = page.box(178, up - 26, 122, 52, r"$W_{query},\ W_{key}$", "(d, d)", fill=LEARNED)
    value = page.box(178, down - 26, 122, 52, "$W_{value}$", "(d, d)", fill=LEARNED)
    asked = page.box(332, up - 26, 72, 52, "$Q, K$", "(n, d)")
    values = page.box(332, down - 26, 72, 52, "$V$", "(n, d)")
    scores = page.box(552, up - 26, 72, 52, "$S$", "(n, n)")
    if turned:
        page.arrow(x.right, (150, y), (150, up), maps.left)
        page.arrow(x.right, (150, y), (150, down), value.left)
        turn = page.box(
            432, up - 26, 92, 52, r"turn by $p\,\theta$", "no weights", fill=STEP, size=14
        )
        page.arrow(asked.right, turn.left)
        page.arrow(turn.right, scores.left)
        page.text(588, up + 50, "of positions,\nonly $m - n$ counts", size=SMALL, color=ORANGE)
        page.text(416, down, "stay as they are", size=SMALL, color=ORANGE, align="left")
        _turning(page, 722, y)
    else:
        plus = page.circle(120, y, "+")
        table = page.box(84, y - 98, 72, 52, "$PE$", "(n, d)")
        page.arrow(x.right, plus.left)
        page.arrow(table.bottom, plus.top)
        page.arrow(plus.right, (150, y), (150, up), maps.left)
        page.arrow(plus.right, (150, y), (150, down), value.left)
        page.arrow(asked.right, scores.left)
        page.text(588, up + 50, "both positions\ncount", size=SMALL, color=BLUE)
        page.text(416, down, "carry the position, too", size=SMALL, color=BLUE, align="left")
        _adding(page, 722, y)
    page.arrow(maps.right, asked.left)
    page.arrow(value.right, values.left)


def _adding(page: Drawing, x: float, y: float) -> None:
    start, tip, end = (x - 50, y + 40), (x + 34, y + 16), (x + 8, y - 40)
    page.arrow(start, tip, color=GRAY, width=1.8)
    page.arrow(tip, end, color=GRAY, width=1.8, dashed=True)
    page.arrow(start, end, color=BLUE, width=2.4)
    page.text(x, y + 46, "$x_p$", color=GRAY)
    page.text(x + 28, y - 14, "$PE[p]$", color=GRAY, align="left")


def _turning(page: Drawing, x: float, y: float) -> None:
    radius, before, after = 54, math.radians(12), math.radians(80)
    around = [math.radians(angle) for angle in range(0, 361, 3)]
    page.line(
        *((x + radius * math.cos(a), y - radius * math.sin(a)) for a in around), color="#b0b0b0"
    )
    for angle, color, width in ((before, GRAY, 1.8), (after, ORANGE, 2.4)):
        tip = (x + radius * math.cos(angle), y - radius * math.sin(angle))
        page.arrow((x, y), tip, color=color, width=width)
    arc = [before + (after - before) * step / 20 for step in range(21)]
    page.arrow(*((x + 26 * math.cos(a), y - 26 * math.sin(a)) for a in arc), color=ORANGE)
    page.text(x + 34, y - 26, r"$p\,\theta$", color=ORANGE, size=14)
    page.text(x + 18, y + 12, "$q$", color=GRAY)
