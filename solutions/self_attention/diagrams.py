"""The diagram of the lesson: self-attention of the turtle sentence, with every matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from grader.authoring.drawing import GRAY, LEARNED, ORANGE, SMALL, Box, Drawing, shade

WORDS = ("the", "turtle", "naps", "because", "it", "is", "tired")
# noun, pronoun, verb, adjective, little word, animal
SENTENCE = (
    (0, 0, 0, 0, 1, 0),
    (1, 0, 0, 0, 0, 1),
    (0, 0, 1, 0, 0, 0),
    (0, 0, 0, 0, 1, 0),
    (0, 1, 0, 0, 0, 0),
    (0, 0, 1, 0, 0, 0),
    (0, 0, 0, 1, 0, 0),
)
WANTS = ((0, 3, 3, 3, 0, 0), (3, 0, 0, 0, 0, 0))
OFFERS = ((3, 0, 0, 0, 0, 0), (0, 0, 3, 0, 0, 0))
HANDS_OVER = ((1, 0, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0), (0, 0, 0, 0, 0, 1))
IT = WORDS.index("it")
Matrix = Sequence[Sequence[float]]


def turtle_sentence() -> Figure:
    """Data flow from left to right for the seven words of the turtle sentence. X, of shape (7, 6),
    goes through three maps: W query gives Q (7, 2), W key gives K (7, 2), W value gives V (7, 3).
    Q and K give the scores S (7, 7): in the row of the word it, the score of turtle is 6.4 and all
    others are 0. Softmax along each row gives the weights A (7, 7), in that row 0.99 for turtle.
    A times V is the output O (7, 3): it receives 0.99 noun, 0.00 verb, 0.99 animal.
    """
    query, key, value = (_times(SENTENCE, matrix) for matrix in (WANTS, OFFERS, HANDS_OVER))
    scores = [
        [sum(a * b for a, b in zip(q, k, strict=True)) / math.sqrt(2) for k in key] for q in query
    ]
    weights = [_softmax(row) for row in scores]
    output = [
        [sum(a * v[c] for a, v in zip(row, value, strict=True)) for c in range(3)]
        for row in weights
    ]

    page = Drawing(470)
    x = page.grid(84, 150, _marks(SENTENCE), cell=(21, 24))
    page.text(147, 112, "$X$", bold=True)
    page.text(147, 134, "(7, 6)", size=SMALL, color=GRAY)
    for row, word in enumerate(WORDS):
        color = ORANGE if row == IT else GRAY
        page.text(76, 162 + 24 * row, word, size=SMALL, color=color, align="right")
    grids = []
    for number, (name, letter, table) in enumerate(
        (("query", "Q", query), ("key", "K", key), ("value", "V", value))
    ):
        y, width = 40 + 144 * number, len(table[0])
        grid = page.grid(374, y, _marks(table), cell=(22, 16), size=12)
        matrix = page.box(242, y + 29, 98, 54, f"$W_{{{name}}}$", f"({width}, 6)", fill=LEARNED)
        page.arrow(x.right, (226, x.right[1]), (226, matrix.left[1]), matrix.left)
        page.arrow(matrix.right, grid.left)
        page.text(374, y - 14, f"${letter}$  (7, {width})", size=SMALL, color=GRAY, align="left")
        grids.append(grid)
    s = page.grid(474, 64, [[_short(v) for v in row] for row in scores], cell=(21, 21), size=12)
    a = page.grid(
        648, 64, [[""] * 7] * 7, cell=(21, 21), fills=[[shade(a) for a in row] for row in weights]
    )
    words = [[f"{number:.2f}" for number in row] for row in output]
    o = page.grid(655.5, 328, words, cell=(44, 16), size=12)
    page.text(547, 22, r"$S = QK^{\!\top}/\sqrt{2}$")
    page.text(547, 46, "(7, 7)", size=SMALL, color=GRAY)
    page.text(721, 22, r"$A = \mathrm{softmax}_j(S)$")
    page.text(721, 46, "(7, 7)", size=SMALL, color=GRAY)
    page.text(640, 340, "$O = AV$", align="right")
    page.text(640, 362, "(7, 3)", size=SMALL, color=GRAY, align="right")
    page.text(721, 456, "noun  verb  animal", size=SMALL, color=GRAY)
    page.arrow(grids[0].right, (474, grids[0].right[1]))
    page.arrow(grids[1].right, (446, grids[1].right[1]), (446, 180), (474, 180))
    page.arrow(s.right, a.left)
    page.arrow(a.bottom, o.top)
    page.arrow(grids[2].right, o.left)
    page.text(547, 234, "columns: the same words", size=SMALL, color=GRAY)
    page.text(547, 254, "A: yellow is 1, dark blue is 0", size=SMALL, color=GRAY)
    for box, height in ((x, 24), (grids[0], 16), (s, 21), (a, 21), (o, 16)):
        _outline(page, box, height)
    return page.figure


def _outline(page: Drawing, box: Box, height: float) -> None:
    """Mark the row of "it"."""
    page.frame(box.x, box.y + IT * height, box.width, height, color=ORANGE)


def _times(rows: Matrix, matrix: Matrix) -> list[list[float]]:
    """The rows through a map that is stored as (out, in)."""
    return [[sum(a * b for a, b in zip(row, out, strict=True)) for out in matrix] for row in rows]


def _softmax(row: Sequence[float]) -> list[float]:
    powers = [math.exp(score) for score in row]
    return [power / sum(powers) for power in powers]


def _marks(table: Matrix) -> list[list[str]]:
    """Whole numbers; a zero is left out, so that the others stand out."""
    return [[f"{number:g}" if number else "" for number in row] for row in table]


def _short(number: float) -> str:
    return f"{number:.1f}" if number else "0"
