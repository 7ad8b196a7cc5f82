"""The diagram of the lesson: from counts to probabilities to the loss, for one word."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from grader.authoring.drawing import BLUE, GRAY, SMALL, STEP, Drawing, shade

WORD, LETTERS = "abracadabra", "abcdr"


def counts_to_loss() -> Figure:
    """Data flow for the word abracadabra, a text of T = 11 letters with a vocabulary of V = 5.
    Counting its ten pairs gives the counts n, of shape (V, V): after a came b twice, c once and d
    once; after b came r twice; after c came a once; after d came a once; after r came a twice. Each
    row divided by its sum gives the probabilities p, (V, V): after a 0.5, 0.25 and 0.25, otherwise
    1. Looked up for the ten steps of the text they are 0.5, 1, 1, 0.25, 1, 0.25, 1, 0.5, 1, 1.
    Minus their logarithms are 0.69, 0, 0, 1.39, 0, 1.39, 0, 0.69, 0, 0 nats, and their mean, 0.416,
    is the loss.
    """
    pairs = list(zip(WORD, WORD[1:], strict=False))
    counts = [[pairs.count((i, j)) for j in LETTERS] for i in LETTERS]
    table = [[n / sum(row) for n in row] for row in counts]
    steps = [table[LETTERS.index(i)][LETTERS.index(j)] for i, j in pairs]
    surprises = [-math.log(p) for p in steps]

    page = Drawing(470)
    page.grid(200, 14, [list(WORD)], cell=(36, 30), size=15)
    page.text(190, 29, "text $x$  (T,)", size=SMALL, color=GRAY, align="right")
    left = page.grid(96, 120, [[f"{n}" if n else "" for n in row] for row in counts], cell=(34, 25))
    right = page.grid(
        424,
        120,
        [[f"{p:g}" if p else "" for p in row] for row in table],
        cell=(46, 25),
        fills=[[shade(p) for p in row] for row in table],
    )
    for grid, width in ((left, 34), (right, 46)):
        for k, letter in enumerate(LETTERS):
            page.text(grid.x - 12, 132.5 + 25 * k, letter, size=SMALL, color=GRAY)
            page.text(grid.x + width * (k + 0.5), 110, letter, size=SMALL, color=GRAY)
    page.text(181, 264, "counts $n_{ij}$  (V, V)", size=SMALL, color=GRAY)
    page.text(666, 170, "probabilities $p_{ij}$", size=SMALL, color=GRAY, align="left")
    page.text(666, 190, "(V, V)", size=SMALL, color=GRAY, align="left")
    page.text(666, 214, "rows: current letter", size=12, color=GRAY, align="left")
    page.text(666, 232, "columns: next letter", size=12, color=GRAY, align="left")
    page.arrow((244, 44), (244, 76), (181, 76), (181, 102))
    page.text(254, 62, "count the pairs", size=SMALL, color=BLUE, align="left")
    page.arrow(left.right, (402, left.right[1]))
    page.text(336, 158, "divide each row", size=SMALL, color=BLUE)
    page.text(336, 200, "by its sum", size=SMALL, color=BLUE)

    x, width = 114, 50
    for t, (i, j) in enumerate(pairs):
        page.text(x + width * (t + 0.5), 326, i + j, size=SMALL, color=GRAY)
    page.arrow(right.bottom, (right.bottom[0], 308))
    page.text(
        right.bottom[0] + 10,
        282,
        "look up each step of the text",
        size=SMALL,
        color=BLUE,
        align="left",
    )
    found = page.grid(
        x, 340, [[f"{p:g}" for p in steps]], cell=(width, 28), fills=[[shade(p) for p in steps]]
    )
    cost = page.grid(x, 404, [[f"{s:.2f}" if s else "0" for s in surprises]], cell=(width, 28))
    page.text(x - 10, 354, "$p$  (T − 1,)", size=SMALL, color=GRAY, align="right")
    page.text(x - 10, 418, "nats  (T − 1,)", size=SMALL, color=GRAY, align="right")
    page.arrow(found.bottom, cost.top)
    page.text(found.bottom[0] + 12, 386, r"$-\ln p$", size=14, color=BLUE, align="left")
    loss = page.box(
        714, 391, 76, 54, f"{sum(surprises) / len(surprises):.3f}", "loss  ()", fill=STEP
    )
    page.arrow(cost.right, loss.left)
    page.text(690, 402, "mean", size=SMALL, color=BLUE)
    return page.figure
